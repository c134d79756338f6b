"""Word vectors: what is read, and what is refused with its line or entry."""

from __future__ import annotations

import gzip
import io
import lzma
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

from m2v_onnx import StaticModel
from m2v_onnx.errors import FolderError
from m2v_onnx.folder import vector_text
from m2v_onnx.folder.word_vectors import read_word_vectors
from m2v_onnx.model.config import ModelConfig

GLOVE = "the 1 1\nsun 3 4\nmoon 0 2\n"
HEADER = "3 2\n" + GLOVE


def write(folder: Path, content: str | bytes, name: str = "vectors.txt") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def tokens_of(model: StaticModel) -> list[str]:
    ids = model.tokenizer.get_vocab()
    assert sorted(ids.values()) == list(range(len(model.table)))
    return sorted(ids, key=ids.__getitem__)


def zipped(members: dict[str, bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return content.getvalue()


def word2vec(*, line_feeds: bool) -> bytes:
    entries = {b"the": (1, 1), b"sun": (3, 4), b"moon": (0, 2)}
    end = b"\n" if line_feeds else b""
    return b"3 2\n" + b"".join(word + b" " + struct.pack("<2f", *row) + end for word, row in entries.items())


FORMS = {
    "GloVe": GLOVE.encode(),
    "word2vec and fastText": HEADER.encode(),
    "a space at the end of a line, as fastText writes": HEADER.replace("\n", " \n").encode(),
    "tabs": GLOVE.replace(" ", "\t").encode(),
    "Windows line ends": HEADER.replace("\n", "\r\n").encode(),
    "a byte order mark": GLOVE.encode("utf-8-sig"),
    "no line feed at the end": GLOVE.rstrip().encode(),
    "numbers with exponents": b"the 1e0 +1.0\nsun 3. 40e-1\nmoon -0 .2E1\n",
    "GloVe, gzip": gzip.compress(GLOVE.encode()),
    "word2vec, gzip": gzip.compress(HEADER.encode()),
    "word2vec, xz": lzma.compress(HEADER.encode()),
    "GloVe, zip": zipped({"glove.txt": GLOVE.encode(), "__MACOSX/._glove.txt": b"x", "folder/": b""}),
    "blank lines at the end": (GLOVE + "\n\r\n  \n").encode(),
    "a blank line at the end, behind a header": (HEADER + "\n").encode(),
    "word2vec's binary form": word2vec(line_feeds=True),
    "word2vec's binary form, as gensim writes it": word2vec(line_feeds=False),
    "word2vec's binary form, gzip": gzip.compress(word2vec(line_feeds=True)),
    "word2vec's binary form, zip": zipped({"vectors.bin": word2vec(line_feeds=False)}),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("block_bytes", [1 << 22, 1])
def test_every_form_is_read(tmp_path, monkeypatch, form, block_bytes):
    monkeypatch.setattr(vector_text, "_BLOCK_BYTES", block_bytes)
    model = StaticModel.from_pretrained(write(tmp_path, FORMS[form]))
    assert tokens_of(model) == ["[UNK]", "[PAD]", "the", "sun", "moon"]
    assert model.table.dtype == np.float32
    np.testing.assert_array_equal(model.table, [[0, 0], [0, 0], [1, 1], [3, 4], [0, 2]])
    assert model.config == ModelConfig(normalize=False, max_length=None)
    # The mean of sun, moon and sun; what is unknown does not count.
    np.testing.assert_allclose(model.encode("Sun, moon; comets: SUN!"), [2, 10 / 3], rtol=1e-6)
    np.testing.assert_array_equal(model.encode(["sun", "comet", ""]), [[3, 4], [0, 0], [0, 0]])


def test_numbers_are_the_nearest_float32(tmp_path):
    rows = np.random.default_rng(0).normal(size=(50, 7)).astype(np.float32)
    lines = [f"w{index} {' '.join(map(str, row))}\n" for index, row in enumerate(rows)]
    np.testing.assert_array_equal(read_word_vectors(write(tmp_path, "".join(lines))).table[2:], rows)


ODD_WORDS = {
    "a number, the header gives the width": ("2 3\nred 1 0 0\nwindows 10 1 2 3\n", ["red", "windows 10"]),
    "nan": ("2 3\nred 1 0 0\nnaan nan 1 2 3\n", ["red", "naan nan"]),
    "infinity": ("2 3\nred 1 0 0\nto infinity 1 2 3\n", ["red", "to infinity"]),
    "two numbers and an exponent": ("2 3\nred 1 0 0\n24 7 1e3 1 2 3\n", ["red", "24 7 1e3"]),
    "a number, in the first line": ("windows 10 1 2 3\nred 1 0 0\n", ["windows 10", "red"]),
    "a number, in the second line": ("red 1 0 0\nwindows 10 1 2 3\n", ["red", "windows 10"]),
    "numbers, in many lines": ("a 1 1 0 0\nb 1 1 2 3\nred 1 2 3\ns 0 0 0\n", ["a 1", "b 1", "red", "s"]),
    "nothing else: a number alone is a word": ("10 1 0 0\nnan 1 2 3\n", ["10", "nan"]),
}  # fmt: skip


@pytest.mark.parametrize("odd", ODD_WORDS)
def test_a_word_may_end_in_a_number(tmp_path, caplog, odd):
    content, words = ODD_WORDS[odd]
    model = StaticModel.from_pretrained(write(tmp_path, content))
    assert tokens_of(model)[2:] == words
    n_odd = sum(" " in word for word in words)
    assert model.dim == 3
    np.testing.assert_array_equal(model.encode(words), model.table[2:])
    assert (f"{n_odd} words end in a number, the first is" in caplog.text) == (n_odd > 0)


@pytest.mark.parametrize(
    "content",
    [
        b"3 2\nsun 3 4\n 0.5 0.5\nmoon 0 2\n",
        b"sun 3 4\n\t0.5\t0.5\nmoon 0 2\n",
        b" 0.5 0.5\nsun 3 4\nmoon 0 2\n",
        b"3 2\nsun %s %smoon %s" % tuple(struct.pack("<2f", *row) for row in ((3, 4), (9, 9), (0, 2))),
    ],
)  # fmt: skip
def test_an_empty_word_is_left_out_and_counted(tmp_path, caplog, content):
    model = StaticModel.from_pretrained(write(tmp_path, content))
    assert tokens_of(model)[2:] == ["sun", "moon"]
    np.testing.assert_array_equal(model.table, [[0, 0], [0, 0], [3, 4], [0, 2]])
    assert "2 words and 0 phrases of 3 entries; after normalisation 0 are duplicates, 1 empty" in caplog.text


STRAYS = {
    "a Roman numeral": ("the sun Ⅻ", 1),
    "letters of other widths and styles": ("the sun Ａ ℝ 𝔸 ™ ℃", 5),
    "one in more than a hundred words": (" ".join(f"w{i}" for i in range(100)) + " iPhone the sun", 1),
    "one in Greek": ("日本 ΟΔΟΣ " + " ".join(f"λ{i}" for i in range(99)) + " the sun", 1),
}  # fmt: skip


@pytest.mark.parametrize("stray", STRAYS)
def test_a_stray_capital_does_not_make_case_count(tmp_path, caplog, stray):
    words, n_stray = STRAYS[stray]
    lines = [f"{word} {number} 1\n" for number, word in enumerate(words.split())]
    model = StaticModel.from_pretrained(write(tmp_path, "".join(lines)))
    assert [tokens_of(model)[i] for i in model.tokenize(["The SUN"])[0]] == ["the", "sun"]
    expected = f"{n_stray} of {len(lines)} words have capitals, too few for a list in which case counts"
    assert expected in caplog.text


@pytest.mark.parametrize(
    "words", ["Sun sun", "Berlin 日本 中国 한국", "the Sun " + " ".join(f"w{i}" for i in range(98))]
)
def test_capitals_make_case_count(tmp_path, caplog, words):
    lines = [f"{word} {number} 1\n" for number, word in enumerate(words.split())]
    model = StaticModel.from_pretrained(write(tmp_path, "".join(lines)))
    assert tokens_of(model)[2:] == words.split()
    assert model.tokenize(["SUN BERLIN"]) == [[]]
    assert "capitals" not in caplog.text


def test_one_capital_makes_case_count(tmp_path):
    model = StaticModel.from_pretrained(write(tmp_path, "Sun 3 4\nsun 0 2\n"))
    np.testing.assert_array_equal(model.encode(["Sun", "sun", "SUN"]), [[3, 4], [0, 2], [0, 0]])


def test_entries_with_punctuation_or_spaces_are_found_between_word_boundaries(tmp_path):
    content = ". . . 1 0\nu.s. 3 4\nu 9 9\nco-op 0 2\nat name@domain.com 5 5\n. 0 8\n"
    model = StaticModel.from_pretrained(write(tmp_path, content))
    assert tokens_of(model)[2:] == [". . .", "u.s.", "u", "co-op", "at name@domain.com", "."]
    texts = ["The U.S.", "u.s.a", "co-op, at name@domain.com", "co-operate", ". . ."]
    tokens = [[tokens_of(model)[i] for i in ids] for ids in model.tokenize(texts)]
    assert tokens == [["u.s."], ["u", ".", "."], ["co-op", "at name@domain.com"], [], [". . ."]]
    np.testing.assert_array_equal(model.encode("the U.S. co-op"), [1.5, 3])


def test_a_first_line_whose_word_has_spaces(tmp_path):
    model = StaticModel.from_pretrained(write(tmp_path, ". . 3 4\nsun 0 2\n"))
    np.testing.assert_array_equal(model.table[2:], [[3, 4], [0, 2]])


def test_of_equal_entries_the_first_counts_and_the_others_are_counted(tmp_path, caplog):
    content = "sun 3 4\nﬁne 1 1\nfine 9 9\nsun 9 9\n\u00a0 9 9\n[UNK] 9 9\n<unk> 5 5\nunk 6 6\nmoon 0 2\n"
    model = StaticModel.from_pretrained(write(tmp_path, content))
    assert tokens_of(model) == ["[UNK]", "[PAD]", "sun", "fine", "<unk>", "unk", "moon"]
    np.testing.assert_array_equal(model.table[2:], [[3, 4], [1, 1], [5, 5], [6, 6], [0, 2]])
    assert "4 words and 1 phrases of 9 entries; after normalisation 3 are duplicates, 1 empty" in caplog.text
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_rows_move_forward_in_steps(tmp_path):
    lines = [f"w{index // 2} {index} 0\n" for index in range(20_000)]
    model = StaticModel.from_pretrained(write(tmp_path, "".join(lines)))
    np.testing.assert_array_equal(model.table[2:, 0], np.arange(0, 20_000, 2))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("deep learning models", [4.5, 0.5, 0]),
        ("deep learning model", [0, 7, 0]),
        ("deep learning modelsx deep learning", [9, 0, 0]),
        ("xdeep learning model", [0, 0, 2]),
        ("the deep learning model, the deep models", [0.4, 1.6, 0.2]),
    ],
)
def test_phrases_within_phrases(tmp_path, text, expected):
    words = "the 1 0 0\nmodels 0 1 0\ndeep 0 0 1\nlearning 0 0 2\n"
    content = words + "deep learning 9 0 0\ndeep learning model 0 7 0\n"
    model = StaticModel.from_pretrained(write(tmp_path, content))
    np.testing.assert_allclose(model.encode(text), expected, rtol=1e-6)


def test_it_is_written_like_any_model(tmp_path):
    model = StaticModel.from_pretrained(write(tmp_path, gzip.compress(b"u.s. 3 4\nmoon 0 2\n"), "a.vec.gz"))
    model.save_pretrained(tmp_path / "model")
    again = StaticModel.from_pretrained(tmp_path / "model")
    texts = ["the u.s. moon", "moon", ""] * 4
    np.testing.assert_array_equal(again.encode(texts), [[1.5, 3], [0, 2], [0, 0]] * 4)
    assert again.tokenizer.to_str() == model.tokenizer.to_str()
    assert again.config == model.config


ZIP = zipped({"a.vec": GLOVE.encode()})


def flagged(archive: bytes, flags: int, *, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Write other flags and another method into an archive of one file, in both of its headers."""
    central = archive.index(b"PK\x01\x02")
    fields = struct.pack("<2H", flags, method)
    return archive[:6] + fields + archive[10 : central + 8] + fields + archive[central + 12 :]


BINARY = b"2 2\nsun " + struct.pack("<2f", 3, 4) + b"\nmoon " + struct.pack("<2f", 0, 2) + b"\n"
BAD_FILES = {
    "empty": (b"", "or word vectors .*found an empty file in .*vectors.txt: fetch"),
    "JSON": (b'{\n  "normalize": true\n}\n', "found '{' in line 1 in .*vectors.txt: name another file"),
    "prose": (
        b"It is dangerous to go alone\n",
        "a word and its numbers a line.*found 'It is dangerous to go",
    ),
    "words and counts": (b"the 1061396\nof 593677\n", "found 'the 1061396' in line 1"),
    "binary data": (b"\x89HDF\r\n\x1a\n\0\0", "found binary data in .*unpack an archive"),
    "half an entry in binary form": (
        BINARY[:-3],
        "more than .* bytes in .*vectors.txt, found its end: the file is",
    ),
    "an entry in binary form too many": (
        BINARY.replace(b"2 2", b"1 2"),
        "expected 1 entries in .*found more",
    ),
    "binary form, no space": (
        b"1 2\n" + b"\xff\0" * 99_999,
        "a word of up to 65536 bytes at byte 4 of .*longer",
    ),
    "binary form, NaN": (BINARY[:8] + b"\0\0\xc0\x7f" + BINARY[12:], "finite numbers in entry 1 of .*NaN"),
    "a binary header of a width beyond memory": (BINARY.replace(b"2 2", b"2 9999999999"), "found its end"),
    "an archive of two files": (
        zipped({"a.vec": b"", "a.bin": b""}),
        "one file in the archive .*a.vec, a.bin: unpack",
    ),
    "an archive of none": (zipped({"a/": b""}), "one file in the archive .*found none: unpack it"),
    "truncated xz": (lzma.compress(GLOVE.encode())[:-9], "a whole xz file in .*found a damaged one"),
    "truncated zip": (zipped({"a.vec": GLOVE.encode()})[:-9], "a whole zip file in .*found a damaged one"),
    "damaged zip": (ZIP[:40] + b"\xff" + ZIP[41:], "a whole zip file in .*found a damaged one"),
    "encrypted zip": (flagged(ZIP, 1), "an open archive in .*found an encrypted one: unpack it"),
    "a zip of an unknown method": (flagged(ZIP, 0, method=77), "a whole zip file in .*compression method"),
    "Latin-1": (
        "sun 3 4\nm\u00f6on 0 2\n".encode("latin-1"),
        "expected UTF-8 text in .*vectors.txt, found other bytes in line 2: convert it",
    ),
    "a number too few": (
        b"sun 3 4\nmoon 0\n",
        "a word and 2 numbers, .* in line 2 of .*vectors.txt, found 'moon 0'",
    ),
    "a number too few behind a header": (b"2 2\nsun 3 4\nmoon 0\n", "a word and 2 numbers, .* in line 3"),
    "a header of another width": (b"2 3\nsun 3 4\nmoon 0 2\n", "a word and 3 numbers, .* in line 2"),
    "a header of a width beyond memory": (
        b"2 9999999999999\nsun 3 4\n",
        "9999999999999 numbers, .* in line 2",
    ),
    "blank lines": (b"sun 3 4\n\n \nmoon 0 2\n", "in line [23] of .*found ''"),
    "a blank line": (b"sun 3 4\n\nmoon 0 2\n", "a word and 2 numbers, .* in line 2 of .*found ''"),
    "two spaces": (
        b"sun 3 4\nmoon  2\n",
        "finite numbers in line 2 of .*could not convert string '' to float32\\)",
    ),
    "no number": (
        b"sun 3 4\nmoon 0 x\n",
        "expected finite numbers in line 2 of .*could not convert string 'x' to float32\\)",
    ),
    "NaN": (b"sun 3 4\nmoon 0 nan\n", "expected finite numbers in line 2 of .*NaN or infinity"),
    "infinity": (b"2 2\nsun 3 4\nmoon -inf 0\n", "expected finite numbers in line 3 of .*NaN or infinity"),
    "more than float32 holds": (b"sun 3 4\nmoon 0 1e39\n", "line 2 of .*NaN or infinity"),
    "fewer entries than the header": (
        b"3 2\nsun 3 4\nmoon 0 2\n",
        "expected 3 entries in .*, as its first line says, found 2",
    ),
    "more entries than the header": (b"1 2\nsun 3 4\nmoon 0 2\n", "expected 1 entries in .*found 2"),
    "a header alone": (b"3 2\n", "expected 3 entries in .*found 0"),
    "no words": ("\u3000 3 4\n".encode(), "expected words in .*found none that is left after normalisation"),
    "truncated gzip": (gzip.compress(GLOVE.encode())[:-9], "a whole gzip file in .*found a damaged one"),
    "damaged gzip": (gzip.compress(GLOVE.encode())[:12] + b"\xff" * 20, "a whole gzip file in .*found a dam"),
    "half a gzip header": (b"\x1f\x8b\x08", "a whole gzip file in .*found a damaged one"),
}


@pytest.mark.parametrize("bad", BAD_FILES)
@pytest.mark.parametrize("block_bytes", [1 << 22, 12])
def test_bad_files_are_named(tmp_path, monkeypatch, bad, block_bytes):
    monkeypatch.setattr(vector_text, "_BLOCK_BYTES", block_bytes)
    content, message = BAD_FILES[bad]
    with pytest.raises(FolderError, match=message):
        StaticModel.from_pretrained(write(tmp_path, content))


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(FolderError, match="expected a file of word vectors at .*No such file"):
        read_word_vectors(tmp_path / "nothing.txt")
