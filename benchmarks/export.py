"""Write the ONNX graph of a static model beside model2vec: `python -m benchmarks.export [ROUNDS]`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from benchmarks.measure import interleave, markdown, minilm, peer_python, run

PEER = (
    "import sys; from model2vec import StaticModel; from model2vec.onnx import export_model_to_onnx\n"
    "export_model_to_onnx(StaticModel.from_pretrained(sys.argv[1]), sys.argv[2])"
)


def main() -> None:
    n_rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch, "source")
        # In a process of its own: a child's peak begins with what its parent holds.
        run([sys.executable, "-m", "m2v_onnx", "distill", minilm(), source, "--precision", "fp32"])
        ours = [sys.executable, "-m", "m2v_onnx", "export", source, Path(scratch, "ours"), "--quiet"]
        everything = ["--graph", "ids,ids3,tokens", "--precision", "fp32,fp16,int8,int4"]
        commands: dict[str, list[str | Path]] = {
            "m2v-onnx, fp32": [*ours, "--precision", "fp32"],
            "m2v-onnx, fp32 and int8 (default)": ours,
            "m2v-onnx, 3 graphs x 4 precisions": [*ours, *everything],
            "model2vec": [peer_python(), "-c", PEER, source, Path(scratch, "peer")],
            "Python alone": [sys.executable, "-c", "pass"],
        }
        print(markdown(interleave(commands, n_rounds=n_rounds), against="model2vec"))


if __name__ == "__main__":
    main()
