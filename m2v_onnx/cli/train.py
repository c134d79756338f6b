"""`m2v-onnx train`: a file of texts and labels to a classifier's folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from m2v_onnx.cli.options import (
    DEFAULT_PRECISION_NAMES,
    Force,
    Graphs,
    Json,
    Model,
    Precisions,
    Quiet,
    Revision,
    SharedTable,
    Token,
    as_utf8,
    graph_options,
    refuse_idle,
    split,
)
from m2v_onnx.cli.output import print_json, print_scores, print_training, show_notes
from m2v_onnx.errors import require_module

if TYPE_CHECKING:
    from m2v_onnx.classifier import Classifier
    from m2v_onnx.model.classification_head import Label, Problem
    from m2v_onnx.model.classification_report import ClassificationReport, RegressionReport
    from m2v_onnx.training.options import ClassWeight

_DATA, _LEARNING = "Data", "Learning"


def train(
    model: Model,
    data: Annotated[
        Path,
        typer.Argument(help="Texts with labels: .csv, .tsv, .jsonl, .parquet or .arrow.", show_default=False),
    ],
    output: Annotated[Path, typer.Argument(help="Folder to write.", show_default=False)],
    text_column: Annotated[
        str, typer.Option(rich_help_panel=_DATA, help="Column that holds the text.")
    ] = "text",
    label_column: Annotated[
        str, typer.Option(rich_help_panel=_DATA, help="Column that holds the label.")
    ] = "label",
    test: Annotated[
        Path | None,
        typer.Option(rich_help_panel=_DATA, help="File to score the classifier on.", show_default=False),
    ] = None,
    allow_unseen: Annotated[
        bool,
        typer.Option(
            "--allow-unseen", rich_help_panel=_DATA, help="Count labels that --test alone has as wrong."
        ),
    ] = False,
    report: Annotated[
        Path | None,
        typer.Option(
            rich_help_panel=_DATA,
            help="Folder for report.json, mistakes.tsv and plots; needs --test, plots the extra eval.",
            show_default=False,
        ),
    ] = None,
    multi_label: Annotated[
        bool,
        typer.Option(
            "--multi-label", rich_help_panel=_DATA, help="A text may have any number of labels, or none."
        ),
    ] = False,
    separator: Annotated[
        str, typer.Option(rich_help_panel=_DATA, help="What stands between the labels of a text.")
    ] = ",",
    regression: Annotated[
        bool, typer.Option("--regression", rich_help_panel=_DATA, help="Labels are numbers to estimate.")
    ] = False,
    learner: Annotated[
        str,
        typer.Option(
            rich_help_panel=_LEARNING,
            help="auto, or one of: frozen (the vector alone), terms (tokens and pairs, too), table (the "
            "table is trained).",
        ),
    ] = "auto",
    pairs: Annotated[
        bool, typer.Option(rich_help_panel=_LEARNING, help="Let pairs of neighbouring tokens count.")
    ] = True,
    class_weight: Annotated[
        str | None,
        typer.Option(
            rich_help_panel=_LEARNING,
            help="balanced, or LABEL=FACTOR by commas.",
            show_default=False,
            metavar="WEIGHTS",
        ),
    ] = None,
    strict: Annotated[
        bool,
        typer.Option("--strict", rich_help_panel=_LEARNING, help="Refuse labels with a single text."),
    ] = False,
    small: Annotated[
        bool,
        typer.Option(
            "--small",
            rich_help_panel=_LEARNING,
            help="Fold the head into a table with a column for each label: a third of the size, or less.",
        ),
    ] = False,
    seed: Annotated[int, typer.Option(rich_help_panel=_LEARNING, help="Seed of splits and draws.")] = 0,
    graph: Graphs = ["ids", "text"],  # noqa: B006  # typer's own way
    precision: Precisions = DEFAULT_PRECISION_NAMES,
    shared_table: SharedTable = False,
    revision: Revision = None,
    token: Token = None,
    force: Force = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Train a classifier on a static model.

    Example: `m2v-onnx train my-model reviews.csv my-classifier --test test.csv`
    """
    require_module("onnx", package="onnx", extra="export")  # better known before the work than behind it
    require_module("sklearn", package="scikit-learn", extra="train")
    refuse_idle(
        ("--regression", "beside --multi-label", multi_label and regression),
        ("--report", "without --test, whose texts it is of", report is not None and test is None),
        ("--allow-unseen", "without --test", allow_unseen and test is None),
        ("--separator", "without --multi-label", separator != "," and not multi_label),
        ("--separator", "without a character", not separator),
        ("--strict", "beside --multi-label and --regression", strict and (multi_label or regression)),
        ("--no-pairs", "beside --learner frozen", not pairs and learner == "frozen"),
    )
    from m2v_onnx.folder.replacement import check_output  # slow, as all that knows a model
    from m2v_onnx.static_model import StaticModel
    from m2v_onnx.training import TrainingOptions, train_classifier
    from m2v_onnx.training.command import Columns, check_test, read_labelled, with_test_scores
    from m2v_onnx.training.report_files import check_report, write_report

    show_notes(quiet=quiet)
    problem: Problem = "multi_label" if multi_label else "regression" if regression else "single_label"
    options = TrainingOptions(
        learner=learner,  # type: ignore[arg-type]  # it checks the word itself
        problem=problem,
        pairs=pairs,
        class_weight=_parse_weights(class_weight),
        strict=strict,
        small=small,
        seed=seed,
    )
    output = output.expanduser()
    check_output(output, force=force, source=model)
    check_report(report, output=output, force=force)
    names = Columns(as_utf8(text_column), as_utf8(label_column), as_utf8(separator))
    examples = read_labelled(data.expanduser(), names, problem)
    held = None if test is None else read_labelled(test.expanduser(), names, problem)
    if held is not None:
        check_test(held, examples, problem, allow_unseen=allow_unseen)
    static_model = StaticModel.from_pretrained(model, revision=revision, token=token)
    classifier = train_classifier(static_model, *examples, options=options)
    scores = None if held is None else classifier.evaluate(*held, allow_unseen=allow_unseen)
    classifier = with_test_scores(classifier, scores)
    graphs = graph_options(graph, precision, shared_table=shared_table)
    classifier.save_pretrained(output, force=force, **graphs)
    if report is not None and held is not None and scores is not None:
        write_report(report, classifier, held, scores)
    _print(output, classifier, scores, as_json=as_json, quiet=quiet)


def _print(
    output: Path,
    classifier: Classifier,
    scores: ClassificationReport | RegressionReport | None,
    *,
    as_json: bool,
    quiet: bool,
) -> None:
    if as_json:
        scored = None if scores is None else scores.to_json()
        print_json({"output": str(output), "training": dict(classifier.training), "test": scored})
    elif not quiet:
        print_training(output, classifier)
        if scores is not None:
            print_scores(scores)


def _parse_weights(value: str | None) -> ClassWeight | None:
    if value is None or value == "balanced":
        return "balanced" if value else None
    factors: dict[Label, float] = {}
    for part in split(value):
        label, _, factor = as_utf8(part).rpartition("=")
        try:
            factors[label] = float(factor)
        except ValueError:
            raise typer.BadParameter(
                f"expected LABEL=FACTOR, found {part!r}", param_hint="--class-weight"
            ) from None
    return factors
