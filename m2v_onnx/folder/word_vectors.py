"""Word vectors in text form, as GloVe, word2vec and fastText write them, as a static model."""

from __future__ import annotations

import gzip
import io
import logging
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile
from operator import itemgetter
from pathlib import Path

import numpy as np
from tokenizers import Regex, Tokenizer, models, pre_tokenizers

from m2v_onnx.errors import FolderError
from m2v_onnx.model.config import ModelConfig
from m2v_onnx.model.static_embedding import StaticEmbedding
from m2v_onnx.model.vectors import Vectors
from m2v_onnx.tokenizer.phrases import phrase_splitter
from m2v_onnx.tokenizer.words import PAD_TOKEN, UNK_TOKEN, WordForms, find_word_forms, make_word_tokenizer

logger = logging.getLogger(__name__)

_GZIP_MAGIC = b"\x1f\x8b"
_BOM = b"\xef\xbb\xbf"
_BLOCK_BYTES = 1 << 22
_SPECIAL_TOKENS = (UNK_TOKEN, PAD_TOKEN)


def read_word_vectors(path: Path) -> StaticEmbedding:
    """Read word vectors in text form: a word and its D numbers a line, separated by single spaces or tabs.

    GloVe's `.txt`, and word2vec's and fastText's `.vec` with their first line of counts; each plain or gzip.
    The model gives the mean of the words' vectors, of the whole text, and no unit vectors: a word alone
    gives its own vector. Entries with spaces or punctuation inside (`u.s.`, `. . .`) are found as phrases
    between word boundaries, longest first. Of entries that are equal after normalisation the first counts.
    `<unk>` and `unk` are entries like any other, `[UNK]` and `[PAD]` are left out.

    Args:
        path: the file; its name does not matter.

    Returns:
        The model; its table is (V, D) float32, in memory: two rows of zeros for `[UNK]` and `[PAD]`, then
        the entries in their order.

    Raises:
        FolderError: when the file cannot be read, holds no word vectors in text form, or is damaged; the
            message names the line.
    """
    words, table = _read_entries(path)
    tokenizer = make_word_tokenizer(words)
    forms = find_word_forms(tokenizer, words)
    if not forms.words and not forms.phrases:
        raise FolderError(f"expected words in {path}, found none that is left after normalisation")
    logger.log(
        logging.INFO if forms.n_duplicates + forms.n_empty == 0 else logging.WARNING,
        "%s: %d words and %d phrases of %d entries; after normalisation %d are duplicates, %d empty",
        *(path.name, len(forms.words), len(forms.phrases), len(words), forms.n_duplicates, forms.n_empty),
    )
    kept = sorted([*forms.words.items(), *forms.phrases.items()], key=itemgetter(1))
    _fill_tokenizer(tokenizer, [token for token, _ in kept], forms)
    return StaticEmbedding(
        table=_keep_rows(table, [index for _, index in kept]),
        tokenizer=tokenizer,
        config=ModelConfig(normalize=False, max_length=None),
        owns_tokenizer=True,
    )


def _fill_tokenizer(tokenizer: Tokenizer, tokens: list[str], forms: WordForms) -> None:
    ids = {token: token_id for token_id, token in enumerate([*_SPECIAL_TOKENS, *tokens])}
    tokenizer.model = models.WordLevel(ids, unk_token=UNK_TOKEN)
    if forms.phrases:
        splitter = phrase_splitter(list(forms.phrases))
        tokenizer.pre_tokenizer = pre_tokenizers.Split(
            Regex(splitter["pattern"]["Regex"]), "removed", invert=True
        )


def _keep_rows(table: Vectors, entries: list[int]) -> Vectors:
    """Move the rows of the special tokens and of the given entries to the front; give that part."""
    n_special = len(_SPECIAL_TOKENS)
    rows = np.concatenate([np.arange(n_special), np.array(entries) + n_special])
    if len(rows) == len(table):
        return table
    step = 4096  # in place: a second table may not fit into memory
    for start in range(0, len(rows), step):
        moved = table[rows[start : start + step]]
        table[start : start + len(moved)] = moved
    return table[: len(rows)]


@dataclass(frozen=True)
class _Layout:
    """What the first line says: the numbers of an entry, and, if it is a header, the number of entries."""

    dim: int
    n_entries: int | None


def _read_entries(path: Path) -> tuple[list[str], Vectors]:
    """Give n words, and a (2 + n, D) float32 table: two rows of zeros for the special tokens first."""
    words: list[str] = []
    table = bytearray()  # grows in place
    layout = None
    n_lines = 0
    for lines in _read_blocks(path):
        block = lines
        if layout is None:
            layout = _detect_layout(lines, path)
            n_lines = 0 if layout.n_entries is None else 1
            block = lines[n_lines:]
        if block:
            block_words, numbers = _parse_lines(block, dim=layout.dim, path=path, first_line=n_lines + 1)
            if not words:
                table += np.zeros((len(_SPECIAL_TOKENS), layout.dim), np.float32).data
            words += block_words
            table += numbers.data
            n_lines += len(block)
    if layout is None:
        raise _no_word_vectors(path, "an empty file", remedy="fetch the file again")
    if layout.n_entries not in (None, len(words)):
        raise FolderError(
            f"expected {layout.n_entries} entries in {path}, as its first line says, found {len(words)}: "
            "fetch the file again, or mend that line"
        )
    return words, np.frombuffer(table, np.float32).reshape(-1, layout.dim)


