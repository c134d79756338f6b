"""The fit of a table: the only place that knows the order of its stages."""

from __future__ import annotations

from m2v_onnx.fit.features import TokenFeatures
from m2v_onnx.fit.linear_map import fit_map
from m2v_onnx.fit.matching import encode, match_lengths
from m2v_onnx.fit.ridge import refine_rows
from m2v_onnx.fit.shares import Shares
from m2v_onnx.fit.targets import Targets, column_scales
from m2v_onnx.model.vectors import Vectors

# Under so many texts, the map is held smaller.
_FEW_TEXTS = 5_000


def fit_table(
    shares: Shares, targets: Targets, features: TokenFeatures, *, ridge: float | None, scaling: float
) -> Vectors:
    """Give the table whose mean rows are nearest to a teacher's vectors of the same texts.

    Deterministic, whatever the number of threads.

    Args:
        shares: A, (N, V), what tokens the texts have.
        targets: what the teacher says of them, in D columns; the vectors are overwritten.
        features: X, (V, k + 1), what the teacher says of each token.
        ridge: how strongly rows are held to the map; None leaves them on it.
        scaling: columns are divided by their variance to this power.

    Returns:
        (V, D) float32.
    """
    from threadpoolctl import threadpool_limits  # an extra

    with threadpool_limits(1, user_api="blas"):  # sums in the same order on every machine of a kind
        damping = 1e-3 if len(shares) > _FEW_TEXTS else 1e-2
        table = features.map(fit_map(shares, features, targets.vectors, damping=damping))
        match_lengths(targets.vectors, encode(shares, table))
        table = features.map(fit_map(shares, features, targets.vectors, damping=damping))
        if ridge is not None:
            refine_rows(shares, targets.vectors, table, strength=ridge)
        table *= column_scales(targets.variances, scaling)
        return table
