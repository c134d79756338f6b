"""Vocabulary and tokens of static models of odd teachers are those of model2vec (see `make peers`)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from m2v_onnx.distill import distill
from tests import peer_cases
from tests.builders import tiny_teacher_graph

DATA = Path(__file__).parents[1] / "data"
PEERS = json.loads((DATA / "peers.json").read_text(encoding="utf-8"))["distilled"]


@pytest.mark.parametrize("name", peer_cases.DISTILLED)
def test_tokens_are_those_of_model2vec(tmp_path, name):
    peer_cases.DISTILLED[name](tmp_path)
    (tmp_path / "model.onnx").write_bytes(tiny_teacher_graph(8, n_tokens=300).SerializeToString())
    model = distill(tmp_path, recipe="model2vec-0.10", pca_dims=None)
    encodings = [model.tokenizer.encode(text, add_special_tokens=False) for text in peer_cases.TEXTS]
    assert sorted(model.tokenizer.get_vocab()) == PEERS[name]["vocabulary"]
    assert [encoding.tokens for encoding in encodings] == PEERS[name]["tokens"]
