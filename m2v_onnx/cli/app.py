"""The command line: it parses, calls one function, and prints.

Each command imports what it runs when it runs: numpy, onnxruntime and tokenizers are slow to load, and
`--help` needs none of them. To add a command, write its file here and register it below.
"""

from __future__ import annotations

import io
import os
import signal
import sys
import traceback
from typing import Annotated

import typer

from m2v_onnx.cli.classify import classify
from m2v_onnx.cli.distill import distill
from m2v_onnx.cli.encode import encode
from m2v_onnx.cli.evaluate import evaluate
from m2v_onnx.cli.export import export
from m2v_onnx.cli.fit import fit
from m2v_onnx.cli.inspect import inspect
from m2v_onnx.cli.options import as_utf8
from m2v_onnx.cli.push import push
from m2v_onnx.cli.search import search
from m2v_onnx.cli.serve import serve
from m2v_onnx.cli.train import train
from m2v_onnx.cli.train_pairs import train_pairs
from m2v_onnx.cli.verify import verify
from m2v_onnx.errors import NO_ROOM, M2vOnnxError
from m2v_onnx.version import __version__

_DEBUG = "--debug"

app = typer.Typer(
    name="m2v-onnx",
    help="Any Sentence Transformer into a tiny static embedding model that runs everywhere onnxruntime runs.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)
COMMANDS = (
    *(distill, fit, export, verify, push, encode, search, inspect, evaluate),
    *(train, train_pairs, classify, serve),
)
for command in COMMANDS:
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
    debug: Annotated[
        bool, typer.Option(_DEBUG, help="Show the traceback of an error; may stand anywhere.")
    ] = False,
) -> None:
    """Hold the options in front of a command."""


def main() -> None:
    """Run the command line: exit code 0, 1 for an error with a message, 2 for wrong usage.

    With `--debug`, wherever it stands, an error's traceback comes first.
    """
    arguments = [argument for argument in sys.argv[1:] if argument != _DEBUG]
    if isinstance(sys.stderr, io.TextIOWrapper):
        sys.stderr.reconfigure(encoding="utf-8", errors="backslashreplace")
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Texts are more than a console's code page holds; paths may hold bytes that are no text.
        sys.stdout.reconfigure(encoding="utf-8", errors="surrogateescape")
    _end_like_ctrl_c()
    try:
        app(args=arguments, standalone_mode=True)
    except SystemExit as end:
        sys.exit(_flush(end.code))
    except BaseException as error:  # noqa: BLE001  # what is left: a panic of the tokenizers library among it
        if len(arguments) < len(sys.argv) - 1:
            traceback.print_exception(error)
        if isinstance(error, ImportError) and isinstance(error.__cause__, KeyboardInterrupt):
            print("Aborted.", file=sys.stderr)  # Ctrl-C while an extension module was being imported
            sys.exit(130)
        print(f"error: {as_utf8(_describe(error), 'backslashreplace')}", file=sys.stderr)
        sys.exit(1)


def _end_like_ctrl_c() -> None:
    """Let a request to end remove drafts, as Ctrl-C does."""
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:  # nohup
            signal.signal(number, signal.default_int_handler)


def _flush(code: str | int | None) -> str | int | None:
    """Write what is left; give the exit code, 1 where it cannot be written."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python tries again at its end
        if not isinstance(error, BrokenPipeError):
            print(f"error: expected to write to stdout, found {error.strerror}: make room", file=sys.stderr)
        return code or 1
    return code


def _describe(error: BaseException) -> str:
    """Say in a line what went wrong."""
    if isinstance(error, M2vOnnxError):
        return str(error)
    if isinstance(error, MemoryError):
        return "expected more memory than there is: take fewer texts at once, or a smaller model"
    if isinstance(error, OSError) and (error.filename is not None or error.errno in NO_ROOM):
        place = "standard output" if error.filename is None else error.filename
        return (
            f"expected to use {place}, found {error.strerror}: make room, check its rights, or name another "
            "place"
        )
    said = (str(error).strip().splitlines() or [""])[0][:300]
    return (
        f"expected no {type(error).__name__}, found one ({said}): run it again with {_DEBUG}, and report it"
    )
