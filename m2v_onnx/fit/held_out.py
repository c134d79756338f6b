"""A fit to a user's texts, and whether it is better than the one without them: on texts that it never saw."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from m2v_onnx.fit.features import TokenFeatures
from m2v_onnx.fit.matching import mean_cosine
from m2v_onnx.fit.shares import IdRows, Shares
from m2v_onnx.fit.stored_rows import StoredRows
from m2v_onnx.fit.table import FitChoices, fit_table
from m2v_onnx.fit.targets import Targets, column_scales, reduce_targets
from m2v_onnx.model.vectors import Vectors

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class TeacherVectors:
    """Texts, and what a teacher says of them.

    Attributes:
        token_ids: the static model's tokens that count, of N texts.
        vectors: (N, E), the teacher's vectors, each of length 1.
    """

    token_ids: IdRows
    vectors: StoredRows


@dataclass(frozen=True)
class TextFit:
    """A table that is fitted to texts, and how near it comes to the teacher on others.

    Attributes:
        table: (V, D) float32.
        cosines: the mean cosine to the teacher, around the mean of the texts, of a table that is not fitted
            to them and of this one; None without texts to measure on.
    """

    table: Vectors
    cosines: tuple[float, float] | None

    @property
    def is_better(self) -> bool:
        """Whether the texts were of use."""
        return self.cosines is None or self.cosines[1] > self.cosines[0]


def fit_to_texts(
    answers: Sequence[TeacherVectors],
    features: TokenFeatures,
    *,
    choices: FitChoices,
    is_base: bool = False,
) -> TextFit:
    """Fit a table to sequences that were drawn and to a user's texts together.

    Args:
        answers: to sequences that are no language, to the texts, and to more texts to measure on.
        features: what is known of each token.
        choices: how.
        is_base: whether the features are a table that is there: what is nearest to the teacher in it is what
            the fit is compared with, and else a fit to the drawn sequences alone.
    """
    drawn, fitted, held = answers
    n_tokens = len(features.weights)
    targets = reduce_targets(StoredRows.joined([drawn.vectors, fitted.vectors]), choices.n_columns)
    both = Shares((drawn.token_ids, fitted.token_ids), n_tokens)
    if is_base:
        before = fit_table(both, targets, features, ridge=None)
    else:
        alone = Shares((drawn.token_ids,), n_tokens)
        before = fit_table(alone, targets.of(drawn.vectors), features, ridge=choices.ridge)
    table = fit_table(both, targets, features, ridge=choices.ridge)
    cosines = _measure(held, targets, before, table)
    table *= column_scales(targets.variances, choices.scaling)
    return TextFit(table, cosines)


def _measure(held: TeacherVectors, targets: Targets, *tables: Vectors) -> tuple[float, float] | None:
    n_texts = len(held.token_ids)
    if n_texts == 0:
        logger.warning("too few texts to hold some out: nothing says whether they were of use")
        return None
    shares = Shares((held.token_ids,), len(tables[0]))
    before, after = (mean_cosine(targets.of(held.vectors), shares, table) for table in tables)
    logger.info(
        "%s texts held out: cosine to the teacher %.4f before, %.4f after", f"{n_texts:,}", before, after
    )
    return before, after
