"""ONNX graphs of a static model. Needs the extra `export`, except for the list of kinds."""
