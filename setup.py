"""The compiled parts of the package; everything else stands in pyproject.toml."""

import sys

from setuptools import Extension, setup

setup(
    ext_modules=[
        Extension(
            f"m2v_onnx.native._{name}",
            [f"m2v_onnx/native/{name}.c"],
            extra_compile_args=["-O3"],
            libraries=[] if sys.platform == "win32" else ["m"],
            optional=True,  # without a C compiler onnxruntime pools, and the tokenizers library tokenises
        )
        for name in ("row_sums", "word_piece")
    ]
)
