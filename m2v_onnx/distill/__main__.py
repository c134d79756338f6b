"""`python -m m2v_onnx.distill` with the options that model2vec's first releases had.

`m2v-onnx distill` has them all.
"""

from __future__ import annotations

import argparse
import re
import sys

from m2v_onnx.distill.pipeline import distill
from m2v_onnx.errors import ArgumentError, M2vOnnxError
from m2v_onnx.teacher.options import Execution, Provider

_PCA_DIMS = 256


def main() -> int:
    """Distil, and write the folder; give the exit code."""
    parser = argparse.ArgumentParser(prog="python -m m2v_onnx.distill", description=__doc__)
    parser.add_argument("--model-name", required=True, help="folder or Hub id of a Sentence Transformer")
    parser.add_argument("--vocabulary-path", help="file of words, one a line")
    parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:N or mps")
    parser.add_argument("--pca-dims", type=int, default=_PCA_DIMS, help="components of the table")
    parser.add_argument("--save-path", required=True, help="folder to write the static model to")
    options = parser.parse_args()
    try:
        model = distill(
            model_name=options.model_name,
            vocabulary=options.vocabulary_path,
            execution=_on_device(options.device),
            pca_dims=options.pca_dims,
        )
        model.save_pretrained(options.save_path)
    except M2vOnnxError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201  # a command
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)  # noqa: T201
        return 130
    return 0


def _on_device(device: str) -> Execution:
    """Give where a teacher runs, by torch's name.

    Raises:
        ArgumentError: for a name of something else.
    """
    found = re.fullmatch(r"(cpu|cuda|mps)(?::(\d+))?", device)
    if found is None:
        raise ArgumentError(f"expected --device to be cpu, cuda, cuda:N or mps, found {device!r}")
    providers: dict[str, Provider] = {"cpu": "cpu", "cuda": "cuda", "mps": "coreml"}
    return Execution(providers[found[1]], int(found[2] or 0))


if __name__ == "__main__":
    sys.exit(main())
