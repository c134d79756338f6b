"""Exports through the child process: what it refuses, what it checks, and what is kept."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from m2v_onnx.errors import TeacherError
from m2v_onnx.system.cache import cache_folder
from m2v_onnx.teacher.exporter import export_teacher
from m2v_onnx.teacher.options import Execution
from m2v_onnx.teacher.session import TeacherSession

pytestmark = pytest.mark.slow

EXTRA = "needs the extra optimum: pip install 'm2v-onnx[optimum]'"
SIZES = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
BERT_SIZES = {**SIZES, "vocab_size": 20, "max_position_embeddings": 32}

# Its hidden states grow with the length, which a trace takes for a constant.
FREEZING_CODE = """
import torch
from transformers import PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import BaseModelOutput

class FreezingConfig(PretrainedConfig):
    model_type = "freezing"
    vocab_size = 20

class FreezingModel(PreTrainedModel):
    config_class = FreezingConfig

    def __init__(self, config):
        super().__init__(config)
        self.words = torch.nn.Embedding(20, 8)

    def forward(self, input_ids, attention_mask=None):
        states = self.words(input_ids) * attention_mask[..., None]
        return BaseModelOutput(last_hidden_state=states * int(input_ids.shape[1]))
"""
NEEDY_CODE = "import no_such_package\n\nclass NeedyConfig: ...\n\nclass NeedyModel: ...\n"


@pytest.fixture(autouse=True)
def _places(tmp_path, monkeypatch):
    """Export anew, without the network, and copy a teacher's own code to nowhere else."""
    monkeypatch.setenv("M2V_ONNX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_MODULES_CACHE", str(tmp_path / "modules"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.fixture
def transformers():
    return pytest.importorskip("transformers", reason=EXTRA)


def export(folder: Path, *, trust_remote_code: bool = False) -> Path:
    return export_teacher(folder, trust_remote_code=trust_remote_code, show_progress_bar=False)


def cached() -> list[Path]:
    """Give everything in the cache, whole or not."""
    return list((cache_folder() / "teachers").iterdir())


def write_bert(transformers, folder: Path, *, add_pooling_layer: bool = True) -> Path:
    config = transformers.BertConfig(**BERT_SIZES)
    transformers.BertModel(config, add_pooling_layer=add_pooling_layer).save_pretrained(folder)
    return folder


def write_own_code(folder: Path, name: str, code: str) -> Path:
    """Write a teacher with code of its own and without weights."""
    folder.mkdir()
    (folder / "modeling.py").write_text(code)
    own_code = {"AutoConfig": f"modeling.{name}Config", "AutoModel": f"modeling.{name}Model"}
    (folder / "config.json").write_text(json.dumps({"model_type": name.lower(), "auto_map": own_code}))
    return folder


def assert_refused(folder: Path, message: str, *, trust_remote_code: bool = False) -> None:
    with pytest.raises(TeacherError, match=f"the teacher in {re.escape(str(folder))} .*: {message}"):
        export(folder, trust_remote_code=trust_remote_code)
    assert cached() == []


class TestRefusals:
    def test_no_model(self, tmp_path):
        with pytest.raises(
            TeacherError, match=r"or a config\.json in .*, found neither: name the folder of a model"
        ):
            export(tmp_path)

    def test_an_unknown_type(self, transformers, tmp_path):
        (tmp_path / "config.json").write_text('{"model_type": "hyperbert"}')
        known = f"a model_type in config.json that transformers {transformers.__version__} knows"
        assert_refused(
            tmp_path,
            f"expected {known}, found 'hyperbert': put an ONNX file of it at onnx/model.onnx in its folder",
        )

    def test_a_damaged_configuration(self, transformers, tmp_path):
        (tmp_path / "config.json").write_text('{"model_type": ')
        assert_refused(
            tmp_path, "expected JSON in .*config.json, found damaged text .*: fetch the file again"
        )

    def test_no_weights(self, transformers, tmp_path):
        transformers.BertConfig(**BERT_SIZES).save_pretrained(tmp_path)
        assert_refused(
            tmp_path,
            r"expected weights \(\*\.safetensors or \*\.bin\) beside config\.json, found none: "
            "fetch the whole model",
        )

    def test_weights_of_another_model(self, transformers, tmp_path):
        write_bert(transformers, tmp_path)
        transformers.DistilBertConfig(
            vocab_size=20, dim=8, n_layers=1, n_heads=2, hidden_dim=16, max_position_embeddings=32
        ).save_pretrained(tmp_path)
        assert_refused(
            tmp_path,
            r"expected the weights of a DistilBertModel, found none for 16 of its parameters "
            r"\(transformer\.layer\.0\..* …\): fetch the whole model, or, .* pass --trust-remote-code",
        )

    def test_images(self, transformers, tmp_path):
        config = transformers.ViTConfig(**SIZES, image_size=8, patch_size=4)
        transformers.ViTModel(config).save_pretrained(tmp_path)
        assert_refused(
            tmp_path,
            "expected a text model, which takes input_ids, found ViTModel, which takes pixel_values: name a "
            "Sentence Transformer",
        )

    def test_own_code_that_needs_another_package(self, transformers, tmp_path):
        folder = write_own_code(tmp_path / "needy", "Needy", NEEDY_CODE)
        (folder / "model.safetensors").touch()
        assert_refused(
            folder, "ImportError: .*no_such_package.*put an ONNX file of it", trust_remote_code=True
        )

    def test_a_graph_that_differs_from_torch(self, transformers, tmp_path):
        torch = pytest.importorskip("torch", reason=EXTRA)
        folder = write_own_code(tmp_path / "freezing", "Freezing", FREEZING_CODE)
        torch.save({"words.weight": torch.ones(20, 8)}, folder / "pytorch_model.bin")
        # Traced with 16 positions, run with 3: 16 where 3 is right is off by 13/3 of the largest value.
        assert_refused(
            folder,
            "expected an ONNX graph that agrees with torch, found a difference of 4.3 of the largest value",
            trust_remote_code=True,
        )


def test_a_pooler_without_weights_is_left_out(transformers, tmp_path):
    folder = write_bert(transformers, tmp_path / "teacher", add_pooling_layer=False)
    session = TeacherSession(export(folder), Execution(provider="cpu"))
    assert session.hidden_states(np.ones((2, 3), np.int64)).shape == (2, 3, 8)
    with pytest.raises(TeacherError, match="no output pooler_output"):
        session.pooler_output(np.ones((2, 3), np.int64))


def test_one_export_for_one_content(transformers, tmp_path, monkeypatch):
    folder = write_bert(transformers, tmp_path / "teacher")
    path = export(folder)
    written = path.stat()
    (tmp_path / "blocked").mkdir()
    (tmp_path / "blocked" / "torch.py").write_text("raise ImportError('torch is blocked')")
    with monkeypatch.context() as patch:  # the child process fails where it runs
        patch.setenv("PYTHONPATH", str(tmp_path / "blocked"))
        (folder / "tokenizer.json").write_text("{}")  # no part of an export
        folder = folder.rename(tmp_path / "renamed")
        assert export(folder) == path
        write_bert(transformers, folder)  # with other random weights
        with pytest.raises(TeacherError, match="ImportError: torch is blocked"):
            export(folder)
    assert cached() == [path.parent]
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (written.st_ino, written.st_mtime_ns)

    other = export(folder)
    assert sorted(cached()) == sorted([path.parent, other.parent])
    states, other_states = (
        TeacherSession(onnx_path, Execution(provider="cpu")).hidden_states(np.ones((1, 3), np.int64))
        for onnx_path in (path, other)
    )
    assert np.abs(states - other_states).max() > 0.1
