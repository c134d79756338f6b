"""License, language and base model of the model that a static model comes from."""

from __future__ import annotations

import dataclasses

import pytest
from huggingface_hub import metadata_load

from m2v_onnx import StaticModel
from m2v_onnx.distill import distill
from m2v_onnx.folder.readme import read_provenance
from m2v_onnx.model.config import Provenance
from tests import peer_cases
from tests.builders import tiny_model

MINILM = """---
language: en
license: apache-2.0  # as the data
tags:
- sentence-transformers
base_model:
  - nreimers/MiniLM-L6-H384-uncased
datasets: [a, b]
---

# all-MiniLM-L6-v2
license: none of the metadata
"""


@pytest.mark.parametrize(
    ("text", "provenance"),
    [
        (MINILM, Provenance("nreimers/MiniLM-L6-H384-uncased", "apache-2.0", language=("en",))),
        (
            "---\r\nlicense: 'mit'\r\nlanguage:\r\n- en\r\n- \"no\"\r\n---\r\n",
            Provenance(None, "mit", language=("en", "no")),
        ),
        ("---\nlanguage: [de, fr]\nlicense:\n---\n", Provenance(language=("de", "fr"))),
        (
            "---\nlicense: other\nlicense_name: gemma\nlicense_link: https://ai.google.dev/gemma/terms\n---\n",
            Provenance(None, "other", "gemma", "https://ai.google.dev/gemma/terms"),
        ),
        ("---\nlicense: null\n---\n", Provenance()),
        ("# A title\nlicense: mit\n", Provenance()),
        ("---\nlicense: mit\n", Provenance(None, "mit")),
        ("", Provenance()),
    ],
)
def test_what_a_readme_says(tmp_path, text, provenance):
    (tmp_path / "README.md").write_bytes(text.encode())
    assert read_provenance(tmp_path) == provenance


def test_no_readme_says_nothing(tmp_path):
    assert read_provenance(tmp_path) == Provenance()


def card_of(model: StaticModel, folder) -> dict[str, object]:
    model.save_pretrained(folder)
    return metadata_load(folder / "README.md")


def test_the_card_of_a_static_model_names_its_teachers_license(teacher, tmp_path, caplog):
    (teacher / "README.md").write_text(MINILM)
    model = distill(teacher, sequences=300, pca_dims=None)
    assert "license" not in caplog.text
    card = card_of(model, tmp_path / "m")
    assert (card["license"], card["language"]) == ("apache-2.0", ["en"])
    assert card["base_model"] == "nreimers/MiniLM-L6-H384-uncased"  # the teacher itself is a local folder
    again = StaticModel.from_pretrained(tmp_path / "m")
    assert again.config.provenance == model.config.provenance
    assert card_of(again, tmp_path / "again") == card


@pytest.mark.parametrize(
    ("readme", "level", "message"),
    [
        ("# A teacher\n", "WARNING", "its README.md names no license, and so"),
        ("---\nlicense:\nlanguage: en\n---\n", "WARNING", "its README.md names no license, and so"),
        ("---\nlicense_name: mine\n---\n", "WARNING", "its README.md names no license, and so"),
        (None, "INFO", "it has no README.md, and so"),  # a folder of one's own
    ],
)
def test_a_missing_license_is_said(teacher, tmp_path, caplog, readme, level, message):
    caplog.set_level("INFO", "m2v_onnx")
    (teacher / "README.md").unlink()
    if readme is not None:
        (teacher / "README.md").write_text(readme)
    card = card_of(distill(teacher, sequences=300, pca_dims=None), tmp_path / "m")
    said = [record for record in caplog.records if record.name.endswith("teacher_settings")]
    assert [(record.levelname, message in record.message) for record in said] == [(level, True)]
    assert "license" not in card
    assert (
        "no license is known: the model that it comes from names none"
        in (tmp_path / "m/README.md").read_text()
    )


@pytest.mark.parametrize(
    "provenance",
    [
        Provenance("owner/name", "mit", language=("no", "en", "zh-TW")),
        Provenance(None, "other", "a license: of one's own", "https://example.org/#a"),
        Provenance(license="cc-by-nc-4.0"),
    ],
)
def test_the_metadata_are_yaml(tmp_path, provenance):
    config = dataclasses.replace(tiny_model().config, provenance=provenance)
    card = card_of(tiny_model(config=config), tmp_path / "m")
    assert card.get("language", []) == list(provenance.language)
    for key in ("base_model", "license", "license_name", "license_link"):
        assert card.get(key) == getattr(provenance, key)


def test_a_static_model_of_another_library_keeps_its_license(tmp_path):
    folder = peer_cases.write_static(tmp_path / "m")
    (folder / "README.md").write_text("---\nlicense: mit\n---\n")
    assert card_of(StaticModel.from_pretrained(folder), tmp_path / "ours")["license"] == "mit"
