"""Whether a classifier's graph gives the logits and labels that its goldens and NumPy say."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from m2v_onnx.errors import FolderError
from m2v_onnx.export.kinds import Feeds, GraphFile
from m2v_onnx.folder.goldens import Goldens, likeliest_labels
from m2v_onnx.folder.names import export_command
from m2v_onnx.model.classification_head import ClassificationHead
from m2v_onnx.model.static_embedding import StaticEmbedding
from m2v_onnx.model.vectors import Vectors
from m2v_onnx.system.onnx_runtime import onnxruntime

# Of a logit, or of 1 where it is smaller: rounding in sums of up to 512 tokens.
LOGIT_ROUNDING = 1e-5


@dataclass(frozen=True)
class LogitReport:
    """How far logits are from the right ones.

    Attributes:
        difference: the largest from NumPy's, as a share of those above 1.
        n_labels: the texts that get another label than in the goldens.
    """

    difference: float
    n_labels: int


def check_golden_logits(
    folder: Path, model: StaticEmbedding, head: ClassificationHead, goldens: Goldens
) -> None:
    """Refuse goldens whose logits and labels are not what NumPy makes of the texts.

    Raises:
        FolderError: naming the difference.
    """
    logits = head.logits_reference(model, goldens.texts)
    difference = _share(np.asarray(goldens.logits), logits)
    if not difference <= LOGIT_ROUNDING or likeliest_labels(head, logits) != goldens.labels:
        raise FolderError(
            f"expected the logits and labels of the goldens in {folder}, found others, by {difference:.1e}: "
            f"the file was changed; write the folder again by `{export_command(folder)}`"
        )


def check_logits(
    file: GraphFile,
    session: onnxruntime.InferenceSession,
    model: StaticEmbedding,
    head: ClassificationHead,
    goldens: Goldens,
) -> LogitReport:
    """Compare the outputs of a classifier's graph, of one batch and text by text.

    Args:
        file: the graph.
        session: it, opened.
        model: the classifier's model, with the table that the graph has.
        head: its head, with the tables that the graph has.
        goldens: those of the folder.

    Raises:
        FolderError: when logits, probabilities or labels are not NumPy's, or labels of a float32 graph are
            not those of the goldens.
    """
    names = [output.name for output in session.get_outputs()]
    if names[0] != "logits":
        raise FolderError(f"expected logits as the first output, found {', '.join(names)}")
    wanted = [name for name in ("logits", "probabilities", "label") if name in names]
    found = _run(file, session, goldens, wanted)
    expected = head.logits_reference(model, goldens.texts)
    difference = max(_share(outputs["logits"], expected) for outputs in found)
    if not difference <= LOGIT_ROUNDING:  # NaN is a problem, too
        raise FolderError(f"expected NumPy's logits within 1e-5, found a difference of {difference:.1e}")
    for outputs in found:
        _check_rest(head, outputs)
    labels = likeliest_labels(head, found[0]["logits"])
    n_labels = sum(one != other for one, other in zip(labels or [], goldens.labels or [], strict=True))
    if file.precision == "fp32" and n_labels:
        raise FolderError(f"expected the labels of the goldens, found others for {n_labels} texts")
    return LogitReport(difference, n_labels)


def _run(
    file: GraphFile, session: onnxruntime.InferenceSession, goldens: Goldens, wanted: list[str]
) -> list[Feeds]:
    """Give the outputs for all texts: of one batch, and of runs of one text each."""
    feed = file.kind.feed
    batch = session.run(wanted, feed(goldens.texts, goldens.token_ids))
    runs = [
        session.run(wanted, feed([text], [ids]))
        for text, ids in zip(goldens.texts, goldens.token_ids, strict=True)
    ]
    singles = [np.concatenate(values) for values in zip(*runs, strict=True)]
    return [dict(zip(wanted, values, strict=True)) for values in (batch, singles)]


def _check_rest(head: ClassificationHead, outputs: Feeds) -> None:
    logits = outputs["logits"]
    if "probabilities" in outputs:
        difference = float(np.abs(outputs["probabilities"] - head.probabilities(logits)).max(initial=0))
        if not difference <= LOGIT_ROUNDING:
            raise FolderError(f"expected probabilities of the logits, found a difference of {difference:.1e}")
    if "label" in outputs and outputs["label"].tolist() != likeliest_labels(head, logits):
        raise FolderError("expected the label of the largest logit, found another")


def _share(found: Vectors, expected: Vectors) -> float:
    """Give the largest difference, as a share of the numbers above 1."""
    if found.shape != expected.shape:
        raise FolderError(f"expected logits of shape {expected.shape}, found {found.shape}")
    return float((np.abs(found - expected) / np.maximum(1, np.abs(expected))).max(initial=0))
