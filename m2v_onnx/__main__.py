"""`python -m m2v_onnx` is `m2v-onnx`."""

from m2v_onnx.cli.app import main

if __name__ == "__main__":
    main()
