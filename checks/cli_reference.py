"""Print the reference of the command line, docs/cli.md: `python -m checks.cli_reference`.

The text comes from the commands themselves, not from the boxes that `--help` draws: it does not depend on the
width of a terminal.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

import typer

from m2v_onnx.cli.app import app

INTRODUCTION = """\
# The command line

`make cli-docs` writes this page. `m2v-onnx COMMAND --help` prints the same facts.

| exit code | means |
| --- | --- |
| 0 | The command did its work. |
| 1 | An error. One line on standard error says what was expected, what was found and what to do. |
| 2 | Wrong usage. |
| 130 | Interrupted by Ctrl-C. |

The defaults of the recipe stand in [Recipes](recipes.md).
"""

TYPE_NAMES = {str: "TEXT", int: "N", float: "NUMBER", Path: "PATH", Any: "TEXT"}


def value_name(parameter: Any, annotation: Any) -> str:  # noqa: ANN401  # click's or typer's own class
    """Give what a parameter takes: a name, its choices, or nothing for a switch."""
    alternatives = [kind for kind in get_args(annotation) if kind is not NoneType]
    kind = alternatives[0] if NoneType in get_args(annotation) else annotation
    if parameter.metavar or kind is bool:
        return parameter.metavar or ""
    if get_origin(kind) is Literal:
        return ", ".join(f"`{choice}`" for choice in get_args(kind))
    return TYPE_NAMES[get_args(kind)[0] if get_origin(kind) is list else kind]


def default(parameter: Any) -> str:  # noqa: ANN401
    if parameter.show_default == "the recipe's":
        return "of the recipe"
    if isinstance(parameter.show_default, str):  # words, where there is no value
        return parameter.show_default if parameter.default is None else f"`{parameter.show_default}`"
    if parameter.default is None or isinstance(parameter.default, bool | list):
        return ""
    return f"`{parameter.default}`"


def about(parameter: Any) -> str:  # noqa: ANN401
    variable = f" Environment variable: `{parameter.envvar}`." if parameter.envvar else ""
    text = re.sub(r"(`[^`]*`)|<", lambda match: match[1] or r"\<", parameter.help.replace("|", r"\|"))
    return text + variable


def render_command(name: str, command: Any) -> Iterator[str]:  # noqa: ANN401
    """Give the section of a command: what it does, its arguments, its options."""
    annotations = get_type_hints(inspect.unwrap(command.callback))
    arguments = [one for one in command.params if one.param_type_name == "argument"]
    options = [one for one in command.params if one.param_type_name == "option"]
    usage = " ".join(
        f"{one.name.upper()}…" if get_origin(annotations[one.name]) is list else one.name.upper()
        for one in arguments
    )
    yield f"\n## {name}\n\n```\nm2v-onnx {name} [OPTIONS] {usage}\n```\n\n{command.help}\n"
    yield "| argument | meaning |\n| --- | --- |"
    for one in arguments:
        yield f"| `{one.name.upper()}` | {about(one)} |"
    yield "\n| option | takes | default | meaning |\n| --- | --- | --- | --- |"
    for one in options:
        flags = ", ".join(f"`{flag}`" for flag in [*one.opts, *one.secondary_opts])
        yield f"| {flags} | {value_name(one, annotations[one.name])} | {default(one)} | {about(one)} |"


def render() -> str:
    parts = [INTRODUCTION.rstrip("\n")]
    for name, command in typer.main.get_command(app).commands.items():
        parts.extend(render_command(name, command))
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    sys.stdout.buffer.write(render().encode())
