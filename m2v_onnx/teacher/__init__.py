"""A Sentence Transformer: found, exported to ONNX, and run."""
