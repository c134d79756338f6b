"""Distil all-MiniLM-L6-v2 for words of one's own: `python -m benchmarks.words SHARED [N_WORDS]`.

100,000 of them by default. SHARED/eval/vocab holds the lists: English words by frequency, then medical terms.
model2vec has no vocabulary mode of this kind any more: it extends the subwords, and feeds every word padded
to 128 positions, so that it gets a sample of the same list.
"""

from __future__ import annotations

import gzip
import json
import re
import sys
import tempfile
from pathlib import Path

from benchmarks.measure import minilm, peer_python, run

N_PEER_WORDS = 3_000
PEER = (
    "import json, sys; from model2vec.distill import distill\n"
    "words = json.load(open(sys.argv[2])); distill(sys.argv[1], vocabulary=words, pca_dims=256)"
)


def read_words(shared: Path, n_words: int) -> list[str]:
    """Give distinct words: the lists; past these other languages, the corpora, and all of it capitalised."""
    vocab = shared / "eval/vocab"
    tables = [(vocab / f"wordfreq_{name}.tsv").read_text("utf-8") for name in ("en", "de", "fr", "ja")]
    english, *others = ([line.split("\t")[0] for line in table.split("\n")[1:-1]] for table in tables)
    words = english + (vocab / "medical_terms_en.txt").read_text("utf-8").split("\n")
    if n_words > len(words):
        words += [word for other in others for word in other]
        for path in sorted((shared / "corpora").glob("*.gz")):
            words += re.findall(r"\w+", gzip.decompress(path.read_bytes()).decode("utf-8").lower())
        words += [word.capitalize() for word in words]
    return list(dict.fromkeys(words))[:n_words]


def main() -> None:
    n_words = int(sys.argv[2]) if len(sys.argv) > 2 else 100_000
    words = read_words(Path(sys.argv[1]), n_words)
    with tempfile.TemporaryDirectory() as scratch:
        (Path(scratch) / "words.txt").write_text("\n".join(words), encoding="utf-8")
        step = len(words) // N_PEER_WORDS
        (Path(scratch) / "sample.json").write_text(json.dumps(words[::step]))
        (Path(scratch) / "none.json").write_text("[]")
        distil = [sys.executable, "-m", "m2v_onnx", "distill", minilm(), Path(scratch, "model"), "--quiet"]
        distil += ["--recipe", "model2vec-0.10"]  # like for like
        run(distil)  # the export, which is cached from here on
        only = ["--vocabulary", Path(scratch, "words.txt"), "--vocabulary-mode", "only"]
        ours = run([*distil, *only])
        peer = [peer_python(), "-c", PEER, minilm()]
        without = run([*peer, Path(scratch, "none.json")])
        with_words = run([*peer, Path(scratch, "sample.json")])
    n_sample = len(words[::step])
    rows = [
        ("m2v-onnx, only", len(words), ours.wall_seconds, ours.peak_mb),
        ("model2vec, extend", n_sample, with_words.wall_seconds - without.wall_seconds, with_words.peak_mb),
    ]
    print("| | words | wall s | words/s | peak MB |\n| --- | --- | --- | --- | --- |")
    for name, n_words, seconds, peak_mb in rows:
        print(f"| {name} | {n_words:,} | {seconds:.1f} | {n_words / seconds:,.0f} | {peak_mb:.0f} |")


if __name__ == "__main__":
    main()
