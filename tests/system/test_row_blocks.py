"""Blocks of rows, and what becomes of a mapped file's pages."""

from __future__ import annotations

import numpy as np
import pytest

from m2v_onnx.system.row_blocks import row_blocks, rows_beyond


@pytest.mark.parametrize("n_rows", [0, 1, 4096, 4097])
def test_every_row_is_in_one_block(n_rows):
    array = np.arange(n_rows)
    np.testing.assert_array_equal(
        np.concatenate([np.empty(0), *[array[rows] for rows in row_blocks(array)]]), array
    )


@pytest.mark.parametrize("mode", ["r", "c", "r+"])
def test_what_was_written_into_a_map_stays(tmp_path, mode):
    np.save(tmp_path / "a.npy", np.zeros((5000, 2), np.float32))
    array = np.load(tmp_path / "a.npy", mmap_mode=mode)
    if mode != "r":
        array[3] = 7
        array[4, 0] = np.nan
    assert rows_beyond(array, 1e9).tolist() == ([] if mode == "r" else [4])
    assert array[3].tolist() == ([0, 0] if mode == "r" else [7, 7])
    assert rows_beyond(np.asarray(array)[1:], 1e9).tolist() == ([] if mode == "r" else [3])
