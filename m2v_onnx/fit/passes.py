"""What a teacher says of texts, and of each token."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from m2v_onnx.errors import TeacherError
from m2v_onnx.fit.int8_teacher import LEAST_COSINE, mean_row_cosine, quantize_products
from m2v_onnx.fit.shares import IdRows
from m2v_onnx.fit.stored_rows import Block, StoredRows
from m2v_onnx.fit.vector_cache import VectorCache
from m2v_onnx.model.vectors import Vectors, to_unit
from m2v_onnx.system.cache import cache_folder
from m2v_onnx.system.progress import Advance, track
from m2v_onnx.system.row_blocks import rows_beyond
from m2v_onnx.teacher.embedding import run_batches
from m2v_onnx.teacher.fingerprint import hash_teacher
from m2v_onnx.teacher.loading import Teacher
from m2v_onnx.teacher.options import Execution
from m2v_onnx.teacher.sentence_vectors import SentenceHead
from m2v_onnx.teacher.session import TeacherSession, wanted_provider
from m2v_onnx.tokenizer.token_ids import TokenIds

logger = logging.getLogger(__name__)

# Positions per run of texts on a CPU.
_CPU_BATCH_POSITIONS = 512
# Texts between two looks at the cache: what an interrupted run loses.
_BLOCK_TEXTS = 2048

Numbers = npt.NDArray[np.floating]


class TeacherPasses:
    """A teacher that runs for what the cache does not hold. One copy of it is open at a time.

    Args:
        teacher: the teacher.
        head: what follows its transformer.
        execution: how it runs.
        use_cache: keep what it says in the user's cache folder, and ask there first.
        show: show progress on stderr, when that is a terminal.
    """

    def __init__(
        self, teacher: Teacher, head: SentenceHead, execution: Execution, *, use_cache: bool, show: bool
    ) -> None:
        self._teacher, self._head, self._execution, self._show = teacher, head, execution, show
        self._precision = "float32"
        self._session: TeacherSession | None = None
        self._opened = ""
        self._cache: VectorCache | None = None
        if execution.provider not in ("auto", "cpu"):
            self._open("float32")  # a provider that cannot be used is better known before the work
        if use_cache:
            name = hash_teacher(teacher.onnx_path, head, width=self.hidden_size).hexdigest()[:32]
            self._cache = VectorCache(cache_folder() / "vectors" / name)

    @property
    def hidden_size(self) -> int:
        """d, the numbers of a hidden state."""
        return self._teacher.hidden_size or self._open("float32").width

    @property
    def width(self) -> int:
        """E, the numbers of a sentence vector."""
        return self._head.width(self.hidden_size)

    def settle_precision(self, probes: TokenIds) -> None:
        """Have the teacher run in int8 from now on, where that is wanted, can be had, and is near enough.

        Args:
            probes: sequences to compare the two on.
        """
        if self._execution.precision == "float32" or self._execution.provider not in ("auto", "cpu"):
            return
        expected = self._vectors("float32", probes)
        is_known = wanted_provider(self._execution) == "cpu" and self._is_cached("int8", probes)
        if not is_known and not (self._open("float32").on_cpu and self._open_int8()):
            if self._execution.precision == "int8":
                logger.warning(
                    "the teacher runs in float32: int8 needs a CPU, and products by fixed matrices"
                )
            return
        cosine = mean_row_cosine(self._vectors("int8", probes), expected)
        if cosine >= LEAST_COSINE or self._execution.precision == "int8":
            self._precision = "int8"
        logger.info(
            "the teacher runs in %s: in int8 its vectors have a cosine of %.4f", self._precision, cosine
        )

    def sentence_vectors(self, sequences: IdRows) -> StoredRows:
        """Give (N, E) float16, the teacher's own vectors of N texts, each of length 1.

        Args:
            sequences: the texts' ids, special tokens included.

        Raises:
            TeacherError: when vectors are not finite.
            FolderError: when the cache cannot be written.
        """
        n_texts = len(sequences)
        step = _BLOCK_TEXTS if self._cache is not None else max(1, n_texts)
        blocks: list[Block] = []
        with track(f"Teacher: {n_texts:,} texts", total=n_texts, unit="texts", show=self._show) as advance:
            for start in range(0, n_texts, step):
                part = sequences.block(start, min(n_texts, start + step))
                if self._is_cached(self._precision, part):
                    advance(len(part))
                blocks.append(self._keep_vectors(part, self._precision, advance))
        lengths = tuple(min(step, n_texts - at) for at in range(0, n_texts, step))
        return StoredRows(tuple(blocks), lengths, self.width)

    def token_states(self, sequences: TokenIds, *, n_before: int, n_behind: int) -> Numbers:
        """Give (V, 2 d) float16: the mean hidden state of each token itself, and that of its whole sequence.

        Args:
            sequences: V sequences: a token, or the pieces of a word, among special tokens.
            n_before: special tokens, and those of a prompt, before each.
            n_behind: special tokens behind each.

        Raises:
            TeacherError: when states are not finite in float16.
            FolderError: when the cache cannot be written.
        """

        def split(hidden: Vectors) -> Numbers:
            inner = hidden[:, n_before : hidden.shape[1] - n_behind]
            own = inner.sum(axis=1) / max(1, inner.shape[1])  # nothing inside: zeros
            with np.errstate(over="ignore"):  # infinity is found below
                return np.concatenate([own, hidden.mean(axis=1)], axis=1).astype(np.float16)

        def run(part: TokenIds) -> Numbers:
            about = f"Teacher: {len(part):,} tokens"
            with track(about, total=len(part), unit="tokens", show=self._show) as advance:
                states = self._run(part, split, 2 * self.hidden_size, self._precision, advance)
            _check_states(states)
            return states

        kept = self._keep(f"{self._precision} states {n_before} {n_behind}", sequences, run)
        return np.load(kept) if isinstance(kept, Path) else kept

    def close(self) -> None:
        """Let go of the teacher, which is large."""
        self._session, self._opened = None, ""

    def _vectors(self, precision: str, sequences: TokenIds) -> Vectors:
        """Give the vectors of a few texts."""
        kept = self._keep_vectors(sequences, precision, lambda _done: None)
        return StoredRows((kept,), (len(sequences),), self.width).rows(0, len(sequences))

    def _keep_vectors(self, sequences: TokenIds, precision: str, advance: Advance) -> Block:
        return self._keep(precision, sequences, lambda part: self._embed(part, precision, advance))

    def _embed(self, sequences: TokenIds, precision: str, advance: Advance) -> Numbers:
        def head(hidden: Vectors) -> Numbers:
            return to_unit(self._head(hidden)).astype(np.float16)

        vectors = self._run(sequences, head, self.width, precision, advance)
        bad = rows_beyond(vectors, float(np.finfo(vectors.dtype).max))
        if len(bad):
            raise TeacherError(
                f"expected sentence vectors of finite numbers, found NaN or infinity in {len(bad)} of "
                f"{len(vectors)}: check the teacher's weights, or export it again (--teacher-onnx export)"
            )
        return vectors

    def _run(
        self,
        sequences: TokenIds,
        head: Callable[[Vectors], Numbers],
        width: int,
        precision: str,
        advance: Advance,
    ) -> Numbers:
        session = self._open(precision)
        rows = np.empty((len(sequences), width), np.float16)
        run_batches(
            lambda input_ids: head(session.hidden_states(input_ids)),
            session,
            sequences,
            rows,
            self._execution,
            advance=advance,
            cpu_positions=_CPU_BATCH_POSITIONS,
        )
        return rows

    def _keep(self, kind: str, sequences: TokenIds, run: Callable[[TokenIds], Numbers]) -> Block:
        """Give what the cache holds, or have it made and kept there."""
        if self._cache is None:
            return run(sequences)
        path = self._cache.path(kind, sequences)
        if not self._cache.holds(path, len(sequences)):
            self._cache.save(path, run(sequences))
        return path

    def _is_cached(self, kind: str, sequences: TokenIds) -> bool:
        cache = self._cache
        return cache is not None and cache.holds(cache.path(kind, sequences), len(sequences))

    def _open(self, precision: str) -> TeacherSession:
        if self._session is not None and self._opened == precision:
            return self._session
        self._session = None  # the same teacher twice would be the most memory that a distillation takes
        if precision == "float32" or not self._open_int8() or self._session is None:
            self._session, self._opened = self._teacher.open_session(self._execution), "float32"
        return self._session

    def _open_int8(self) -> bool:
        """Open the teacher in int8; tell whether that can be had."""
        if self._opened == "int8":
            return True
        self._session = None
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.onnx"
            if quantize_products(self._teacher.onnx_path, path) == 0:
                self.close()
                return False
            self._session, self._opened = TeacherSession(path, self._execution), "int8"
        return True


def check_variety(vectors: StoredRows) -> None:
    """Refuse a teacher that says the same of every text.

    Raises:
        TeacherError: when all vectors are alike.
    """
    if len(vectors) < 2:
        return
    first = vectors.rows(0, 1)
    if all(np.allclose(block, first, rtol=2e-3, atol=1e-5) for block in vectors.each()):  # in float16
        raise TeacherError(
            f"expected sentence vectors that differ, found the same one for all {len(vectors)} texts: "
            "check the teacher's weights and pooling, or fit to no texts (--sequences none)"
        )


def _check_states(states: Numbers) -> None:
    bad = rows_beyond(states, float(np.finfo(states.dtype).max))
    if len(bad):
        raise TeacherError(
            f"expected hidden states below 65,504, found NaN or larger ones for {len(bad)} of {len(states)} "
            "tokens: check the teacher's weights, or export it again (--teacher-onnx export)"
        )
