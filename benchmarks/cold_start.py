"""Import, load and encode one text beside model2vec: `python -m benchmarks.cold_start [ROUNDS]`.

Both read the same folder, a distillation of all-MiniLM-L6-v2 (29,525 x 256 float32).
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from benchmarks.measure import interleave, markdown, minilm, peer_python, run

CODE = (
    "import sys; from {package} import StaticModel\n"
    "StaticModel.from_pretrained(sys.argv[1]).encode('hello world')"
)


def main() -> None:
    n_rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch, "model")
        # In a process of its own: a child's peak memory begins with its parent's.
        run([sys.executable, "-m", "m2v_onnx", "distill", minilm(), folder, "--pca-dims", "256"])
        runs = interleave(
            {
                "m2v-onnx": [sys.executable, "-c", CODE.format(package="m2v_onnx"), folder],
                "model2vec": [peer_python(), "-c", CODE.format(package="model2vec"), folder],
                "Python alone": [sys.executable, "-c", "pass"],
            },
            n_rounds=n_rounds,
        )
    print(markdown(runs, against="model2vec"))


if __name__ == "__main__":
    main()
