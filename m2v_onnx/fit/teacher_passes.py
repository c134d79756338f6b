"""What a teacher says of texts, and of each token."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from m2v_onnx.errors import TeacherError
from m2v_onnx.model.vectors import Vectors, to_unit
from m2v_onnx.system.row_blocks import rows_beyond
from m2v_onnx.teacher.embedding import run_batches
from m2v_onnx.teacher.options import Execution
from m2v_onnx.teacher.sentence_vectors import SentenceHead
from m2v_onnx.teacher.session import TeacherSession
from m2v_onnx.tokenizer.token_ids import TokenIds

# Positions per run of texts on a CPU.
_CPU_BATCH_POSITIONS = 512


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
    run_batches(
        lambda input_ids: to_unit(head(session.hidden_states(input_ids))),
        session,
        sequences,
        vectors,
        execution,
        bar=(f"Teacher: {len(vectors):,} texts", "rows") if show_progress_bar else None,
        cpu_positions=_CPU_BATCH_POSITIONS,
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

    def split(input_ids: npt.NDArray[np.int64]) -> npt.NDArray[np.float16]:
        hidden = session.hidden_states(input_ids)
        inner = hidden[:, n_before : hidden.shape[1] - n_behind]
        own = inner.sum(axis=1) / max(1, inner.shape[1])  # nothing inside: zeros
        with np.errstate(over="ignore"):  # infinity is found below
            return np.concatenate([own, hidden.mean(axis=1)], axis=1).astype(np.float16)

    states = np.empty((len(sequences), 2 * session.width), np.float16)
    run_batches(
        split,
        session,
        sequences,
        states,
        execution,
        bar=(f"Teacher: {len(states):,} tokens", "rows") if show_progress_bar else None,
        cpu_positions=_CPU_BATCH_POSITIONS,
    )
    bad = rows_beyond(states, float(np.finfo(states.dtype).max))
    if len(bad):
        raise TeacherError(
            f"expected hidden states below 65,504, found NaN or larger ones for {len(bad)} of {len(states)} "
            "tokens: check the teacher's weights, or export it again (--teacher-onnx export)"
        )
    return states
