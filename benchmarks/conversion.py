"""Static models that exist, as ONNX, without torch: `benchmarks.conversion SHARED`.

Every model of SHARED/fixtures is exported with all graphs in all precisions and verified, by a m2v-onnx that
has nothing but its extra `export`. The float32 graph is compared with the vectors of model2vec itself for the
texts of goldens.json. Then 2,000 texts of SHARED/eval/parity go through every graph, one by one and in
batches of 64: vectors must be finite, and the two within 1e-6. The exit code is 1 when something differs.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnxruntime

from benchmarks.measure import make_environment, peer_python
from checks.tokenizers_roundtrip import read_texts
from m2v_onnx.export.kinds import graph_files
from m2v_onnx.static_model import StaticModel
from m2v_onnx.system.onnx_runtime import open_session

N_TEXTS, N_BATCH = 2000, 64
EVERYTHING = ["--graph", "ids,ids3,tokens", "--precision", "fp32,fp16,int8,int4"]
# Half precision where the library itself works in it.
BOUNDS = {np.dtype(np.float16): 1e-3}
PEER = (
    "import json, sys, numpy; from model2vec import StaticModel\n"
    "texts = json.load(open(sys.argv[2]))['texts']\n"
    "numpy.save(sys.argv[3], StaticModel.from_pretrained(sys.argv[1]).encode(texts))"
)
NO_TORCH = "import importlib.util as u; assert not any(map(u.find_spec, ('torch', 'transformers')))"


def export(python: Path, source: Path, output: Path) -> None:
    """Export and verify a model in a process of its own; stop everything when that fails."""
    for arguments in (["export", source, output, "--quiet", *EVERYTHING], ["verify", output, "--json"]):
        command = [python, "-m", "m2v_onnx", *map(str, arguments)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def library_difference(source: Path, output: Path) -> float:
    """Give the largest difference from model2vec, or from what sentence-transformers once gave."""
    if not (source / "config.json").exists():
        vector = StaticModel.from_pretrained(output).encode("hello world")
        expected = json.loads((source.parent / "embeddings_short.json").read_text())[0]
        return float(np.abs(vector / np.linalg.norm(vector) - expected).max())
    vectors_path = output.with_suffix(".npy")
    command = [peer_python(), "-c", PEER, source, output / "goldens.json", vectors_path]
    subprocess.run(command, check=True)
    goldens = json.loads((output / "goldens.json").read_text("utf-8"))
    # model2vec counts special tokens that are written out.
    rows = [index for index, text in enumerate(goldens["texts"]) if "[PAD]" not in text]
    expected = np.load(vectors_path)[rows].astype(np.float32)
    found = StaticModel.from_pretrained(output).encode([goldens["texts"][index] for index in rows])
    return float(np.abs(found - expected).max())


def batch_difference(session: onnxruntime.InferenceSession, token_ids: list[list[int]]) -> float:
    """Give the largest difference, relative to the longest vector, of texts alone and in batches."""

    def run(batch: list[list[int]]) -> np.ndarray:
        ids = np.zeros((len(batch), max(map(len, batch))), np.int64)
        mask = np.zeros_like(ids)
        for row, text_ids in enumerate(batch):
            ids[row, : len(text_ids)], mask[row, : len(text_ids)] = text_ids, 1
        feeds = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        names = {entry.name for entry in session.get_inputs()}
        vectors = session.run(["sentence_embedding"], {name: feeds[name] for name in names})[0]
        assert np.isfinite(vectors).all()
        return vectors

    alone = np.concatenate([run([ids]) for ids in token_ids])
    together = [run(token_ids[start : start + N_BATCH]) for start in range(0, len(token_ids), N_BATCH)]
    return float(np.abs(alone - np.concatenate(together)).max() / np.linalg.norm(alone, axis=1).max())


def main() -> None:
    shared = Path(sys.argv[1])
    python = make_environment("export")
    subprocess.run([python, "-c", NO_TORCH], check=True)
    fixtures = shared / "fixtures"
    sources = [p.parent for p in sorted(fixtures.rglob("tokenizer.json"))]
    texts = random.Random(0).sample(read_texts(shared / "eval/parity"), N_TEXTS)
    n_failed = 0
    print("| model | table | from its library | one text against a batch of 64, worst of 12 graphs |")
    print("| --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as scratch:
        for source in sources:
            output = Path(scratch, source.name)
            export(python, source, output)
            model = StaticModel.from_pretrained(output)
            library = library_difference(source, output)
            token_ids = [model.token_ids_reference(text) for text in texts]
            worst = max(batch_difference(open_session(file.path), token_ids) for file in graph_files(output))
            bound = BOUNDS.get(model.table.dtype, 1e-5)
            n_failed += worst > 1e-6 or library > bound
            shape = f"{model.table.shape[0]:,} x {model.dim} {model.table.dtype}"
            print(f"| {source.name} | {shape} | {library:.1e} | {worst:.1e} |")
    sys.exit(1 if n_failed else 0)


if __name__ == "__main__":
    main()
