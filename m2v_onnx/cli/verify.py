"""`m2v-onnx verify`: every graph against the goldens and NumPy."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from m2v_onnx.cli.options import Json
from m2v_onnx.cli.output import print_json, print_reports
from m2v_onnx.errors import M2vOnnxError, require_module


def verify(
    folder: Annotated[Path, typer.Argument(help="Folder of a static model.", show_default=False)],
    trust_graph: Annotated[
        bool,
        typer.Option(
            "--trust-graph", help="Run graphs with loops that m2v-onnx did not write: they may never end."
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Run every graph of a folder and compare it with the folder's goldens and with NumPy.

    Exit code 1 when one of them differs. Example: `m2v-onnx verify my-model`
    """
    require_module("onnx", package="onnx", extra="export")
    from m2v_onnx.export.verification import verify_folder  # onnx is an extra

    reports = list(verify_folder(folder.expanduser(), trust_graphs=trust_graph))
    if as_json:
        print_json({"folder": str(folder), "graphs": [asdict(report) for report in reports]})
    else:
        print_reports(reports)
    problems = [f"{report.file}: {report.problem}" for report in reports if report.problem is not None]
    if problems:
        raise M2vOnnxError("; ".join(problems))
