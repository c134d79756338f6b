"""What a user holds of a classifier: load, predict, score, explain, save, push."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from m2v_onnx.errors import ArgumentError, require_module
from m2v_onnx.export.kinds import GraphName, TablePlace
from m2v_onnx.folder.classifier_files import ClassifierData, check_classifier, read_head
from m2v_onnx.folder.places import local_folder
from m2v_onnx.model.classification_head import ClassificationHead, Label, pair_rows
from m2v_onnx.model.classification_report import (
    ClassificationReport,
    RegressionReport,
    report_multiple,
    report_regression,
    report_single,
)
from m2v_onnx.model.quantization import Precision
from m2v_onnx.model.vectors import Vectors
from m2v_onnx.runtime.parts import PartStore
from m2v_onnx.runtime.plan import Batching, Plan, plan_texts
from m2v_onnx.runtime.text_features import read_features
from m2v_onnx.static_model import StaticModel
from m2v_onnx.system.file_watch import FileWatch, watch_mapped
from m2v_onnx.system.lazy import lazy_property
from m2v_onnx.system.side_by_side import map_side_by_side
from m2v_onnx.tokenizer.texts import check_strings, check_texts, check_unicode

# A batch's rows of terms and pairs are copied: some hundred tokens of each text, a number for each label.
_MOST_NUMBERS = 1 << 16
_BATCH_TEXTS = 1024

Labels = Sequence[Label] | Sequence[Sequence[Label]] | npt.NDArray[Any]


@dataclass(frozen=True)
class Contribution:
    """What one token, or a pair of neighbours, adds to the logits.

    Attributes:
        text: the token, or both with a space between.
        logits: (C,) float32, what it adds to each.
    """

    text: str
    logits: Vectors


@dataclass(frozen=True)
class Explanation:
    """Where the logits of a text come from: `bias`, and all contributions, add up to them exactly.

    Attributes:
        logits: (C,) float32.
        bias: (C,) float32, what a text without known tokens gets.
        contributions: in the order of the text, tokens first.
    """

    logits: Vectors
    bias: Vectors
    contributions: tuple[Contribution, ...]


@dataclass(frozen=True, eq=False, repr=False)
class Classifier:
    """A text classifier: a static model, and a linear head on it. Thread-safe.

    It runs on the base install alone. `m2v_onnx.training.train_classifier` makes one.

    Attributes:
        model: the static model, whose `encode` gives the vectors that the head takes.
        head: the head's data.
        training: how it was trained, in values of JSON; empty where nobody knows.
    """

    model: StaticModel
    head: ClassificationHead
    training: Mapping[str, Any] = field(default_factory=dict)
    _watch: FileWatch | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.head.check_fits(self.model)

    def __repr__(self) -> str:
        """Say in a line what it is."""
        return f"Classifier({self.head.problem}, {self.head.n_outputs} outputs, {self.model!r})"

    def __getstate__(self) -> dict[str, Any]:
        """Give the data alone: what was derived from them is derived again."""
        return {name: getattr(self, name) for name in ("model", "head", "training")}

    @property
    def labels(self) -> tuple[Label, ...]:
        """C labels, in the order of the columns of logits; empty for a regression."""
        return self.head.labels

    @classmethod
    def from_pretrained(
        cls,
        path_or_id: str | Path,
        *,
        revision: str | None = None,
        token: str | None = None,
        subfolder: str | None = None,
        cache_folder: str | Path | None = None,
        local_files_only: bool = False,
    ) -> Classifier:
        """Load a classifier from a folder, or from the Hugging Face Hub.

        Args:
            path_or_id: a local folder, or a Hub id.
            revision: branch, tag or commit of the Hub repository.
            token: the Hub token for a private repository.
            subfolder: where in the folder or repository the classifier lies.
            cache_folder: where repositories of the Hub are kept; None for the Hub's own cache.
            local_files_only: take what that cache holds, and do not ask the Hub.

        Raises:
            FolderError: when there is no such classifier, or it is damaged.
        """
        path = local_folder(
            path_or_id,
            revision=revision,
            token=token,
            subfolder=subfolder,
            cache_folder=cache_folder,
            local_files_only=local_files_only,
        )
        check_classifier(path)
        model = StaticModel.from_pretrained(path)
        data = read_head(path, model)
        classifier = cls(model, data.head, data.training)
        object.__setattr__(classifier, "_watch", watch_mapped(data.head.weight))
        return classifier

    def predict(self, texts: str | Iterable[str]) -> Any:  # noqa: ANN401  # of the labels' own type
        """Give the label of each text.

        Args:
            texts: one text, or any number of them.

        Returns:
            For one text its label; for several a list. Where a text has any number of labels, a list of those
            with a probability above one half. A regression gives float32, (B,) or (B, C) for more than
            one value.

        Raises:
            ArgumentError: for anything that is not valid text; the message holds its index.
        """
        found = self.labels_of(np.atleast_2d(self.predict_proba(texts)))
        return found[0] if isinstance(texts, str) else found

    def labels_of(self, outputs: Vectors) -> Any:  # noqa: ANN401  # of the labels' own type
        """Give what `predict` does of B texts, from what `predict_proba` gave of them, (B, C)."""
        if self.head.problem == "regression":
            return outputs[:, 0] if outputs.shape[1] == 1 else outputs
        if self.head.problem == "multi_label":
            return [[self.labels[column] for column in np.flatnonzero(row > 0.5)] for row in outputs]
        return [self.labels[column] for column in outputs.argmax(axis=1)]

    def predict_proba(self, texts: str | Iterable[str]) -> Vectors:
        """Give (B, C) float32, the probability of each label; (C,) for one text.

        They add up to 1, but where a text has any number of labels. A regression's values are its logits.

        Raises:
            ArgumentError: as for `predict`.
        """
        return self._on_rows(self.head.probabilities, self.logits(texts))

    def logits(self, texts: str | Iterable[str]) -> Vectors:
        """Give (B, C) float32 logits, calibrated on held-out texts; (C,) for one text.

        Raises:
            ArgumentError: as for `predict`.
        """
        check_texts(texts)
        self.model.check_file()
        if self._watch is not None:
            self._watch.check()
        all_texts = [texts] if isinstance(texts, str) else list(texts)
        check_strings(all_texts)
        n_texts = max(1, min(_BATCH_TEXTS, _MOST_NUMBERS // self.head.n_outputs))
        plan = plan_texts(
            all_texts, Batching(n_texts, "model", None), self._parts, model_limit=self.model.config.max_length
        )
        starts = range(0, len(all_texts), plan.batch_size)
        batches = ((start, all_texts[start : start + plan.batch_size]) for start in starts)
        blocks = list(map_side_by_side(lambda b: self._batch(b, plan), batches, n_workers=plan.n_workers))
        found = np.concatenate([np.zeros((0, self.head.n_outputs), np.float32), *blocks])
        return found[0] if isinstance(texts, str) else found

    def evaluate(
        self, texts: Iterable[str], labels: Labels, *, allow_unseen: bool = False
    ) -> ClassificationReport | RegressionReport:
        """Score the classifier on texts whose labels are known.

        Args:
            texts: B texts.
            labels: B labels; lists of labels where a text may have several; numbers, (B,) or (B, C), for a
                regression.
            allow_unseen: count texts with labels that the classifier does not know as wrong.

        Raises:
            ArgumentError: for lengths that differ, no texts, and unseen labels.
        """
        texts = list(texts)
        if len(texts) != len(labels) or not texts:
            raise ArgumentError(
                f"expected one or more texts, and a label for each, found {len(texts)} texts and "
                f"{len(labels)} labels: pass both from the same rows"
            )
        outputs = self.predict_proba(texts)
        if self.head.problem == "regression":
            return report_regression(_numbers(labels, outputs.shape), outputs)
        of_texts = [_as_list(entry) for entry in labels]
        if self.head.problem == "single_label":
            of_texts = [[entry] for entry in _plain(labels)]
        members, unseen = self._members(of_texts, allow_unseen=allow_unseen)
        if self.head.problem == "multi_label":
            return report_multiple(self.labels, members, outputs, unseen=unseen)
        return report_single(self.labels, np.where(unseen, -1, members.argmax(axis=1)), outputs)

    def explain(self, text: str) -> Explanation:
        """Tell what each known token, and each pair of neighbours, adds to the logits of a text.

        The vector of a text is a sum over tokens, divided by its length; given that length, every logit is
        a sum, and its parts are exact.

        Raises:
            ArgumentError: for anything that is not a valid text.
        """
        check_strings([text])
        check_unicode([text])
        model, head = self.model, self.head
        ids = np.array(model.token_ids_reference(text), np.int64)
        is_known = model.counting_ids[ids]
        known = ids[is_known]
        names = [model.tokenizer.id_to_token(int(token_id)) for token_id in ids]
        root = np.sqrt(max(len(known), 1))
        rows = model.token_vectors(known).astype(np.float64)
        mean = rows.mean(axis=0) if len(known) else np.zeros(model.dim)
        length = float(np.linalg.norm(mean)) if head.unit or model.config.normalize else 1.0
        added = rows @ head.weight / (max(len(known), 1) * (length or 1.0))
        if head.terms is not None:
            added = added + head.terms[known] / root
        found = [name for name, counts in zip(names, is_known, strict=True) if counts]
        parts = [Contribution(name, row.astype(np.float32)) for name, row in zip(found, added, strict=True)]
        if head.pairs is not None:
            pairs = head.pairs[pair_rows(ids, is_known, len(head.pairs))] / root
            firsts = np.flatnonzero(is_known[:-1] & is_known[1:])
            parts += [
                Contribution(f"{names[first]} {names[first + 1]}", row.astype(np.float32))
                for first, row in zip(firsts, pairs, strict=True)
            ]
        return Explanation(self.logits(text), head.bias, tuple(parts))

    def save_pretrained(
        self,
        path: str | Path,
        *,
        graphs: Sequence[GraphName] = ("ids", "text"),
        precisions: Sequence[Precision] = ("fp32", "int8"),
        table: TablePlace = "embedded",
        force: bool = False,
    ) -> None:
        """Write the classifier's folder: config, tables, tokenizer and ONNX graphs, all or nothing.

        Needs the extra `export`. The arguments are those of `StaticModel.save_pretrained`.

        Raises:
            ArgumentError: for an unknown graph or precision, or a tokenizer that a graph cannot hold exactly.
            FolderError: when `path` is in use for something else.
            MissingExtraError: when onnx is not installed.
        """
        require_module("onnx", package="onnx", extra="export")
        from m2v_onnx.export.write import save_classifier  # onnx is an extra

        data = ClassifierData(self.model, self.head, self.training)
        path = Path(path).expanduser()
        save_classifier(data, path, graphs=graphs, precisions=precisions, table=table, force=force)

    def push_to_hub(
        self,
        repo_id: str,
        *,
        private: bool | None = None,
        revision: str | None = None,
        token: str | None = None,
        show_progress_bar: bool = False,
    ) -> str:
        """Upload the folder that `save_pretrained` writes to the Hugging Face Hub, in one commit.

        Arguments, result and errors are those of `StaticModel.push_to_hub`.
        """
        from m2v_onnx.folder.on_the_hub import upload_saved  # slow, both
        from m2v_onnx.system.hub import Upload

        upload = Upload(repo_id, private, revision, token, show_progress_bar)
        return upload_saved(self.save_pretrained, upload)

    @lazy_property
    def _parts(self) -> PartStore:
        return PartStore(self.model, graph_path=None, precision=None)

    def _batch(self, numbered: tuple[int, list[str]], plan: Plan) -> Vectors:
        start, texts = numbered
        n_rows = 0 if self.head.pairs is None else len(self.head.pairs)
        features = read_features(
            self.model, plan, texts, n_pair_rows=n_rows, unit=self.head.unit, first_index=start
        )
        return features.logits(self.head)

    @staticmethod
    def _on_rows(function: Any, rows: Vectors) -> Vectors:  # noqa: ANN401  # a method of the head
        """Apply a function of (B, C) to (C,), too."""
        found: Vectors = function(np.atleast_2d(rows))
        return found if rows.ndim == 2 else found[0]

    def _members(
        self, of_texts: list[list[Label]], *, allow_unseen: bool
    ) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
        """Give (B, C), which labels each text has, and (B,), whether it has one that is unknown here."""
        places = {(type(label), label): place for place, label in enumerate(self.labels)}
        members = np.zeros((len(of_texts), len(self.labels)), np.bool_)
        unseen = np.zeros(len(of_texts), np.bool_)
        for row, entry in enumerate(of_texts):
            for label in entry:
                if isinstance(label, list | dict):
                    raise ArgumentError(
                        f"expected a label in row {row}, found {label!r:.60}: a text has one here"
                    )
                place = places.get((type(label), label))
                if place is None:
                    unseen[row] = True
                else:
                    members[row, place] = True
        if unseen.any() and not allow_unseen:
            row = int(np.flatnonzero(unseen)[0])
            known = ", ".join(repr(label) for label in self.labels[:5])
            raise ArgumentError(
                f"expected labels that the classifier knows ({known} …), found {of_texts[row]!r:.60} in row "
                f"{row}, and {int(unseen.sum())} such rows in all: mend them, or count them as wrong "
                "(allow_unseen)"
            )
        return members, unseen


def _plain(labels: Iterable[Any]) -> list[Any]:
    """Give labels of Python's own types."""
    entries: list[Any] = labels.tolist() if isinstance(labels, np.ndarray) else list(labels)
    return [entry.item() if isinstance(entry, np.generic) else entry for entry in entries]


def _numbers(labels: Labels, shape: tuple[int, ...]) -> npt.NDArray[np.float64]:
    """Give (B, C) numbers of a regression's labels.

    Raises:
        ArgumentError: for another number of values, and what is no finite number.
    """
    try:
        values = np.asarray(labels, np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise ArgumentError(f"expected numbers as labels of a regression, found others: {error}") from error
    if values.ndim == 1:
        values = values[:, None]
    if values.shape != shape:
        raise ArgumentError(
            f"expected {shape[1]} values for each of {shape[0]} texts, found an array of shape "
            f"{values.shape}: pass as many as the classifier was trained on"
        )
    if not np.isfinite(values).all():
        row = int(np.flatnonzero(~np.isfinite(values).all(axis=1))[0])
        raise ArgumentError(
            f"expected finite numbers, found {values[row].tolist()} in row {row}: mend the row"
        )
    return values


def _as_list(entry: Any) -> list[Any]:  # noqa: ANN401  # a label or labels
    return _plain(entry) if isinstance(entry, list | tuple | np.ndarray | set | frozenset) else [entry]
