"""What a fit to many texts takes: `python -m benchmarks.many_texts TEACHER CORPUS [N,N,…]`.

The first N texts of a file, numbered, so that however often the file is read no text is the same as another.
The cache is empty. A second fit to the same texts has half the columns.
"""

from __future__ import annotations

import gzip
import os
import shutil
import sys
import tempfile
from itertools import cycle, islice
from pathlib import Path

from benchmarks.measure import run
from m2v_onnx.teacher.loading import load_teacher

NUMBERS = "100000,300000,1000000"


def main() -> None:
    folder, corpus = Path(sys.argv[1]), Path(sys.argv[2])
    numbers = [int(number) for number in (sys.argv[3] if len(sys.argv) > 3 else NUMBERS).split(",")]
    with gzip.open(corpus, "rt", encoding="utf-8") as file:
        lines = file.read().splitlines()
    onnx_path = load_teacher(folder).onnx_path  # exported before: torch is not what is measured
    print("| texts | fit | wall s | CPU s | peak MB |\n| --- | --- | --- | --- | --- |")
    for n in numbers:
        with tempfile.TemporaryDirectory() as scratch:
            teacher = Path(scratch, folder.name)
            shutil.copytree(folder, teacher, ignore=shutil.ignore_patterns("*.safetensors"))
            (teacher / "onnx").mkdir()
            shutil.copy(onnx_path, teacher / "onnx/model.onnx")
            os.environ["M2V_ONNX_CACHE"] = f"{scratch}/cache"
            texts = Path(scratch, "texts.txt")
            with texts.open("w", encoding="utf-8") as file:
                for number, line in enumerate(islice(cycle(lines), n)):
                    file.write(f"{number} {line}\n")
            for name, dims in (("first", "32"), ("second", "16")):
                command = [sys.executable, "-m", "m2v_onnx", "fit", teacher, texts, Path(scratch, name)]
                took = run([*command, "--pca-dims", dims, "--graph", "ids", "--quiet"])
                row = f"{took.wall_seconds:.0f} | {took.cpu_seconds:.0f} | {took.peak_mb:.0f}"
                print(f"| {n:,} | {name} | {row} |", flush=True)


if __name__ == "__main__":
    main()
