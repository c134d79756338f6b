"""Logits whose probabilities come true: a temperature, found on texts that were not learned from.

Source: Guo et al. 2017, On Calibration of Modern Neural Networks.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from m2v_onnx.model.classification_head import Problem

Numbers = npt.NDArray[np.float64]

_TEMPERATURES = np.geomspace(0.03, 8, 80)


def calibrate(logits: Numbers, targets: npt.NDArray[np.float32], problem: Problem) -> tuple[Numbers, Numbers]:
    """Give (C,) temperatures, and (N,) the loss of each text's logits divided by them.

    Args:
        logits: (N, C) of texts that were not learned from.
        targets: (N, C), see `Examples`.
        problem: one temperature for a single label, one for each of several, ones for a regression.

    Returns:
        The loss is the log loss, of several labels their mean; for a regression the mean squared error.
    """
    n_labels = logits.shape[1]
    if problem == "regression":
        return np.ones(n_labels), np.square(logits - targets).mean(axis=1)
    if problem == "single_label":
        losses = [_log_losses(logits / t, targets).mean() for t in _TEMPERATURES]
        temperatures = np.full(n_labels, _TEMPERATURES[int(np.argmin(losses))])
        return temperatures, _log_losses(logits / temperatures, targets)
    means = np.array([_binary_losses(logits / t, targets).mean(axis=0) for t in _TEMPERATURES])
    temperatures = _TEMPERATURES[means.argmin(axis=0)]
    return temperatures, _binary_losses(logits / temperatures, targets).mean(axis=1)


def _log_losses(logits: Numbers, targets: npt.NDArray[np.float32]) -> Numbers:
    """Give (N,), log(sum exp z) - z_y.

    >>> _log_losses(np.zeros((1, 4)), np.eye(4, dtype=np.float32)[:1]).tolist() == [np.log(4)]
    True
    """
    logits = logits - logits.max(axis=1, keepdims=True)
    return np.asarray(np.log(np.exp(logits).sum(axis=1)) - (logits * targets).sum(axis=1))


def _binary_losses(logits: Numbers, targets: npt.NDArray[np.float32]) -> Numbers:
    """Give (N, C), log(1 + exp z) - y z."""
    return np.asarray(np.logaddexp(0, logits) - targets * logits)
