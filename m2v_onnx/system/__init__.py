"""The machine: files, threads, terminal, network, onnxruntime. It knows no model."""
