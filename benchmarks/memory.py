"""Resident memory beside other libraries: `python -m benchmarks.memory SHARED`.

A process of each library reads the same folder, a distillation of all-MiniLM-L6-v2 (29,525 x 256 float32),
then encodes one text, then 3,800 news, twenty times. The table holds what is resident, in MB above Python
alone; of the last figure, how much lies in mapped files, which processes share.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.measure import ROOT, make_environment, minilm, run

LIBRARIES = {
    "m2v-onnx": (None, "m2v-onnx"),
    "m2v-onnx, base install": ("base", "m2v-onnx"),
    "model2vec": ("peer", "model2vec"),
    "laghu": ("laghu", "laghu"),
    "sentence-transformers": ("sentence-transformers", "sentence-transformers"),
    "wordllama": ("wordllama", "wordllama"),
}
CODE = """
import json, sys
def resident():
    lines = open("/proc/self/status").read().splitlines()
    status = dict(line.split(":", 1) for line in lines)
    return [int(status[name].split()[0]) / 1024 for name in ("VmRSS", "RssFile")]
alone, alone_mapped = resident()
library, folder, texts = sys.argv[1], sys.argv[2], json.load(open(sys.argv[3]))
from benchmarks.encode_worker import LOADERS
encode = LOADERS[library](folder)
found = [resident()[0] - alone]
encode(texts[0])
found.append(resident()[0] - alone)
for _ in range(20):
    encode(texts)
now, mapped = resident()
print(json.dumps([*found, now - alone, mapped - alone_mapped]))
"""


def main() -> None:
    news = Path(sys.argv[1], "eval/classification/ag_news_split_test.tsv").read_text("utf-8")
    with tempfile.TemporaryDirectory() as scratch:
        texts, folder = Path(scratch, "texts.json"), Path(scratch, "model")
        texts.write_text(json.dumps([line.split("\t")[1] for line in news.split("\n")[1:] if line]))
        run([sys.executable, "-m", "m2v_onnx", "distill", minilm(), folder, "--recipe", "model2vec-0.10"])
        print("| | loaded | one text | 3,800 texts | of that mapped |\n| --- | --- | --- | --- | --- |")
        for name, (environment, library) in LIBRARIES.items():
            python = sys.executable if environment is None else make_environment(environment)
            command = [python, "-c", CODE, library, folder, texts]
            variables = {**os.environ, "HF_HUB_OFFLINE": "1"}
            result = subprocess.run(
                command, cwd=ROOT, env=variables, check=True, text=True, stdout=subprocess.PIPE
            )
            cells = [f"{megabytes:.0f}" for megabytes in json.loads(result.stdout)]
            print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
