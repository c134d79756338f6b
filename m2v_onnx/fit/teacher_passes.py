"""What a teacher says of texts, and of each token."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from m2v_onnx.errors import TeacherError
from m2v_onnx.model.vectors import Vectors, to_unit
from m2v_onnx.system.progress import track
from m2v_onnx.system.row_blocks import rows_beyond
from m2v_onnx.system.side_by_side import map_side_by_side
from m2v_onnx.teacher.options import Execution
from m2v_onnx.teacher.sentence_vectors import SentenceHead
from m2v_onnx.teacher.session import TeacherSession
from m2v_onnx.tokenizer.token_ids import TokenIds

# Positions per run: on a CPU what stays in the cache, on a GPU what keeps it busy.
_CPU_BATCH_POSITIONS = 512
_GPU_BATCH_POSITIONS = 65_536


def sentence_vectors(
    session: TeacherSession,
    sequences: TokenIds,
    head: SentenceHead,
    *,
    execution: Execution,
    show_progress_bar: bool = False,
) -> Vectors:
    """Give (N, D) float32, the teacher's own vectors of N texts, each of length 1.

    Args:
        session: the teacher.
        sequences: the texts' ids, special tokens included.
        head: what follows the transformer.
        execution: batch size and threads.
        show_progress_bar: show progress on stderr, when that is a terminal.

    Raises:
        TeacherError: when vectors are not finite, or all alike.
    """
    vectors = np.empty((len(sequences), head.width(session.width)), np.float32)
    _run(
        session,
        sequences,
        lambda hidden: to_unit(head(hidden)),
        vectors,
        execution,
        f"{len(vectors):,} texts" if show_progress_bar else None,
    )
    bad = rows_beyond(vectors, float(np.finfo(vectors.dtype).max))
    if len(bad):
        raise TeacherError(
            f"expected sentence vectors of finite numbers, found NaN or infinity in {len(bad)} of "
            f"{len(vectors)}: check the teacher's weights, or export it again (--teacher-onnx export)"
        )
    if len(vectors) > 1 and np.ptp(vectors, axis=0).max() < 1e-6:
        raise TeacherError(
            f"expected sentence vectors that differ, found the same one for all {len(vectors)} texts: "
            "check the teacher's weights and pooling, or fit to no texts (--sequences none)"
        )
    return vectors


def token_states(
    session: TeacherSession,
    sequences: TokenIds,
    *,
    n_before: int,
    n_behind: int,
    execution: Execution,
    show_progress_bar: bool = False,
) -> npt.NDArray[np.float16]:
    """Give (V, 2 d) float16: the mean hidden state of each token itself, and that of its whole sequence.

    Args:
        session: the teacher.
        sequences: V sequences: a token, or the pieces of a word, among special tokens.
        n_before: special tokens, and those of a prompt, before each.
        n_behind: special tokens behind each.
        execution: batch size and threads.
        show_progress_bar: show progress on stderr, when that is a terminal.

    Raises:
        TeacherError: when states are not finite in float16.
    """

    def split(hidden: Vectors) -> npt.NDArray[np.float16]:
        inner = hidden[:, n_before : hidden.shape[1] - n_behind]
        own = inner.sum(axis=1) / max(1, inner.shape[1])  # nothing inside: zeros
        with np.errstate(over="ignore"):  # infinity is found below
            return np.concatenate([own, hidden.mean(axis=1)], axis=1).astype(np.float16)

    states = np.empty((len(sequences), 2 * session.width), np.float16)
    _run(
        session, sequences, split, states, execution, f"{len(states):,} tokens" if show_progress_bar else None
    )
    bad = rows_beyond(states, float(np.finfo(states.dtype).max))
    if len(bad):
        raise TeacherError(
            f"expected hidden states below 65,504, found NaN or larger ones for {len(bad)} of {len(states)} "
            "tokens: check the teacher's weights, or export it again (--teacher-onnx export)"
        )
    return states


def _run(
    session: TeacherSession,
    sequences: TokenIds,
    reduce: Callable[[Vectors], npt.NDArray[np.floating]],
    out: npt.NDArray[np.floating],
    execution: Execution,
    about: str | None,
) -> None:
    """Write what `reduce` makes of each sequence's hidden states; those of one length run together.

    The batches are the same whatever the number of threads: int8 rounds a batch as a whole.
    """

    def work(indices: npt.NDArray[np.int64]) -> int:
        out[indices] = reduce(session.hidden_states(sequences.rows(indices)))
        return len(indices)

    n_positions = _CPU_BATCH_POSITIONS if session.on_cpu else _GPU_BATCH_POSITIONS
    batches = sequences.batches(n_positions, execution.batch_size)
    n_workers = execution.n_workers if session.on_cpu else 1
    with track(f"Teacher: {about}", total=len(sequences), unit="rows", show=about is not None) as advance:
        for n_done in map_side_by_side(work, batches, n_workers=n_workers):
            advance(n_done)
