"""The tokenizer that transformers and sentence-transformers would build (see `make peers`)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tokenizers import Tokenizer

from m2v_onnx.folder.reading import read_tokenizer
from m2v_onnx.folder.tokenizer_settings import read_tokenizer_settings
from m2v_onnx.teacher.own_tokenizer import build_own_tokenizer
from tests import peer_cases

PEERS = json.loads((Path(__file__).parents[1] / "data/peers.json").read_text(encoding="utf-8"))


def build(folder: Path, *, do_lower_case: bool = False) -> Tokenizer:
    tokenizer = read_tokenizer(folder / "tokenizer.json")
    return build_own_tokenizer(tokenizer, read_tokenizer_settings(folder), do_lower_case=do_lower_case)


def tokens(tokenizer: Tokenizer) -> list[list[str]]:
    return [tokenizer.encode(text, add_special_tokens=False).tokens for text in peer_cases.TEXTS]


@pytest.mark.parametrize("name", peer_cases.TOKENIZERS)
def test_tokens_are_those_of_transformers_5(tmp_path, name):
    peer_cases.TOKENIZERS[name](tmp_path)
    assert tokens(build(tmp_path)) == PEERS["tokenizers"][name]


@pytest.mark.parametrize("name", peer_cases.LOWERED)
def test_sentence_transformers_lowers(tmp_path, name):
    peer_cases.LOWERED[name](tmp_path)
    assert tokens(build(tmp_path, do_lower_case=True)) == PEERS["lowered"][name]


@pytest.mark.slow
@pytest.mark.parametrize("name", [*peer_cases.TOKENIZERS, *peer_cases.TOKENIZERS_OF_TRANSFORMERS_4])
def test_tokens_are_those_of_transformers_4(tmp_path, name):
    transformers = pytest.importorskip("transformers", reason="the extra optimum brings it")
    cases = {**peer_cases.TOKENIZERS, **peer_cases.TOKENIZERS_OF_TRANSFORMERS_4}
    cases[name](tmp_path)
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path)
    assert tokens(build(tmp_path)) == [theirs.tokenize(text) for text in peer_cases.TEXTS]


def test_what_lowers_keeps_the_form_that_fast_paths_know(tmp_path):
    peer_cases.LOWERED["bert that keeps case"](tmp_path)
    normalizer = json.loads(build(tmp_path, do_lower_case=True).to_str())["normalizer"]
    assert (normalizer["type"], normalizer["lowercase"]) == ("BertNormalizer", True)
    assert normalizer["strip_accents"] is False


def test_the_original_is_not_changed(tmp_path):
    peer_cases.TOKENIZERS["bert: keeps case"](tmp_path)
    tokenizer = read_tokenizer(tmp_path / "tokenizer.json")
    before = tokenizer.to_str()
    build_own_tokenizer(tokenizer, read_tokenizer_settings(tmp_path))
    assert tokenizer.to_str() == before
