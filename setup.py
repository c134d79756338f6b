"""The compiled parts of the package; everything else stands in pyproject.toml."""

import sys

from setuptools import Extension, setup

NATIVE = "m2v_onnx/native"

setup(
    ext_modules=[
        Extension(
            f"m2v_onnx.native._{name}",
            [f"{NATIVE}/{name}.c", f"{NATIVE}/{name}_module.c"],
            depends=[f"{NATIVE}/{name}.h", f"{NATIVE}/compiler.h"],
            extra_compile_args=["-O3"],
            libraries=[] if sys.platform == "win32" else ["m"],
            optional=True,  # without a C compiler NumPy averages, and the tokenizers library tokenises
        )
        for name in ("row_sums", "word_piece")
    ]
)
