"""Token sequences to vectors, by running the teacher."""

from __future__ import annotations

import logging
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from m2v_onnx.model.recipe import Pooling
from m2v_onnx.model.vectors import Vectors
from m2v_onnx.system.progress import Advance, track
from m2v_onnx.system.row_blocks import rows_beyond
from m2v_onnx.system.side_by_side import map_side_by_side
from m2v_onnx.teacher.options import Execution
from m2v_onnx.teacher.sentence_vectors import SentenceHead
from m2v_onnx.teacher.session import TeacherSession
from m2v_onnx.tokenizer.token_ids import TokenIds

logger = logging.getLogger(__name__)

# Positions per run: on a CPU what stays in the cache, on a GPU what keeps it busy.
_CPU_BATCH_POSITIONS = 256
_GPU_BATCH_POSITIONS = 65_536


def embed_tokens(
    session: TeacherSession,
    sequences: TokenIds,
    *,
    pooling: Pooling,
    execution: Execution,
    n_prompt: int = 0,
    show_progress_bar: bool = False,
) -> Vectors:
    """Give (V, d) float32: the pooled hidden states of each of V token sequences.

    Sequences of one length run together, so that nothing is padded. Values that are not finite become 0
    and are counted in a warning. Deterministic, whatever the number of threads.

    Args:
        session: the teacher.
        sequences: V token sequences, special tokens included.
        pooling: see `Recipe.pooling`.
        execution: batch size and threads.
        n_prompt: the first positions of every sequence, which are a prompt's and do not take part.
        show_progress_bar: show progress on stderr, when that is a terminal.
    """

    def vectors_of(input_ids: npt.NDArray[np.int64]) -> Vectors:
        if pooling == "pooler":
            return session.pooler_output(input_ids)
        return pool_hidden_states(session.hidden_states(input_ids)[:, n_prompt:], pooling)

    vectors = np.empty((len(sequences), session.width), np.float32)
    with track("Embedding tokens", total=len(sequences), unit="tokens", show=show_progress_bar) as advance:
        run_batches(vectors_of, session, sequences, vectors, execution, advance=advance)
    _zero_what_is_not_finite(vectors)
    return vectors


def embed_sentences(
    session: TeacherSession,
    sequences: TokenIds,
    *,
    head: SentenceHead,
    execution: Execution,
    show_progress_bar: bool = False,
) -> Vectors:
    """Give (B, E) float32: the teacher's own sentence vectors of B token sequences.

    Args:
        session: the teacher.
        sequences: B token sequences, special tokens and prompt included.
        head: what stands behind the transformer.
        execution: see `embed_tokens`.
        show_progress_bar: see `embed_tokens`.
    """

    def vectors_of(input_ids: npt.NDArray[np.int64]) -> Vectors:
        return head(session.hidden_states(input_ids))

    vectors = np.empty((len(sequences), head.width(session.width)), np.float32)
    with track("Embedding tokens", total=len(sequences), unit="tokens", show=show_progress_bar) as advance:
        run_batches(vectors_of, session, sequences, vectors, execution, advance=advance)
    _zero_what_is_not_finite(vectors)
    return vectors


def run_batches(
    vectors_of: Callable[[npt.NDArray[np.int64]], npt.NDArray[np.floating]],
    session: TeacherSession,
    sequences: TokenIds,
    out: npt.NDArray[np.floating],
    execution: Execution,
    *,
    advance: Advance,
    cpu_positions: int = _CPU_BATCH_POSITIONS,
) -> None:
    """Run sequences of one length together, and fill in the row of each.

    The batches are the same whatever the number of threads: int8 rounds a batch as a whole.

    Args:
        vectors_of: gives the rows of (B, T) token ids.
        session: the teacher, which says where it runs.
        sequences: N token sequences.
        out: (N, …), where the rows go.
        execution: batch size and threads.
        advance: called with the number of sequences that are done.
        cpu_positions: positions of a run on the CPU.
    """

    def run(indices: npt.NDArray[np.int64]) -> int:
        out[indices] = vectors_of(sequences.rows(indices))
        return len(indices)

    n_positions = cpu_positions if session.on_cpu else _GPU_BATCH_POSITIONS
    batches = sequences.batches(n_positions, execution.batch_size)
    n_workers = execution.n_workers if session.on_cpu else 1
    for n_done in map_side_by_side(run, batches, n_workers=n_workers):
        advance(n_done)


def pool_hidden_states(hidden: Vectors, pooling: Pooling) -> Vectors:
    """Reduce (B, T, d) hidden states without padding to (B, d).

    >>> import numpy as np
    >>> states = np.array([[[1.0], [2.0], [6.0]]], np.float32)
    >>> [float(pool_hidden_states(states, how)[0, 0]) for how in ("mean", "first", "last", "inner")]
    [3.0, 1.0, 6.0, 2.0]
    """
    if pooling == "first":
        return hidden[:, 0]
    if pooling == "last":
        return hidden[:, -1]
    if pooling == "inner":
        hidden = hidden[:, 1:-1]
    mean: Vectors = hidden.sum(axis=1) / max(1, hidden.shape[1])  # nothing inside: zeros
    return mean


def _zero_what_is_not_finite(vectors: Vectors) -> None:
    bad_rows = rows_beyond(vectors, float(np.finfo(np.float32).max))
    if len(bad_rows):
        np.nan_to_num(vectors, copy=False, nan=0, posinf=0, neginf=0)
        logger.warning(
            "the teacher gave NaN or infinity for %d of %d tokens (ids %s …): set to 0 there",
            len(bad_rows),
            len(vectors),
            ", ".join(map(str, bad_rows[:5])),
        )
