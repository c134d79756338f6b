"""Distil a teacher of XLM-RoBERTa-large's width and vocabulary.

Run it by `python -m benchmarks.large_vocabulary`. The teacher has two layers and random weights. Its tokens
are letters and numbered words. The peak of the memory grows with the vocabulary.
"""

from __future__ import annotations

import argparse
import multiprocessing
import string
import sys
import tempfile
from pathlib import Path

from benchmarks.measure import run
from m2v_onnx.teacher.loading import load_teacher


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tokens", type=int, default=250_002)
    parser.add_argument("--width", type=int, default=1024, help="numbers of a hidden state")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        teacher = Path(scratch, "teacher")
        writer = multiprocessing.get_context("spawn").Process(
            target=write_teacher, args=(teacher, args.tokens, args.width)
        )  # the peak of a process counts from what its parent holds: torch stays elsewhere
        writer.start()
        writer.join()
        load_teacher(teacher)  # exported before: torch is not what is measured
        command = [sys.executable, "-m", "m2v_onnx", "distill", teacher, Path(scratch, "model"), "--quiet"]
        took = run([*command, "--graph", "ids", "--precision", "fp32"])
    print("| tokens | width | wall s | CPU s | peak MB |\n| --- | --- | --- | --- | --- |")
    numbers = (args.tokens, args.width, took.wall_seconds, took.cpu_seconds, took.peak_mb)
    print("|", " | ".join(f"{number:,.0f}" for number in numbers), "|")


def write_teacher(folder: Path, n_tokens: int, width: int) -> None:
    import torch
    from transformers import BertConfig, BertModel, BertTokenizerFast

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    letters = string.ascii_lowercase + string.digits
    tokens = [*special, *letters, *(f"##{letter}" for letter in letters)]
    tokens += [f"w{number}" for number in range(n_tokens - len(tokens))]
    folder.mkdir()
    (folder / "vocab.txt").write_text("\n".join(tokens) + "\n")
    BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(n_tokens, width, 2, 16, 4 * width)
    BertModel(config, add_pooling_layer=False).save_pretrained(folder)


if __name__ == "__main__":
    main()
