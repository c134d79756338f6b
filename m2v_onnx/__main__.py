"""`python -m m2v_onnx` is `m2v-onnx`."""

import os
import sys

# Python looks for modules in the current folder first, which may be a stranger's model.
if sys.path[:1] == [os.getcwd()]:  # noqa: PTH109  # as Python wrote it
    del sys.path[0]

from m2v_onnx.cli.app import main

if __name__ == "__main__":
    main()
