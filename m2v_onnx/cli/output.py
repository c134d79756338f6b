"""What commands print: tables for people, JSON for machines, notes on stderr."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from m2v_onnx.classifier import Classifier
    from m2v_onnx.export.verification import GraphReport
    from m2v_onnx.model.classification_report import ClassificationReport, RegressionReport
    from m2v_onnx.static_model import StaticModel

# Of room for the model of a small teacher.
_LEAST_BYTES = 100_000_000


def show_notes(*, quiet: bool, always: bool = False) -> None:
    """Send the library's notes to stderr: all where somebody looks, warnings alone where it is piped.

    Args:
        quiet: errors alone.
        always: all notes, also where stderr is piped.
    """
    is_watched = always or sys.stderr.isatty()
    level = logging.ERROR if quiet else logging.INFO if is_watched else logging.WARNING
    logging.basicConfig(format="%(message)s", handlers=[_Notes()])
    logging.getLogger("m2v_onnx").setLevel(level)


class _Notes(logging.StreamHandler[Any]):
    """Write to what stderr is now: above a progress bar, rich puts something else in its place."""

    @property
    def stream(self) -> Any:
        return sys.stderr

    @stream.setter
    def stream(self, _stream: object) -> None:
        """Keep none."""


def write_model(
    output: Path,
    make: Callable[[], StaticModel],
    graphs: dict[str, Any],
    *,
    force: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Make a model, write its folder with graphs, and print what was written.

    Args:
        output: the folder, which appears when all is done.
        make: makes the model, when the place is known to be fit for it.
        graphs: which graphs, see `add_graphs`.
        force: replace a folder that is there.
        as_json: print JSON.
        quiet: print nothing.
    """
    from m2v_onnx.export.write import add_graphs  # slow, as all that knows a model
    from m2v_onnx.folder.names import model_name
    from m2v_onnx.folder.replacement import replace_folder
    from m2v_onnx.folder.writing import write_embedding

    output = output.expanduser()
    with replace_folder(output, force=force, least_bytes=_LEAST_BYTES) as draft:
        write_embedding(make(), draft)
        add_graphs(draft, name=model_name(output), old=output, **graphs)
    print_summary(output, as_json=as_json, quiet=quiet)


def print_summary(folder: Path, *, as_json: bool, quiet: bool) -> None:
    """Print what was written."""
    if quiet and not as_json:
        return
    from m2v_onnx.folder.reading import find_graph, read_embedding  # slow, as all that knows a model
    from m2v_onnx.runtime.inspection import describe_model

    model = read_embedding(folder)
    if as_json:
        description = describe_model(model, graph_path=find_graph(folder))
        print_json({"output": str(folder), **asdict(description)})
    else:
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        print(
            f"{folder}: {model.n_tokens:,} tokens x {model.dim} dimensions, "
            f"{model.table.dtype.name}, {size / 1e6:.1f} MB with its ONNX graphs"
        )


def print_json(content: object) -> None:
    """Print a JSON value that people can read."""
    print(json.dumps(content, indent=2, ensure_ascii=False))


def print_fields(fields: dict[str, Any]) -> None:
    """Print nested fields, a line each."""
    table = Table(show_header=False, box=None)
    for name, value in fields.items():
        parts = value.items() if isinstance(value, dict) else [("", value)]
        for part, content in parts:
            shown = "\n".join(content) if isinstance(content, list) else str(content)
            table.add_row(f"{name} {part}".strip().replace("_", " "), Text(shown))
    Console(soft_wrap=True).print(table)


def print_table(title: str, rows: list[dict[str, Any]]) -> None:
    """Print the tokens of a text."""
    table = Table("token", "id", "weight", title=Text(title))
    for row in rows:
        table.add_row(Text(row["token"]), str(row["id"]), f"{row['weight']:.4f}")
    Console().print(table)


def print_reports(reports: list[GraphReport]) -> None:
    """Print what `verify` found, a line for each graph; `--json` has more."""
    table = Table("graph", "MB", "off goldens", "cosine", "off NumPy", "", box=None, padding=(0, 1, 0, 0))
    for report in reports:
        table.add_row(
            Text(report.file),
            f"{report.size_bytes / 1e6:.1f}",
            "" if report.golden_difference is None else f"{report.golden_difference:.0e}",
            "" if report.golden_cosine is None else f"{report.golden_cosine:.6f}",
            "" if report.specification_difference is None else f"{report.specification_difference:.0e}",
            "fine" if report.problem is None else "WRONG",
        )
    Console(width=None if sys.stdout.isatty() else 120).print(table)


def print_training(folder: Path, classifier: Classifier) -> None:
    """Print what was learned, and how well held-out texts said it does."""
    training = classifier.training
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    n_labels = len(classifier.labels)
    what = f"{n_labels:,} labels" if n_labels else "a regression"
    print(f"{folder}: {what} from {training['n_texts']:,} texts, {size / 1e6:.1f} MB with its ONNX graphs")
    table = Table("learner", "held-out loss", "held-out accuracy", "", box=None, padding=(0, 1, 0, 0))
    for trial in training["trials"]:
        loss, accuracy = trial["loss"], trial["accuracy"]
        table.add_row(
            trial["name"],
            "" if loss is None else f"{loss:.4f}",
            "" if accuracy is None else f"{accuracy:.1%}",
            "chosen" if trial["name"] == training["chosen"] else "",
        )
    Console(width=None if sys.stdout.isatty() else 120).print(table)


def print_scores(report: ClassificationReport | RegressionReport) -> None:
    """Print what a classifier reaches on labelled texts."""
    content = report.to_json()
    labels, confusions = content.pop("labels", []), content.pop("confusions", [])
    n_texts = content.pop("n_texts")
    print(f"\n{n_texts:,} texts: " + ", ".join(f"{name} {value:.3f}" for name, value in content.items()))
    table = Table("label", "precision", "recall", "F1", "texts", box=None, padding=(0, 1, 0, 0))
    for score in labels:
        shares = [f"{score[name]:.3f}" for name in ("precision", "recall", "f1")]
        table.add_row(Text(str(score["label"])), *shares, f"{score['n_texts']:,}")
    if labels:
        Console(width=None if sys.stdout.isatty() else 120).print(table)
    for confusion in confusions[:5]:
        print(f"{confusion['n_texts']:,} x {confusion['found']} for {confusion['expected']}")
