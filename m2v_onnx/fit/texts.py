"""A user's texts as both models see them: read once, without those of no use, and kept on the disk."""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from m2v_onnx.errors import ArgumentError
from m2v_onnx.fit.shares import IdRows
from m2v_onnx.fit.spooled_ids import SpooledIds
from m2v_onnx.model.recipe import MOST_SEQUENCE
from m2v_onnx.system.progress import track
from m2v_onnx.system.records.reading import read_texts
from m2v_onnx.tokenizer.special_tokens import bare_copy, find_unk_id

logger = logging.getLogger(__name__)

_BLOCK_TEXTS = 2048
_HELD_OUT = 20  # one text in so many is not fitted to
_FEW_TEXTS = 2000
_MOST_UNKNOWN = 0.9
# Scripts without spaces between words: Thai, Lao, Burmese, Khmer, Japanese, Chinese.
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]{4}")


@dataclass(frozen=True)
class TokenizerPair:
    """How a static model and its teacher tokenise.

    Attributes:
        static: adds no special tokens, pads and truncates nothing.
        masked_ids: its tokens that take no part in the mean.
        unk_id: its unknown token.
        teacher: adds special tokens, pads nothing.
        prompt: what the teacher reads before a text.
    """

    static: Tokenizer
    masked_ids: Set[int]
    unk_id: int | None
    teacher: Tokenizer
    prompt: str = ""

    @classmethod
    def of(
        cls,
        static: Tokenizer,
        teacher: Tokenizer,
        *,
        masked_ids: Set[int],
        prompt: str | None,
        limit: int | None,
    ) -> TokenizerPair:
        """Take copies of both.

        Args:
            static: the static model's.
            teacher: the teacher's.
            masked_ids: see above.
            prompt: see above; None for none.
            limit: the tokens that the teacher takes; None for any number.
        """
        own = bare_copy(teacher)
        own.enable_truncation(min(MOST_SEQUENCE, limit or MOST_SEQUENCE))
        return cls(bare_copy(static), masked_ids, find_unk_id(static), own, prompt or "")

    def encode(self, texts: list[str]) -> Iterator[tuple[list[int], list[int], int]]:
        """Give for each text its counting tokens, what the teacher is fed, and how many tokens are unknown.

        Both read what the teacher's limit leaves of a text.
        """
        fed = self.teacher.encode_batch([self.prompt + text for text in texts])
        cut = [_cut(text, len(self.prompt), one) for text, one in zip(texts, fed, strict=True)]
        seen = self.static.encode_batch_fast(cut, add_special_tokens=False)
        for one, other in zip(seen, fed, strict=True):
            n_unknown = 0 if self.unk_id is None else one.ids.count(self.unk_id)
            yield [token_id for token_id in one.ids if token_id not in self.masked_ids], other.ids, n_unknown


def _cut(text: str, n_prompt: int, encoding: object) -> str:
    """Give what a teacher read of a text."""
    if not encoding.overflowing:  # type: ignore[attr-defined]  # a type that tokenizers does not name
        return text
    return text[: max(0, max(end for _, end in encoding.offsets) - n_prompt)]  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Examples:
    """Texts as both models see them, in memory or on the disk.

    Attributes:
        token_ids: the static model's tokens that count, one at least for each of N texts.
        teacher_ids: what the teacher is fed, special tokens included.
    """

    token_ids: IdRows
    teacher_ids: IdRows


@dataclass
class TextCounts:
    """What became of the texts that were read."""

    used: int = 0
    empty: int = 0
    one_word: int = 0
    repeated: int = 0
    without_token: int = 0

    def __str__(self) -> str:
        """Say it in a line."""
        return (
            f"{self.used:,} used; left out: {self.empty:,} empty, {self.one_word:,} of one word, "
            f"{self.repeated:,} repeated, {self.without_token:,} without a token of the vocabulary"
        )


def open_texts(texts: Iterable[str] | str | Path, *, column: str = "text") -> Iterable[str]:
    """Give texts as they are, or those of a file: see `read_texts`."""
    if isinstance(texts, str | Path):
        return read_texts(Path(texts).expanduser(), column=column)
    return texts


