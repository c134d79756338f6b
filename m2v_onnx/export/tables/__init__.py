"""A tokenizer as tables of numbers, without onnx."""
