"""Word vectors, as GloVe, word2vec and fastText write them, as a static model."""

from __future__ import annotations

import logging
from operator import itemgetter
from pathlib import Path

import numpy as np
from tokenizers import Regex, Tokenizer, models, pre_tokenizers

from m2v_onnx.errors import FolderError
from m2v_onnx.folder import fast_text
from m2v_onnx.folder.packed_file import open_packed
from m2v_onnx.folder.vector_binary import is_word2vec, read_word2vec
from m2v_onnx.folder.vector_text import read_text_vectors
from m2v_onnx.model.config import ModelConfig
from m2v_onnx.model.static_embedding import StaticEmbedding
from m2v_onnx.model.vectors import Vectors
from m2v_onnx.tokenizer.phrases import phrase_splitter
from m2v_onnx.tokenizer.words import PAD_TOKEN, UNK_TOKEN, WordForms, find_word_forms, make_word_tokenizer

logger = logging.getLogger(__name__)

_HEAD_BYTES = 1 << 20
_SPECIAL_TOKENS = (UNK_TOKEN, PAD_TOKEN)


def read_word_vectors(path: Path) -> StaticEmbedding:
    """Read word vectors: GloVe's `.txt`, word2vec's and fastText's `.vec` and `.bin`; plain, gzip, xz or zip.

    In text form a line is a word and its D numbers, separated by single spaces or tabs; a first line of two
    counts, and blank lines at the end, are fine. A word may end in a number: a header, or most of the first
    lines, say how wide an entry is.

    The model gives the mean of the words' vectors, of the whole text, and no unit vectors: a word alone
    gives its own vector. Entries with spaces or punctuation inside (`u.s.`, `. . .`) are found as phrases
    between word boundaries, longest first. Of entries that are equal after normalisation the first counts.
    `<unk>` and `unk` are entries like any other, `[UNK]` and `[PAD]` are left out, and so are empty words.
    Case counts where words have capitals, see `make_word_tokenizer`.

    Args:
        path: the file; its name does not matter.

    Returns:
        The model; its table is (V, D) float32, in memory: two rows of zeros for `[UNK]` and `[PAD]`, then
        the entries in their order.

    Raises:
        FolderError: when the file cannot be read, holds no word vectors, or is damaged; the message names the
            line or the entry.
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


def _read_entries(path: Path) -> tuple[list[str], Vectors]:
    """Give n words, and a (2 + n, D) float32 table: two rows of zeros for the special tokens first."""
    with open_packed(path) as file:
        head = file.read(_HEAD_BYTES)
    n_special = len(_SPECIAL_TOKENS)
    if head.startswith(fast_text.MAGIC):
        return fast_text.read_fast_text(path, n_zero_rows=n_special)
    if is_word2vec(head):
        return read_word2vec(path, n_zero_rows=n_special)
    return read_text_vectors(path, head, n_zero_rows=n_special)
