"""`m2v-onnx evaluate`: models scored on tasks."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from m2v_onnx.cli.options import Json, Quiet, split
from m2v_onnx.cli.output import print_json, show_notes


def evaluate(
    models: Annotated[
        list[str],
        typer.Argument(
            help="Models, each as [NAME=]MODEL: a static model, MODEL:int8 for that graph of it, a "
            "classifier, a teacher's folder, teacher:HUB_ID, or python:module.attribute for any object "
            "with encode.",
            show_default=False,
        ),
    ],
    data: Annotated[
        Path | None, typer.Option(help="Folder of the tasks' files: sts/, retrieval/, …", show_default=False)
    ] = None,
    tasks: Annotated[
        str | None,
        typer.Option(show_default="all", help="Families (sts) or single tasks (sts/stsb_dev), by commas."),
    ] = None,
    mteb: Annotated[
        str | None, typer.Option(help="Tasks of MTEB, by commas, instead of --data; needs the package mteb.")
    ] = None,
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="Folder for results, tables and plots; finished tasks stay."),
    ] = Path("results"),
    intervals: Annotated[
        bool, typer.Option(help="Bootstrap intervals, which take most of the time; not with --mteb.")
    ] = True,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Score models on tasks: a leaderboard, and plots of speed against accuracy.

    Example: `m2v-onnx evaluate my-model other=owner/name --data eval --tasks sts,speed`
    """
    if (data is None) == (mteb is None):
        raise typer.BadParameter("expected a folder of tasks, or names with --mteb", param_hint="--data")
    from m2v_onnx.evaluation.command import evaluate_mteb_to_folder, evaluate_to_folder
    from m2v_onnx.evaluation.leaderboard import leaderboard  # slow, as all that knows a model

    show_notes(quiet=quiet)
    output = output.expanduser()
    families = None if tasks is None else split(tasks)
    if data is not None:
        results = evaluate_to_folder(
            models,
            output,
            data=data,
            tasks=families,
            with_intervals=intervals,
            show_progress_bar=not quiet,
        )
    elif mteb is not None:
        results = evaluate_mteb_to_folder(models, output, tasks=split(mteb))
    if as_json:
        print_json([asdict(result) for result in results])
    else:
        print(leaderboard(results))
