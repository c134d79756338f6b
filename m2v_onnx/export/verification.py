"""Whether every graph in a folder gives the vectors that its goldens and its table say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx import TensorProto

from m2v_onnx.errors import FolderError
from m2v_onnx.export.head_verification import check_golden_logits, check_logits
from m2v_onnx.export.kinds import Feeds, GraphFile, GraphName, Result, graph_files
from m2v_onnx.folder.classifier_files import is_classifier, read_classifier
from m2v_onnx.folder.goldens import Goldens, read_goldens
from m2v_onnx.folder.names import export_command
from m2v_onnx.folder.reading import read_embedding
from m2v_onnx.model.classification_head import ClassificationHead
from m2v_onnx.model.quantization import PRECISIONS, Precision, dequantize_table, quantize_table
from m2v_onnx.model.quantized_head import dequantize_head, quantize_head
from m2v_onnx.model.static_embedding import StaticEmbedding
from m2v_onnx.model.vectors import Vectors
from m2v_onnx.system.onnx_runtime import ORT_ERRORS, first_line, onnxruntime, open_session
from m2v_onnx.system.text_files import check_regular, readable

# Around 1, of vectors of a model that normalises.
_LENGTH_TOLERANCE = 1e-3
# Of a vector of length 1. Rounding in sums of up to 512 tokens.
_ROUNDING = 2e-5


@dataclass(frozen=True)
class GraphReport:
    """What a graph is, and how far its vectors are from the right ones.

    Attributes:
        file: its file, relative to the folder.
        graph: its kind.
        precision: the number type of its table.
        size_bytes: the size of the file.
        ir_version: the ONNX format that a runtime must know.
        opset: the version of the operators that a runtime must know.
        foreign_operators: those that are not in ai.onnx.
        golden_difference: the largest difference from the goldens' vectors; the precision is in it.
        golden_cosine: the least cosine with them.
        specification_difference: the largest difference from NumPy with the same table.
        logit_difference: the largest difference of a classifier's logits from NumPy's with the same tables,
            as a share of those above 1.
        labels_differ: the texts to which a classifier gives another label than the goldens.
        problem: what is wrong; None when all is well.
    """

    file: str
    graph: GraphName
    precision: Precision
    size_bytes: int = 0
    ir_version: int | None = None
    opset: int | None = None
    foreign_operators: tuple[str, ...] = ()
    golden_difference: float | None = None
    golden_cosine: float | None = None
    specification_difference: float | None = None
    logit_difference: float | None = None
    labels_differ: int | None = None
    problem: str | None = None


def verify_folder(folder: Path, *, trust_graphs: bool = False) -> Iterator[GraphReport]:
    """Run every graph of a folder on its goldens, in one batch and text by text.

    Args:
        folder: a static model's folder, as `m2v-onnx export` writes it.
        trust_graphs: run graphs with loops that m2v-onnx did not write: they may never end.

    Raises:
        FolderError: when the model or its goldens are damaged, do not belong together, or are not what
            this version of the tokenizers library makes of the texts; or when there is no graph.
    """
    data = read_classifier(folder) if is_classifier(folder) else None
    model, head = (read_embedding(folder), None) if data is None else (data.model, data.head)
    with readable(folder):
        goldens = read_goldens(folder, model, head)
        _check_specification(folder, model, head, goldens)
        files = list(graph_files(folder))
    if not files:
        raise FolderError(
            f"expected ONNX graphs in {folder}, found none: write them by `{export_command(folder)}`"
        )
    for file in files:
        report = GraphReport(file.path.relative_to(folder).as_posix(), file.graph, file.precision)
        try:
            report = replace(report, size_bytes=file.path.stat().st_size)
            yield _verify_graph(file, report, sources=(model, head), goldens=goldens, trust=trust_graphs)
        except Exception as error:  # noqa: BLE001  # a damaged graph may raise anything: that is its report
            found = (
                first_line(error)
                if isinstance(error, FolderError)
                else f"{type(error).__name__}: {first_line(error)}"
            )
            yield replace(report, problem=found)


def _check_specification(
    folder: Path, model: StaticEmbedding, head: ClassificationHead | None, goldens: Goldens
) -> None:
    for index, text in enumerate(goldens.texts):
        if model.token_ids_reference(text) != goldens.token_ids[index]:
            raise FolderError(
                f"expected the token ids of the goldens in {folder}, found others for text {index}, "
                f"{text!r:.40}: the tokenizers library has changed, or the file has"
            )
    difference = _largest(model.encode_reference(goldens.texts) - goldens.vectors)
    if difference > _ROUNDING * _length(goldens.vectors):
        raise FolderError(
            f"expected the vectors of the goldens in {folder}, found a difference of {difference:.1e}: "
            f"the file was changed; write the folder again by `{export_command(folder)}`"
        )
    if head is not None:
        check_golden_logits(folder, model, head, goldens)


def _verify_graph(
    file: GraphFile,
    report: GraphReport,
    *,
    sources: tuple[StaticEmbedding, ClassificationHead | None],
    goldens: Goldens,
    trust: bool,
) -> GraphReport:
    model, head = sources
    try:
        proto = _load_checked(file.path)
    except FolderError as error:
        return replace(report, problem=str(error))
    report = replace(
        report,
        ir_version=proto.ir_version,
        opset=next(entry.version for entry in proto.opset_import if entry.domain in ("", "ai.onnx")),
        foreign_operators=tuple(sorted(_foreign_operators(proto.graph))),
    )
    try:
        session = open_session(file.path, trust=trust)
        if file.kind.result == "token ids":
            _check_token_ids(file, session, goldens)
            return report
        specification = replace(model, table=dequantize_table(quantize_table(model.table, file.precision)))
        vectors = _run(file, session, specification, goldens)
        if head is not None and file.kind.about_head is not None:
            near = dequantize_head(quantize_head(head, file.precision))
            found = check_logits(file, session, specification, near, goldens)
            report = replace(report, logit_difference=found.difference, labels_differ=found.n_labels)
    except (FolderError, *ORT_ERRORS) as error:
        return replace(report, problem=first_line(error))
    expected = specification.encode_reference(goldens.texts)
    return _compare(report, vectors, goldens.vectors, expected, normalizes=model.config.normalize)


def _load_checked(path: Path) -> onnx.ModelProto:
    """Give the model without its large tensors, after onnx's own check and one of where those lie.

    Raises:
        FolderError: when the file is no valid model, or a tensor lies outside its folder or is cut short.
    """
    check_regular(path)
    try:
        proto = onnx.load(path, load_external_data=False)
        for tensor in proto.graph.initializer:
            if tensor.data_location == TensorProto.EXTERNAL:
                _check_external(path, {entry.key: entry.value for entry in tensor.external_data})
        # onnx 1.23 crashes where it infers shapes behind operators that it does not know.
        is_known = all(
            entry.domain == "" or entry.domain.startswith("ai.onnx") for entry in proto.opset_import
        )
        onnx.checker.check_model(path, full_check=is_known)
    except (DecodeError, onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise FolderError(f"expected a valid ONNX model, found another: {first_line(error)}") from error
    return proto


def _check_external(path: Path, place: dict[str, str]) -> None:
    location = Path(place["location"])
    if location.is_absolute() or ".." in location.parts:
        raise FolderError(f"expected external data inside the graph's folder, found the path {location}")
    data_path = path.parent / location
    n_bytes = int(place.get("offset", 0)) + int(place.get("length", 0))
    found = data_path.stat().st_size if data_path.exists() else 0
    if found < n_bytes:
        raise FolderError(f"expected {n_bytes} bytes of external data in {data_path}, found {found}")


def _foreign_operators(graph: onnx.GraphProto) -> set[str]:
    """Give the operators of a graph, and of the graphs inside it, that are not in ai.onnx."""
    found = {f"{node.domain}.{node.op_type}" for node in graph.node if node.domain not in ("", "ai.onnx")}
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                found |= _foreign_operators(attribute.g)
    return found


def _run(
    file: GraphFile, session: onnxruntime.InferenceSession, model: StaticEmbedding, goldens: Goldens
) -> list[Vectors]:
    """Give the graph's vectors of the goldens' texts, from one batch and from runs of one text each.

    Raises:
        FolderError: when the hidden states are not what the graph's kind promises.
    """
    make_feeds = file.kind.feed
    outputs = [output.name for output in session.get_outputs()]
    batch = dict(zip(outputs, session.run(None, make_feeds(goldens.texts, goldens.token_ids)), strict=True))
    if "last_hidden_state" in batch:
        _check_hidden_states(file.kind.result, batch, model, goldens.token_ids)
    singles = [
        session.run(["sentence_embedding"], make_feeds([text], [token_ids]))[0]
        for text, token_ids in zip(goldens.texts, goldens.token_ids, strict=True)
    ]
    return [batch["sentence_embedding"], np.concatenate(singles)]


def _check_hidden_states(
    result: Result, outputs: Feeds, model: StaticEmbedding, token_ids: Sequence[list[int]]
) -> None:
    hidden = outputs["last_hidden_state"]
    expected = np.broadcast_to(outputs["sentence_embedding"][:, None], hidden.shape)
    if result == "token vectors":
        expected = np.zeros_like(hidden)
        for row, ids in zip(expected, token_ids, strict=True):
            counts = ~np.isin(ids, sorted(model.masked_ids))
            row[: len(ids)] = model.token_vectors(ids) * counts[:, None]
    difference = _largest(hidden - expected)
    if not difference <= _ROUNDING * _length(expected):
        raise FolderError(f"expected other hidden states, found a difference of {difference:.1e}")


def _check_token_ids(file: GraphFile, session: onnxruntime.InferenceSession, goldens: Goldens) -> None:
    feeds = file.kind.feed(goldens.texts, goldens.token_ids)
    ids, mask = session.run(["input_ids", "attention_mask"], feeds)
    for index, expected in enumerate(goldens.token_ids):
        found = ids[index, mask[index] == 1].tolist()
        if found != expected:
            raise FolderError(
                f"expected the token ids of the goldens, found others for text {index}, "
                f"{goldens.texts[index]!r:.40}: write the folder again"
            )


def _compare(
    report: GraphReport,
    found: list[Vectors],
    goldens: Vectors,
    specification: Vectors,
    *,
    normalizes: bool,
) -> GraphReport:
    """Complete a report with the differences of vectors, and with what is wrong with them."""
    if any(vectors.shape != goldens.shape for vectors in found):
        shapes = [vectors.shape for vectors in found]
        return replace(report, problem=f"expected vectors of shape {goldens.shape}, found {shapes}")
    lengths = np.linalg.norm(np.concatenate(found).astype(np.float64), axis=1)
    cosine, least = _least_cosine(found[0], goldens), PRECISIONS[report.precision].least_cosine
    difference = max(_largest(vectors - specification) for vectors in found)
    bound = _ROUNDING * _length(goldens)
    problem = None
    if not difference <= bound:  # NaN is a problem, too
        problem = f"expected NumPy's vectors within {bound:.1e}, found a difference of {difference:.1e}"
    elif not cosine >= least:
        problem = f"expected a cosine with the goldens of at least {least}, found {cosine:.5f}"
    elif normalizes and not ((lengths == 0) | (np.abs(lengths - 1) < _LENGTH_TOLERANCE)).all():
        problem = f"expected vectors of length 1 or 0, found {lengths.min():.6g} to {lengths.max():.6g}"
    return replace(
        report,
        golden_difference=_largest(found[0] - goldens),
        golden_cosine=cosine,
        specification_difference=difference,
        problem=problem,
    )


def _largest(difference: Vectors) -> float:
    return float(np.abs(difference).max(initial=0))


def _length(vectors: Vectors) -> float:
    """Give the length of the longest vector, which rounding is measured by."""
    return float(np.linalg.norm(vectors, axis=-1).max(initial=1))


def _least_cosine(vectors: Vectors, others: Vectors) -> float:
    """Give the least cosine of two vectors of one text; two of length zero are alike, and one is not."""
    lengths = np.linalg.norm(vectors, axis=1) * np.linalg.norm(others, axis=1)
    products = (vectors * others).sum(axis=1)
    alike = ~vectors.any(axis=1) & ~others.any(axis=1)
    return float(np.where(alike, 1, products / np.maximum(lengths, np.float32(1e-30))).min(initial=1))
