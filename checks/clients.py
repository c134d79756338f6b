"""Build and test the programs of clients/: `python -m checks.clients FOLDER CLASSIFIER SHARED [CLIENT …]`.

FOLDER is a model with the graphs ids, text and codepoints. CLASSIFIER has these graphs and the same table,
and knows the topics of clients/browser/headlines.tsv. What `StaticModel.encode_reference` makes of 200 hard
texts, and of 2,000 of SHARED/eval/parity where that is at hand, goes to FOLDER/vectors.json. Then every
client's own `check.sh FOLDER FOLDER/vectors.json` builds it, runs its tests and ends with a line of JSON:

    {"client": "rust", "texts": 2200, "largest_difference": 1.2e-07, "texts_per_second": 20000}

Its environment has ORT_DYLIB_PATH, the libonnxruntime of the Python package; M2V_ONNX_MODEL and
M2V_ONNX_CLASSIFIER, the folders; and PYTHON, the interpreter. The tests of each client compare the labels of
the classifier's goldens. When all clients ran well, the table in docs/clients.md is written anew. The exit
code is 1 when one failed, or differs by more than 1e-5.
"""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
from dataclasses import dataclass, fields
from pathlib import Path

import onnxruntime

from benchmarks.measure import ROOT
from checks.tokenizers_roundtrip import read_texts
from m2v_onnx import StaticModel
from m2v_onnx.tokenizer.hard_texts import HARD_TEXTS

CLIENTS = ("java", "node", "browser", "csharp", "rust")
DOCUMENT = ROOT / "docs/clients.md"
BOUND = 1e-5
N_HARD_TEXTS = 200
N_PARITY_TEXTS = 2_000

# First and last code points: scripts with and without case, marks, spaces, symbols, private use.
BLOCKS = (
    (0x0001, 0x007F), (0x0080, 0x00FF), (0x0100, 0x024F), (0x0250, 0x02FF), (0x0300, 0x036F),
    (0x0370, 0x03FF), (0x0400, 0x052F), (0x0530, 0x058F), (0x0590, 0x05FF), (0x0600, 0x06FF),
    (0x0700, 0x07BF), (0x0900, 0x097F), (0x0980, 0x0DFF), (0x0E00, 0x0EFF), (0x0F00, 0x0FFF),
    (0x1000, 0x109F), (0x10A0, 0x10FF), (0x1100, 0x11FF), (0x1200, 0x139F), (0x13A0, 0x13FF),
    (0x1780, 0x18AF), (0x1AB0, 0x1AFF), (0x1C80, 0x1CBF), (0x1D00, 0x1DFF), (0x1E00, 0x1FFF),
    (0x2000, 0x206F), (0x2070, 0x20FF), (0x2100, 0x218F), (0x2190, 0x2BFF), (0x2C00, 0x2DFF),
    (0x2E00, 0x303F), (0x3040, 0x30FF), (0x3100, 0x33FF), (0x3400, 0x9FFF), (0xA000, 0xA6FF),
    (0xA700, 0xABFF), (0xAC00, 0xD7FF), (0xE000, 0xF8FF), (0xF900, 0xFAFF), (0xFB00, 0xFDFF),
    (0xFE00, 0xFFFF), (0x10000, 0x10FFF), (0x11000, 0x1BFFF), (0x1D000, 0x1D7FF), (0x1E000, 0x1EFFF),
    (0x1F000, 0x1FAFF), (0x20000, 0x323AF), (0xE0000, 0x10FFFF),
)  # fmt: skip


@dataclass(frozen=True)
class Report:
    """What a client's last line says."""

    client: str
    texts: int
    largest_difference: float
    texts_per_second: float


def hard_texts() -> list[str]:
    """Give the goldens' texts, then words of each block, alone and among letters and marks."""
    chance = random.Random(0)
    texts = list(HARD_TEXTS)
    for first, last in BLOCKS * 2:
        lengths = [chance.randint(1, 9) for _ in range(6)]
        words = ["".join(chr(chance.randint(first, last)) for _ in range(length)) for length in lengths]
        texts.append(" ".join(words))
        texts.append("the" + "a\u0301".join(words) + "ing, New" + " unable ".join(words))
    return texts[:N_HARD_TEXTS]


def write_vectors(folder: Path, shared: Path) -> Path:
    texts = hard_texts()
    parity = shared / "eval/parity"
    if parity.is_dir():
        texts += random.Random(0).sample(read_texts(parity), N_PARITY_TEXTS)
    vectors = StaticModel.from_pretrained(folder).encode_reference(texts)
    path = folder / "vectors.json"
    content = {"texts": texts, "vectors": [[float(str(value)) for value in vector] for vector in vectors]}
    path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    return path


def check_client(client: str, folder: Path, classifier: Path, vectors: Path) -> Report | None:
    """Give the client's report; None, with a line on stderr, when it failed."""
    (library,) = Path(onnxruntime.__file__).parent.glob("capi/libonnxruntime.*")
    places = {"ORT_DYLIB_PATH": str(library), "PYTHON": sys.executable}
    places |= {"M2V_ONNX_MODEL": str(folder), "M2V_ONNX_CLASSIFIER": str(classifier)}
    command = [ROOT / "clients" / client / "check.sh", folder, vectors]
    try:
        output = subprocess.check_output(command, env=os.environ | places, text=True)
        line = json.loads(output.rstrip().rpartition("\n")[-1])
        return Report(**{field.name: line[field.name] for field in fields(Report)})
    except (KeyError, OSError, subprocess.CalledProcessError, TypeError, ValueError) as error:
        print(f"{client}: expected a line of JSON from check.sh, found {error!r}", file=sys.stderr)
        return None


def markdown(reports: list[Report]) -> str:
    rows = ["| client | texts | largest difference | texts/s |", "| --- | --- | --- | --- |"]
    for report in reports:
        figures = f"{report.largest_difference:.1e} | {report.texts_per_second:,.0f}"
        rows.append(f"| {report.client} | {report.texts:,} | {figures} |")
    return "\n".join(rows)


def main() -> None:
    folder, classifier, shared = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve(), Path(sys.argv[3])
    clients = sys.argv[4:] or CLIENTS
    vectors = write_vectors(folder, shared)
    n_texts = len(json.loads(vectors.read_text("utf-8"))["texts"])
    reports = [report for client in clients if (report := check_client(client, folder, classifier, vectors))]
    print(markdown(reports))
    fine = [report for report in reports if report.texts == n_texts and report.largest_difference <= BOUND]
    if len(fine) < len(clients):
        failed = sorted(set(clients) - {report.client for report in fine})
        sys.exit(f"expected {n_texts} texts and differences of at most {BOUND}, not so: {', '.join(failed)}")
    if clients is CLIENTS:
        table = re.compile(r"\| client \| texts \|.*?(?=\n\n|\n*\Z)", re.DOTALL)
        DOCUMENT.write_text(table.sub(markdown(reports), DOCUMENT.read_text("utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
