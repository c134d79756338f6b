"""The compiled parts in interpreters with a lock of their own, where Python has them."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

pytest.importorskip("m2v_onnx.native._row_sums")
NATIVE = Path(__file__).parents[2] / "m2v_onnx/native"
# numpy and tokenizers refuse to be loaded there: the modules are asked alone.
CODE = f"""
import sys
sys.path.insert(0, {str(NATIVE)!r})
import _row_sums, _word_piece
assert "float32" in _row_sums.kernels()
word_piece = _word_piece.WordPiece({{"[UNK]": 0, "a": 1}}, "##", 0, 100, [])
word_piece.learn(0, [(1, bytes([max(c, 1)])) for c in range(128)] + [(3, b"")] * 128)
assert word_piece.tokenize(["a"])[0] == (1).to_bytes(4, sys.byteorder)
"""


def test_the_code_runs_here():
    exec(CODE, {})


@pytest.mark.skipif(sys.version_info < (3, 13), reason="Python 3.13 brought the module")
def test_interpreters_with_their_own_lock():
    interpreters = importlib.import_module("_interpreters")
    for _ in range(3):
        number = interpreters.create("isolated")
        failure = interpreters.run_string(number, CODE)
        assert failure is None, failure
        interpreters.destroy(number)
