"""The matrix that turns what a teacher says of a token into the token's row."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from m2v_onnx.fit.features import TokenFeatures
from m2v_onnx.fit.shares import Shares
from m2v_onnx.fit.targets import Targets
from m2v_onnx.model.vectors import Vectors

# The features of all their tokens are at hand at once: 30 MB for 769 columns.
_BLOCK_TEXTS = 1024


def fit_map(
    shares: Shares,
    features: TokenFeatures,
    targets: Targets,
    *,
    damping: float,
    gram: npt.NDArray[np.float64] | None = None,
) -> tuple[Vectors, npt.NDArray[np.float64]]:
    """Give W, (k + 1, D) float32, for which the texts' vectors A X W are nearest to the targets Y.

    G = A X; W = (G'G + damping tr(G'G) / (k + 1) I)^-1 G'Y. Memory does not grow with the number of texts.

    Args:
        shares: A, (N, V).
        features: X, (V, k + 1).
        targets: Y, (N, D).
        damping: how strongly W is held small.
        gram: G'G, where it is known; most of the work.

    Returns:
        W; and G'G, which another fit of the same texts and features may use.
    """
    from scipy import sparse  # an extra

    known = np.zeros((features.width, features.width)) if gram is None else gram
    moments = np.zeros((features.width, targets.n_columns))
    for rows, block in shares.blocks(_BLOCK_TEXTS):
        used, places = np.unique(block.indices, return_inverse=True)
        parts = (block.data, places.astype(np.int32), block.indptr)
        sums = sparse.csr_matrix(parts, (block.shape[0], len(used))) @ features.rows(used)
        if gram is None:
            known += sums.T @ sums
        moments += sums.T @ targets.rows(rows)
    damped = known + damping * np.trace(known) / len(known) * np.eye(len(known))
    matrix: Vectors = np.linalg.solve(damped, moments).astype(np.float32)
    return matrix, known
