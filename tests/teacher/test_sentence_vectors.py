"""What stands behind a transformer: values of sentence-transformers' own modules (see `make peers`)."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tokenizers import processors

from m2v_onnx.errors import FolderError, TeacherError
from m2v_onnx.folder.sentence_transformers import read_description
from m2v_onnx.teacher.encoder import TeacherEncoder
from m2v_onnx.teacher.sentence_vectors import count_prompt, read_head
from tests import peer_cases
from tests.builders import teacher_rows, write_modules

PEERS = json.loads((Path(__file__).parents[1] / "data/peers.json").read_text(encoding="utf-8"))
ROWS = teacher_rows()


@pytest.mark.parametrize("name", peer_cases.HEADS)
def test_vectors_are_those_of_sentence_transformers(tmp_path, name):
    peer_cases.HEADS[name](tmp_path)
    description = read_description(tmp_path)
    left_out = 0 if description.pooling.include_prompt else peer_cases.N_PROMPT
    head = read_head(description, n_prompt=left_out)
    vectors = head(peer_cases.HIDDEN)
    np.testing.assert_allclose(vectors, PEERS["heads"][name], rtol=1e-5, atol=1e-6)
    assert vectors.dtype == np.float32
    assert head.width(peer_cases.WIDTH) == vectors.shape[1]


def test_truncate_dim_cuts_in_the_end(tmp_path):
    folder = peer_cases.write_head(tmp_path, {"pooling_mode": ["cls", "max"]}, "Normalize")
    whole = read_head(read_description(folder))(peer_cases.HIDDEN)
    peer_cases.write_json(folder / "config_sentence_transformers.json", {"truncate_dim": 8})
    cut = read_head(read_description(folder))(peer_cases.HIDDEN)
    np.testing.assert_array_equal(cut, whole[:, :8])


def test_how_long_a_prompt_is():
    tokenizer = peer_cases.word_piece()
    description = type("Said", (), {"pooling": type("Pooled", (), {"include_prompt": False})})
    assert count_prompt(description, tokenizer, "the blue bird ") == 4  # [CLS] the blue bird
    assert count_prompt(description, tokenizer, None) == 0
    tokenizer.post_processor = processors.TemplateProcessing(single="$A", special_tokens=[])
    assert count_prompt(description, tokenizer, "the blue bird ") == 3


@pytest.mark.parametrize(("include_prompt", "positions"), [(True, [0, 1, 2, 3]), (False, [2, 3])])
def test_a_teacher_puts_its_default_prompt_before_a_text(teacher, include_prompt, positions):
    write_modules(teacher, "Transformer", "Pooling", Pooling={"include_prompt": include_prompt})
    settings = {"prompts": {"query": "the "}, "default_prompt_name": "query"}
    peer_cases.write_json(teacher / "config_sentence_transformers.json", settings)
    states = ROWS[[3, 6, 7, 4]] + 0.01 * np.arange(1, 5)[:, None]  # [CLS] the sun [SEP]
    vectors = TeacherEncoder(teacher).encode(["sun"])
    np.testing.assert_allclose(vectors[0], states[positions].mean(axis=0), rtol=1e-5)


@pytest.mark.parametrize("kind", ["WeightedLayerPooling", "LSTM", "CNN", "WordWeights", "TokenPooling"])
def test_modules_that_are_not_applied_are_named(teacher, kind):
    write_modules(teacher, "Transformer", "Pooling", kind, Pooling={})
    with pytest.raises(
        TeacherError, match=f"expected modules among .*, found {kind}: distil it by tokens alone"
    ):
        TeacherEncoder(teacher)


def test_an_activation_that_is_not_known(tmp_path):
    folder = peer_cases.write_head(tmp_path, {}, "Dense")
    peer_cases.write_dense(folder / "2_Dense", bias=False, activation="activation.Softsign")
    with pytest.raises(TeacherError, match="an activation among Identity, .* found Softsign"):
        read_head(read_description(folder))


def test_a_layer_norm_without_its_weights(tmp_path):
    peer_cases.HEADS["layer norm, normalised"](tmp_path)
    peer_cases.write_dense(tmp_path / "dense", bias=True)
    (tmp_path / "dense/model.safetensors").rename(tmp_path / "2_LayerNorm/model.safetensors")
    with pytest.raises(FolderError, match="expected norm.bias, norm.weight in .*2_LayerNorm, found linear"):
        read_head(read_description(tmp_path))
