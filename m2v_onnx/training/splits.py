"""Which texts are held out, to choose by them."""

from __future__ import annotations

import numpy as np

from m2v_onnx.training.examples import Examples
from m2v_onnx.training.features import Rows

_FEW_TEXTS = 2_000
_N_FOLDS = 5
_LEAST_HELD, _MOST_HELD = 300, 5_000


def held_out_parts(examples: Examples, *, seed: int) -> list[Rows]:
    """Give the rows that are held out: one part, or, of fewer than 2,000 texts, each part of five in turn.

    Labels have their shares in every part, as far as they go. What is the only text of its label is in none,
    and every label keeps a text to learn from. Deterministic.
    """
    rows = _in_order(examples, np.random.default_rng(seed))
    if len(examples.texts) < _FEW_TEXTS:
        return [np.sort(part) for fold in range(_N_FOLDS) if len(part := rows[fold::_N_FOLDS])]
    n_held = int(np.clip(len(examples.texts) // 10, _LEAST_HELD, _MOST_HELD))
    n_held = min(n_held, len(rows) // 3)  # never both texts of a label
    return [np.sort(rows[np.arange(n_held) * len(rows) // n_held])] if n_held else []


def _in_order(examples: Examples, rng: np.random.Generator) -> Rows:
    """Give the rows in random order, one label behind the other where each text has one."""
    order = rng.permutation(len(examples.texts))
    if examples.problem != "single_label":
        return order
    classes = examples.classes
    order = order[np.argsort(classes[order], kind="stable")]
    return order[np.bincount(classes)[classes[order]] > 1]
