"""fastText's binary form: the vectors of the words in its dictionary."""

from __future__ import annotations

import gzip
import logging
import struct
from pathlib import Path

import numpy as np
import pytest

from m2v_onnx import StaticModel
from m2v_onnx.errors import FolderError
from m2v_onnx.folder.fast_text import MAGIC

DATA = Path(__file__).parents[1] / "data"
DIM, BUCKETS = 3, 7
WORDS = ["</s>", "sun", "é日", "a", "moon light"]
OPTIONS = {
    "version": 12,
    "kind": 2,
    "buckets": BUCKETS,
    "shortest": 1,
    "longest": 3,
    "labels": ["__label__x"],
}
ROWS = np.random.default_rng(0).normal(size=(len(WORDS) + BUCKETS, DIM)).astype("<f4")


def fast_text(words: list[str] = WORDS, rows: np.ndarray = ROWS, **changes: object) -> bytes:
    """Write the file as fastText does; what a reader of word vectors skips is 99 or left out."""
    o = OPTIONS | {"pruned": -1, "quantized": False, "n_words": len(words)} | changes
    entries = [(word, 0) for word in words] + [(label, 1) for label in o["labels"]]
    kinds = (99, o["kind"], o["buckets"], o["shortest"], o["longest"], 99)
    return b"".join(
        [
            MAGIC + struct.pack("<i", o["version"]),
            struct.pack("<12id", DIM, *[99] * 5, *kinds, 1e-4),
            struct.pack("<3i2q", len(entries), o["n_words"], len(o["labels"]), 99, o["pruned"]),
            *(word.encode() + b"\0" + struct.pack("<qb", 99, kind) for word, kind in entries),
            struct.pack("<?2q", o["quantized"], *rows.shape),
            rows.tobytes() + b"the other matrix",
        ]
    )


def parts(word: str, shortest: int, longest: int) -> list[str]:
    framed = f"<{word}>"
    found = [
        framed[i : i + n] for n in range(max(1, shortest), longest + 1) for i in range(len(framed) - n + 1)
    ]
    return [] if word == "</s>" else [part for part in found if part not in ("<", ">")]


def bucket(part: str) -> int:
    """FNV-1a over signed bytes, as `Dictionary::hash` says."""
    value = 2166136261
    for byte in part.encode():
        value = (value ^ (byte if byte < 128 else byte | 0xFFFFFF00)) * 16777619 % 2**32
    return value % BUCKETS


def expected(words: list[str], rows: np.ndarray, shortest: int, longest: int) -> np.ndarray:
    numbers = [
        [index, *(len(words) + bucket(part) for part in parts(word, shortest, longest))]
        for index, word in enumerate(words)
    ]
    return np.stack([rows[own].mean(axis=0) for own in numbers])


def read(folder: Path, content: bytes) -> StaticModel:
    path = folder / "model.bin"
    path.write_bytes(content)
    return StaticModel.from_pretrained(path)


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize(("shortest", "longest"), [(1, 3), (3, 6), (2, 2), (5, 5), (0, 0)])
def test_a_word_is_the_mean_of_its_row_and_those_of_its_parts(tmp_path, caplog, pack, shortest, longest):
    caplog.set_level(logging.INFO)
    model = read(tmp_path, pack(fast_text(shortest=shortest, longest=longest)))
    np.testing.assert_allclose(model.table[2:], expected(WORDS, ROWS, shortest, longest), atol=1e-6)
    vector = expected(WORDS, ROWS, shortest, longest)[[1, 4]].mean(axis=0)
    np.testing.assert_allclose(model.encode("Sun, moon light; unknown"), vector, atol=1e-6)
    assert "words that are not in its dictionary have no vector, their parts are not used" in caplog.text
    assert "1 labels are left out" in caplog.text


def test_the_vectors_are_those_of_fast_text():
    golden = np.load(DATA / "fast_text.npz")
    model = StaticModel.from_pretrained(DATA / "fast_text.bin")
    tokens = [model.tokenizer.id_to_token(token_id) for token_id in range(2, model.n_tokens)]
    assert tokens == golden["words"].tolist()
    np.testing.assert_allclose(model.table[2:], golden["vectors"], atol=1e-7)


@pytest.mark.parametrize(
    ("changes", "longest"),
    [({"version": 11, "kind": 3}, 0), ({"version": 11}, 3), ({"kind": 3}, 3)],
    ids=["an old classifier has no parts", "old", "a classifier"],
)
def test_kinds_of_models(tmp_path, changes, longest):
    model = read(tmp_path, fast_text(**changes))
    np.testing.assert_allclose(model.table[2:], expected(WORDS, ROWS, 1, longest), atol=1e-6)


def test_a_model_without_parts_has_no_buckets(tmp_path):
    rows = ROWS[: len(WORDS)]
    model = read(tmp_path, fast_text(rows=rows, buckets=0, shortest=3, longest=6))
    np.testing.assert_array_equal(model.table[2:], rows)


def test_many_words(tmp_path):
    words = [f"w{index}" for index in range(2500)]
    rows = np.random.default_rng(0).normal(size=(len(words) + BUCKETS, DIM)).astype("<f4")
    model = read(tmp_path, fast_text(words, rows))
    np.testing.assert_allclose(model.table[2:], expected(words, rows, 1, 3), atol=1e-6)


def test_a_word_that_is_no_utf_8_is_counted(tmp_path, caplog):
    content = fast_text().replace(b"sun\0", b"s\xff\xfe\0")
    assert read(tmp_path, content).tokenize(["a é日"]) == [[5, 4]]
    assert "1 words are no UTF-8: no text will have them" in caplog.text


BAD_FILES = {
    "another version": (fast_text(version=13), "fastText's file format 11 or 12 in .*model.bin, found 13"),
    "quantized": (fast_text(quantized=True), "of float32 numbers in .*found a quantized one"),
    "pruned": (fast_text(pruned=2), "of float32 numbers in .*found a quantized one"),
    "another number of words": (fast_text(n_words=9), "expected 9 words and 1 labels in .*found 5 words"),
    "another number of rows": (fast_text(buckets=8), "expected 13 x 3 numbers in .*found 12 x 3: the f"),
    "half a matrix": (fast_text()[:-40], "expected more than .* bytes in .*found its end"),
    "half a dictionary": (fast_text()[:110], "expected more than .* bytes in .*found its end"),
    "NaN": (fast_text(rows=ROWS * np.float32(np.nan)), "finite numbers in entry 1 of .*NaN or infinity"),
}  # fmt: skip


@pytest.mark.parametrize("bad", BAD_FILES)
def test_bad_files_are_named(tmp_path, bad):
    content, message = BAD_FILES[bad]
    with pytest.raises(FolderError, match=message):
        read(tmp_path, content)
