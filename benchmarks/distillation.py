"""Distil all-MiniLM-L6-v2 beside model2vec: `python -m benchmarks.distillation [ROUNDS]`."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from benchmarks.measure import interleave, markdown, minilm, peer_python
from m2v_onnx.teacher.loading import load_teacher

PEER = (
    "import sys; from model2vec.distill import distill\n"
    "distill(sys.argv[1], pca_dims=256).save_pretrained(sys.argv[2])"
)
# An empty cache: the export is part of the run.
WITH_EXPORT = (
    "import os, sys, tempfile; os.environ['M2V_ONNX_CACHE'] = tempfile.mkdtemp()\n"
    "from m2v_onnx.cli.app import main; main()"
)


def main() -> None:
    n_rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    folder = minilm()
    with tempfile.TemporaryDirectory() as scratch:
        teacher = Path(scratch, "all-MiniLM-L6-v2")
        shutil.copytree(folder, teacher, ignore=shutil.ignore_patterns("*.safetensors"))
        (teacher / "onnx").mkdir()
        shutil.copy(load_teacher(folder).onnx_path, teacher / "onnx/model.onnx")
        ours = Path(scratch, "ours")
        as_model2vec = ["--recipe", "model2vec-0.10", "--quiet"]
        runs = interleave(
            {
                "m2v-onnx, a fitted table": [
                    *(sys.executable, "-m", "m2v_onnx", "distill", teacher, ours, "--quiet")
                ],
                "m2v-onnx as model2vec, teacher is ONNX": [
                    *(sys.executable, "-m", "m2v_onnx", "distill", teacher, ours, *as_model2vec)
                ],
                "m2v-onnx as model2vec, export included": [
                    *(sys.executable, "-c", WITH_EXPORT, "distill", folder, ours, *as_model2vec)
                ],
                "model2vec": [peer_python(), "-c", PEER, folder, Path(scratch, "peer")],
            },
            n_rounds=n_rounds,
        )
    print(markdown(runs, against="model2vec"))


if __name__ == "__main__":
    main()
