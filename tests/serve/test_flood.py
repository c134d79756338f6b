"""Many requests at once, some of them malformed."""

from __future__ import annotations

from pathlib import Path

import pytest

from m2v_onnx import StaticModel
from tests.serve.flooding import Flood
from tests.serve.servers import running


@pytest.mark.skipif(not Path("/proc").exists(), reason="needs /proc")
def test_a_flood_gets_right_vectors_and_leaves_no_memory_behind(tiny_folders, tmp_path):
    with running(tmp_path, tiny_folders / "unit") as server:
        flood = Flood(server, StaticModel.from_pretrained(tiny_folders / "unit"))
        flood.send(500, 50, seed=0)
        before = server.resident_mb()
        flood.send(1000, 100, seed=1)
        assert server.resident_mb() - before < 10
        assert flood.wrong == []
        assert len(flood.kinds) == 1500
        assert sum(kind in ("broken", "malformed") for kind in flood.kinds) == 150
        assert server.embed("sun") == [pytest.approx([0.6, 0.8])]
    assert server.errors.read_text() == ""