def _read_blocks(path: Path) -> Iterator[list[bytes]]:
    """Give the lines of a file, plain or gzip, some megabytes at a time, their ends and tabs made uniform."""
    try:
        with _open(path) as file:
            while lines := file.readlines(_BLOCK_BYTES):
                yield [line.replace(b"\t", b" ").rstrip(b" \r\n") for line in lines]
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise FolderError(
            f"expected a whole gzip file in {path}, found a damaged one ({error}): fetch the file again"
        ) from error
    except OSError as error:
        raise FolderError(
            f"expected a file of word vectors at {path}, found {error.strerror}: check the path"
        ) from error


def _open(path: Path) -> io.BufferedIOBase:
    with path.open("rb") as file:
        is_gzip = file.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC
    return gzip.open(path) if is_gzip else path.open("rb")


def _detect_layout(lines: list[bytes], path: Path) -> _Layout:
    """Tell from the first line how wide an entry is; takes a byte order mark off it."""
    if any(b"\0" in line for line in lines):
        remedy = (
            "convert a .bin of word2vec or fastText to text, for instance by gensim's save_word2vec_format; "
            "unpack an archive; of a model name the folder"
        )
        raise _no_word_vectors(path, "binary data", remedy=remedy)
    lines[0] = lines[0].removeprefix(_BOM)
    first, *rest = lines[0].split(b" ")
    if len(rest) == 1 and first.isdigit() and rest[0].isdigit() and int(rest[0]) > 0:
        return _Layout(dim=int(rest[0]), n_entries=int(first))
    dim = len(list(takewhile(_is_number, reversed(rest))))  # a word may hold spaces
    if dim < 2:
        found = f"{_shorten(lines[0])!r} in line 1"
        raise _no_word_vectors(path, found, remedy="name another file; of a model name the folder")
    return _Layout(dim=dim, n_entries=None)


def _parse_lines(lines: list[bytes], *, dim: int, path: Path, first_line: int) -> tuple[list[str], Vectors]:
    """Give n words, and their (n, D) float32 vectors."""
    words: list[bytes] = []
    numbers: list[bytes] = []
    for line_number, line in enumerate(lines, first_line):
        n_spaces = line.count(b" ")
        *word, rest = line.split(b" ", max(n_spaces - dim, 0) + 1)
        if n_spaces < dim or not any(word) or (len(word) > 1 and _is_number(word[-1])):
            raise FolderError(
                f"expected a word and {dim} numbers, separated by single spaces, in line {line_number} of "
                f"{path}, found {_shorten(line)!r}: fetch the file again, or mend the line"
            )
        words.append(b" ".join(word))
        numbers.append(rest)
    return _decode(words, path, first_line), _parse_numbers(numbers, path, first_line)


def _decode(words: list[bytes], path: Path, first_line: int) -> list[str]:
    try:
        return b"\n".join(words).decode("utf-8").split("\n")
    except UnicodeDecodeError as error:
        line_number = first_line + error.object.count(b"\n", 0, error.start)
        raise FolderError(
            f"expected UTF-8 text in {path}, found other bytes in line {line_number}: convert it, for "
            "instance by iconv -t utf-8"
        ) from error


def _parse_numbers(texts: list[bytes], path: Path, first_line: int) -> Vectors:
    try:
        numbers = _load_numbers(texts)
    except ValueError:
        for line_number, text in enumerate(texts, first_line):
            try:
                _load_numbers([text])
            except ValueError as error:
                raise _bad_number(path, line_number, str(error).partition(" at row")[0]) from error
        raise
    bad_rows = np.flatnonzero(~np.isfinite(numbers).all(axis=1))
    if len(bad_rows):
        raise _bad_number(path, first_line + int(bad_rows[0]), "NaN or infinity")
    return numbers


def _load_numbers(texts: list[bytes]) -> Vectors:
    return np.loadtxt(texts, np.float32, comments=None, delimiter=" ", ndmin=2, encoding="latin-1")


def _bad_number(path: Path, line_number: int, found: str) -> FolderError:
    return FolderError(
        f"expected finite numbers in line {line_number} of {path}, found another ({found}): fetch the file "
        "again, or mend the line"
    )


def _no_word_vectors(path: Path, found: str, *, remedy: str) -> FolderError:
    return FolderError(
        "expected a model's folder, or word vectors in text form (a word and its numbers a line), found "
        f"{found} in {path}: {remedy}"
    )


def _is_number(field: bytes) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True


def _shorten(line: bytes) -> str:
    text = line.decode("utf-8", "replace")
    return text if len(text) <= 60 else text[:60] + " …"
