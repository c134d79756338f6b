"""The fit of a table: the only place that knows the order of its stages."""

from __future__ import annotations

from dataclasses import dataclass

from m2v_onnx.fit.features import TokenFeatures
from m2v_onnx.fit.linear_map import fit_map
from m2v_onnx.fit.matching import match_lengths
from m2v_onnx.fit.ridge import refine_rows
from m2v_onnx.fit.shares import Shares
from m2v_onnx.fit.targets import Targets
from m2v_onnx.model.vectors import Vectors

# Under so many texts, the map is held smaller.
_FEW_TEXTS = 5_000


@dataclass(frozen=True)
class FitChoices:
    """How a table is fitted.

    Attributes:
        n_columns: D; a fraction in (0, 1) for the fewest that explain that share of the variance; None for
            all that the teacher has.
        ridge: how strongly rows are held to the map; None leaves them on it.
        scaling: columns are divided by their variance to this power.
    """

    n_columns: int | float | None
    ridge: float | None
    scaling: float


def fit_table(shares: Shares, targets: Targets, features: TokenFeatures, *, ridge: float | None) -> Vectors:
    """Give the table whose mean rows are nearest to a teacher's vectors of the same texts.

    Deterministic, whatever the number of threads.

    Args:
        shares: A, (N, V), what tokens the texts have.
        targets: what the teacher says of them, in D columns.
        features: X, (V, k + 1), what the teacher says of each token.
        ridge: how strongly rows are held to the map; None leaves them on it.

    Returns:
        (V, D) float32, columns not scaled.
    """
    from threadpoolctl import threadpool_limits  # an extra

    targets = targets.of(targets.sentence_vectors)  # lengths of its own
    with threadpool_limits(1, user_api="blas"):  # sums in the same order on every machine of a kind
        damping = 1e-3 if len(shares) > _FEW_TEXTS else 1e-2
        matrix, gram = fit_map(shares, features, targets, damping=damping)
        match_lengths(targets, shares, features.map(matrix))
        matrix, _ = fit_map(shares, features, targets, damping=damping, gram=gram)
        table = features.map(matrix)
        if ridge is not None:
            refine_rows(shares, targets, table, strength=ridge)
        return table
