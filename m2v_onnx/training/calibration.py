"""Logits whose probabilities come true: a temperature, found on texts that were not learned from.

Source: Guo et al. 2017, On Calibration of Modern Neural Networks.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from m2v_onnx.model.classification_head import Problem

Numbers = npt.NDArray[np.float64]

_TEMPERATURES = np.geomspace(0.03, 8, 80)


def calibrate(logits: Numbers, targets: npt.NDArray[np.float32], problem: Problem) -> tuple[Numbers, float]:
    """Give (C,) temperatures, and the mean loss of logits divided by them.

    Args:
        logits: (N, C) of texts that were not learned from.
        targets: (N, C), see `Examples`.
        problem: one temperature for a single label, one for each of several, ones for a regression.

    Returns:
        The loss is the log loss; for a regression the mean squared error.
    """
    n_labels = logits.shape[1]
    if problem == "regression":
        return np.ones(n_labels), float(np.square(logits - targets).mean())
    if problem == "single_label":
        losses = np.array([_log_loss(logits / t, targets) for t in _TEMPERATURES])
        best = int(losses.argmin())
        return np.full(n_labels, _TEMPERATURES[best]), float(losses[best])
    losses = np.array([_binary_losses(logits / t, targets) for t in _TEMPERATURES])
    return _TEMPERATURES[losses.argmin(axis=0)], float(losses.min(axis=0).mean())


def _log_loss(logits: Numbers, targets: npt.NDArray[np.float32]) -> float:
    """Give the mean of log(sum exp z) - z_y.

    >>> _log_loss(np.zeros((1, 4)), np.eye(4, dtype=np.float32)[:1]) == np.log(4)
    True
    """
    logits = logits - logits.max(axis=1, keepdims=True)
    return float((np.log(np.exp(logits).sum(axis=1)) - (logits * targets).sum(axis=1)).mean())


def _binary_losses(logits: Numbers, targets: npt.NDArray[np.float32]) -> Numbers:
    """Give (C,), the mean of log(1 + exp z) - y z."""
    return np.asarray((np.logaddexp(0, logits) - targets * logits).mean(axis=0))
