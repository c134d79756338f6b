"""What other libraries make of the folders of tests/peer_cases.py: `make peers` writes tests/data/peers.json.

Runs in an environment of its own, with torch, sentence-transformers, transformers and model2vec.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from model2vec.distill import distill_from_model
from sentence_transformers import SentenceTransformer
from sentence_transformers import models as st_modules
from transformers import AutoConfig, AutoModel, AutoTokenizer, PretrainedConfig

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests import peer_cases  # noqa: E402  # found by the line above

Cases = dict[str, Callable[[Path], object]]
LIBRARIES = ("sentence-transformers", "transformers", "model2vec", "tokenizers", "torch")


def main() -> None:
    data = ROOT / "tests" / "data"
    with tempfile.TemporaryDirectory() as place:
        content = {
            "versions": {name: version(name) for name in LIBRARIES},
            "static": _ask(peer_cases.STATIC, _static, Path(place) / "static"),
            "heads": _ask(peer_cases.HEADS, _head, Path(place) / "heads"),
            "tokenizers": _ask(peer_cases.TOKENIZERS, _tokens, Path(place) / "tokenizers"),
            "lowered": _ask(peer_cases.LOWERED, _lowered_tokens, Path(place) / "lowered"),
            "distilled": _ask(peer_cases.DISTILLED, _distilled_tokens, Path(place) / "distilled"),
        }
    torch.save({"embedding.weight": torch.arange(12.0).reshape(2, 6).T}, data / "pytorch_model.bin")
    (data / "peers.json").write_text(_one_line_a_case(content) + "\n", encoding="utf-8")


def _ask(cases: Cases, answer: Callable[[Path], object], place: Path) -> dict[str, object]:
    answers = {}
    for index, (name, write) in enumerate(cases.items()):
        folder = place / str(index)
        write(folder)
        answers[name] = answer(folder)
    return answers


def _static(folder: Path) -> list[list[float]]:
    return _rounded(SentenceTransformer(str(folder), device="cpu").encode(list(peer_cases.TEXTS)))


def _head(folder: Path) -> list[list[float]]:
    """Run the modules behind a transformer on made-up hidden states."""
    hidden = torch.from_numpy(peer_cases.HIDDEN)
    features = {
        "token_embeddings": hidden,
        "attention_mask": torch.ones(hidden.shape[:2], dtype=torch.int64),
        "prompt_length": peer_cases.N_PROMPT,
    }
    for entry in json.loads((folder / "modules.json").read_text())[1:]:
        module = getattr(st_modules, entry["type"].rpartition(".")[2])
        with torch.inference_mode():
            features = module.load(str(folder), subfolder=entry["path"])(features)
    return _rounded(features["sentence_embedding"].numpy())


def _tokens(folder: Path) -> list[list[str]]:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    return [tokenizer.tokenize(text) for text in peer_cases.TEXTS]


def _lowered_tokens(folder: Path) -> list[list[str]]:
    """Ask sentence-transformers, which wants a model beside the tokenizer."""
    config = _any_config()
    if "roberta" in (folder / "config.json").read_text():
        config = AutoConfig.for_model(**{**config.to_dict(), "model_type": "roberta"})
    AutoModel.from_config(config).save_pretrained(folder)
    peer_cases.write_json(folder / "sentence_bert_config.json", {"do_lower_case": True, "max_seq_length": 64})
    tokenizer = st_modules.Transformer.load(str(folder)).tokenizer
    return [tokenizer.tokenize(text) for text in peer_cases.TEXTS]


def _distilled_tokens(folder: Path) -> dict[str, object]:
    """Ask model2vec for its vocabulary and its tokens; the model's numbers do not matter."""
    teacher, tokenizer = AutoModel.from_config(_any_config()), AutoTokenizer.from_pretrained(folder)
    static = distill_from_model(teacher, tokenizer, pca_dims=None, device="cpu").tokenizer
    encodings = [static.encode(text, add_special_tokens=False) for text in peer_cases.TEXTS]
    return {"vocabulary": sorted(static.get_vocab()), "tokens": [encoding.tokens for encoding in encodings]}


def _any_config() -> PretrainedConfig:
    """Give the smallest of models."""
    return AutoConfig.for_model(
        model_type="bert",
        vocab_size=300,
        hidden_size=8,
        intermediate_size=8,
        num_hidden_layers=1,
        num_attention_heads=1,
    )


def _rounded(vectors: np.ndarray) -> list[list[float]]:
    return [[float(f"{value:.7g}") for value in vector] for vector in vectors]


def _one_line_a_case(content: dict[str, dict[str, object]]) -> str:
    groups = []
    for group, cases in content.items():
        lines = (
            f"  {json.dumps(k, ensure_ascii=False)}: {json.dumps(v, ensure_ascii=False)}"
            for k, v in cases.items()
        )
        groups.append(f" {json.dumps(group)}: {{\n" + ",\n".join(lines) + "\n }")
    return "{\n" + ",\n".join(groups) + "\n}"


if __name__ == "__main__":
    main()
