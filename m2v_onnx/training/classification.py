"""Training a classifier: what is chosen on held-out texts is learned again from all of them."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from m2v_onnx.classifier import Classifier
from m2v_onnx.errors import ArgumentError
from m2v_onnx.static_model import StaticModel
from m2v_onnx.training.candidates import Trial, find_candidates, pick, try_candidates
from m2v_onnx.training.examples import Examples, check_examples, check_size
from m2v_onnx.training.features import n_pair_rows, read_all
from m2v_onnx.training.options import TrainingOptions
from m2v_onnx.training.small import Folding
from m2v_onnx.training.splits import held_out_parts
from m2v_onnx.version import __version__

logger = logging.getLogger(__name__)

_DEFAULTS = TrainingOptions()


def train_classifier(
    model: StaticModel,
    texts: Iterable[str],
    labels: Iterable[Any],
    *,
    options: TrainingOptions = _DEFAULTS,
) -> Classifier:
    """Train a classifier on a static model, from texts and their labels.

    Held-out texts decide between ways to learn, and say how sure the classifier may be; then it learns from
    all texts. The same texts, options and versions give the same bytes, whatever the number of cores.

    Args:
        model: the static model; not changed.
        texts: N texts.
        labels: N labels, all texts, all whole numbers, or all true and false. Lists of labels where a text
            may have any number of them; numbers, or lists of numbers, for `options.problem="regression"`.
        options: the learner, and more.

    Raises:
        ArgumentError: for what cannot be learned from; the message names the row.
        FolderError: when the model's table is not finite.
    """
    examples = check_examples(texts, labels, options)
    n_outputs = examples.targets.shape[1]
    n_rows = n_pair_rows(n_outputs) if options.pairs and options.learner != "frozen" else 0
    check_size(model.n_tokens + n_rows + model.dim, n_outputs)
    weights = _class_weights(examples, options)
    scaled, shift, scale = _standardise(examples)
    with threadpool_limits(1):  # sums in one order, and half of the time: the matrices are small
        folding = Folding.of(model, examples.texts, n_rows=n_rows) if options.small else None
        features = read_all(model, examples.texts, n_rows=n_rows) if folding is None else folding.features
        notes = [*examples.notes, *_unknown_notes(features.tokens.lengths)]
        if options.pairs and options.learner != "frozen" and n_rows == 0:
            notes.append(f"{n_outputs:,} labels are many: pairs of tokens do not count")
        for note in notes:
            logger.warning("%s", note)
        root = None if folding is None else folding.root
        candidates = find_candidates(model, features, scaled, weights, options, root=root)
        parts = held_out_parts(scaled, seed=options.seed)
        if options.learner == "table":
            parts = parts[:1]  # the others would take as long again, each
        trials = try_candidates(candidates, scaled, parts)
        best = pick(trials)
        fit = best.candidate.fit(np.arange(len(examples.texts)))
    head = fit.head(model, scaled, best.temperatures / scale)
    head = replace(head, bias=head.bias + shift)
    trained = fit.adapt(model)
    if folding is not None:
        trained, head = folding.fold(head)
    training = _describe(examples, options, trials, best, parts, notes)
    return Classifier(StaticModel.of(trained), head, training)


def _standardise(
    examples: Examples,
) -> tuple[Examples, npt.NDArray[np.float32], npt.NDArray[np.float64]]:
    """Give examples whose values have mean 0 and deviation 1, and what undoes it; labels stay as they are."""
    if examples.problem != "regression":
        n_outputs = examples.targets.shape[1]
        return examples, np.zeros(n_outputs, np.float32), np.ones(n_outputs)
    mean, deviation = examples.targets.mean(axis=0), examples.targets.std(axis=0, dtype=np.float64)
    deviation[deviation == 0] = 1
    targets = ((examples.targets - mean) / deviation).astype(np.float32)
    return replace(examples, targets=targets), mean, deviation


def _class_weights(examples: Examples, options: TrainingOptions) -> npt.NDArray[np.float64] | None:
    """Give a factor for each text, or for each of several labels; None for ones.

    Raises:
        ArgumentError: for a regression, and for labels that no text has.
    """
    given, targets = options.class_weight, examples.targets
    if given is None:
        return None
    if examples.problem == "regression":
        raise ArgumentError("class_weight weighs labels, found a regression, which has none: leave it out")
    n_texts, n_members = len(targets), targets.sum(axis=0, dtype=np.float64)
    if isinstance(given, str):
        if examples.problem == "multi_label":
            return np.asarray((n_texts - n_members + 1) / (n_members + 1))
        factors = n_texts / (len(n_members) * n_members)
    else:
        names = list(map(str, examples.labels))  # a command line knows texts alone
        factor_by_name = {str(label): factor for label, factor in given.items()}
        unknown = factor_by_name.keys() - set(names)
        if unknown:
            raise ArgumentError(
                f"class_weight must name labels that some text has, found {min(unknown)!r}: leave it out"
            )
        factors = np.array([factor_by_name.get(name, 1.0) for name in names], np.float64)
    return factors if examples.problem == "multi_label" else np.asarray(factors[examples.classes])


def _unknown_notes(n_known: npt.NDArray[np.int64]) -> list[str]:
    n_unknown = int((n_known == 0).sum())
    if not n_unknown:
        return []
    return [f"{n_unknown:,} texts without a token that the model knows: the bias alone answers such texts"]


def _describe(
    examples: Examples,
    options: TrainingOptions,
    trials: list[Trial],
    best: Trial,
    parts: list[npt.NDArray[np.int64]],
    notes: list[str],
) -> dict[str, Any]:
    """Give what config.json keeps: no time and no place, so that the same training gives the same bytes."""
    import scipy  # slow, as all of it
    import sklearn

    # Values are scaled to a deviation of 1 before anything is learned.
    loss_name = "squared error, of deviations" if examples.problem == "regression" else "loss"
    digest = hashlib.sha256()
    for text, row in zip(examples.texts, examples.targets, strict=True):
        digest.update(text.encode("utf-8", "surrogatepass") + b"\0" + row.tobytes())
    names = map(str, examples.labels)
    counts = dict(zip(names, examples.targets.sum(axis=0, dtype=np.int64).tolist(), strict=False))
    return {
        "learner": options.learner,
        "chosen": best.candidate.name,
        "temperatures": sorted({round(float(t), 6) for t in best.temperatures}),
        "scores": {
            f"held-out {name}": _rounded(value)
            for name, value in ((loss_name, best.loss), ("accuracy", best.accuracy))
            if value is not None
        },
        "trials": [
            {"name": t.candidate.name, "loss": _rounded(t.loss), "accuracy": _rounded(t.accuracy)}
            for t in trials
        ],
        "n_texts": len(examples.texts),
        "n_held_out": sum(map(len, parts)),
        "n_parts": len(parts),
        "label_counts": counts,
        "notes": notes,
        "data_sha256": digest.hexdigest(),
        "seed": options.seed,
        "versions": {
            "m2v-onnx": __version__,
            "numpy": np.__version__,
            "scikit-learn": sklearn.__version__,
            "scipy": scipy.__version__,
        },
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)