def read_examples(
    texts: Iterable[str], tokenizers: TokenizerPair, *, show: bool
) -> tuple[Examples, Examples]:
    """Read texts; give those to fit to, and a twentieth of them that is held out, chosen by content.

    Empty texts, those of one word, repeated ones, and those without a token that counts are left out and
    counted. 24 bytes a text stay in memory.

    Args:
        texts: any number of them, read once.
        tokenizers: the static model's and the teacher's.
        show: show progress on stderr, when that is a terminal.

    Raises:
        ArgumentError: when no text is left, or nearly all tokens are unknown; further what `texts` raises.
        FolderError: when the disk is full.
    """
    fitted, held = (SpooledIds(), SpooledIds()), (SpooledIds(), SpooledIds())
    counts, seen = TextCounts(), _Seen()
    n_tokens = n_unknown = 0
    iterator = iter(texts)
    with track("Reading texts", total=None, unit="texts", show=show) as advance:
        while block := list(islice(iterator, _BLOCK_TEXTS)):
            kept, keys = seen.keep_new([text for text in block if _is_useful(text, counts)], counts)
            rows = list(tokenizers.encode(kept))
            n_tokens += sum(len(ids) + unknown for ids, _, unknown in rows)
            n_unknown += sum(unknown for _, _, unknown in rows)
            good = [(row, key) for row, key in zip(rows, keys, strict=True) if row[0]]
            counts.without_token += len(rows) - len(good)
            counts.used += len(good)
            for (token_ids, teacher_ids), is_held in ((fitted, False), (held, True)):
                chosen = [row for row, key in good if (key % _HELD_OUT == 0) == is_held]
                token_ids.append([ids for ids, _, _ in chosen])
                teacher_ids.append([fed for _, fed, _ in chosen])
            advance(len(block))
    _report(counts, n_unknown / max(1, n_tokens), n_fitted=len(fitted[0]))
    return Examples(*fitted), Examples(*held)


def _is_useful(text: str, counts: TextCounts) -> bool:
    if not isinstance(text, str):
        raise ArgumentError(f"expected texts to be strings, found {type(text).__name__}: {text!r:.40}")
    words = text.split(None, 2)
    if not words:
        counts.empty += 1
    elif len(words) == 1 and not _UNSPACED.search(text):
        counts.one_word += 1
    else:
        return True
    return False


def _to_utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise ArgumentError(
            f"expected texts of Unicode, found the lone surrogate U+{ord(text[error.start]):04X} in "
            f"{text!r:.60}: decode the text with the encoding that it has"
        ) from error


class _Seen:
    """64-bit hashes of texts, in sorted runs, each more than twice as long as the next."""

    def __init__(self) -> None:
        self._runs: list[npt.NDArray[np.uint64]] = []

    def keep_new(self, texts: list[str], counts: TextCounts) -> tuple[list[str], list[int]]:
        """Give the texts that were not there before, and the hash of each."""
        found: dict[int, str] = {}
        for text in texts:
            content = _to_utf8(text)
            found.setdefault(int.from_bytes(hashlib.blake2b(content, digest_size=8).digest(), "big"), text)
        keys = np.fromiter(found, np.uint64, len(found))
        for run in self._runs:
            keys = keys[run.take(np.searchsorted(run, keys), mode="clip") != keys]
        if len(keys):
            self._add(np.sort(keys))
        counts.repeated += len(texts) - len(keys)
        return [found[key] for key in keys.tolist()], keys.tolist()

    def _add(self, run: npt.NDArray[np.uint64]) -> None:
        """Add a run; joining it to shorter ones alone, so that a text is moved a few times at most."""
        while self._runs and len(self._runs[-1]) <= 2 * len(run):
            run = np.sort(np.concatenate([self._runs.pop(), run]), kind="stable")
        self._runs.append(run)


def _report(counts: TextCounts, unknown: float, *, n_fitted: int) -> None:
    if n_fitted == 0:
        raise ArgumentError(
            f"expected texts of two words or more to fit to, found {counts}: name another file, or another "
            "column (--text-column)"
        )
    if unknown > _MOST_UNKNOWN:
        raise ArgumentError(
            f"expected texts in a language of the vocabulary, found that {unknown:.0%} of their tokens are "
            "unknown: take a teacher, or a base model, that knows the language"
        )
    few = f"; {_FEW_TEXTS:,} or more are worth a fit" if counts.used < _FEW_TEXTS else ""
    logger.log(logging.WARNING if few else logging.INFO, "texts: %s%s", counts, few)
