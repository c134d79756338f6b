"""The command line: it parses, calls one function, and prints.

Each command imports what it runs when it runs: numpy, onnxruntime and tokenizers are slow to load, and
`--help` needs none of them. To add a command, write its file here and register it below.
"""

from __future__ import annotations

import io
import sys
from typing import Annotated

import typer

from m2v_onnx.cli.distill import distill
from m2v_onnx.cli.encode import encode
from m2v_onnx.cli.evaluate import evaluate
from m2v_onnx.cli.export import export
from m2v_onnx.cli.inspect import inspect
from m2v_onnx.cli.push import push
from m2v_onnx.cli.verify import verify
from m2v_onnx.errors import M2vOnnxError
from m2v_onnx.version import __version__

app = typer.Typer(
    name="m2v-onnx",
    help="Any Sentence Transformer into a tiny static embedding model that runs everywhere onnxruntime runs.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (distill, export, verify, push, encode, inspect, evaluate):
    app.command(no_args_is_help=True)(command)


def _print_version(value: bool) -> None:
    if value:
        print(f"m2v-onnx {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    """Hold the options in front of a command."""


def main() -> None:
    """Run the command line: exit code 0, 1 for an error with a message, 2 for wrong usage."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")  # texts are more than a console's code page holds
    try:
        app()
    except M2vOnnxError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    except ImportError as error:
        if not isinstance(error.__cause__, KeyboardInterrupt):
            raise
        print("Aborted.", file=sys.stderr)  # Ctrl-C while an extension module was being imported
        sys.exit(130)
