"""The compiled part of the package; everything else stands in pyproject.toml."""

import sys

from setuptools import Extension, setup

setup(
    ext_modules=[
        Extension(
            "m2v_onnx.runtime._row_sums",
            ["m2v_onnx/runtime/row_sums.c"],
            extra_compile_args=["-O3"],
            libraries=[] if sys.platform == "win32" else ["m"],
            optional=True,  # without a C compiler batches are pooled by onnxruntime
        )
    ]
)
