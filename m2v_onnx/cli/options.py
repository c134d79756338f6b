"""Options that several commands share, and how their values are read."""

from __future__ import annotations

import os
import re
from typing import Annotated, Any, Final, get_args

import typer

from m2v_onnx.export.kinds import DEFAULT_GRAPHS, GRAPH_KINDS, GraphName, TablePlace
from m2v_onnx.model.quantization import DEFAULT_PRECISIONS, PRECISIONS, Precision

# What the word `none` means as a value; None means that an option was not given.
NONE: Final = object()
# What Python makes of bytes that are no text in the locale.
_BYTES: Final = re.compile("[\udc80-\udcff]+")
DEFAULT_GRAPH_NAMES: list[str] = list(DEFAULT_GRAPHS)
DEFAULT_PRECISION_NAMES: list[str] = list(DEFAULT_PRECISIONS)


def split(names: str) -> list[str]:
    """Split names at commas.

    >>> split("ids, text")
    ['ids', 'text']
    """
    return [name.strip() for name in names.split(",")]


def as_utf8(argument: str, errors: str = "surrogateescape") -> str:
    r"""Read as UTF-8 what the locale knows no characters for: the C locale knows ASCII alone.

    >>> as_utf8("m\udcc3\udcb6on")
    'möon'
    """
    return _BYTES.sub(lambda found: os.fsencode(found[0]).decode("utf-8", errors), argument)


def refuse_idle(*options: tuple[str, str, bool]) -> None:
    """Refuse options that do nothing: each with the place where it does nothing, and whether that is so."""
    for option, where, is_idle in options:
        if is_idle:
            raise typer.BadParameter(f"it does nothing {where}: leave it out", param_hint=option)


def number_or_none(value: str) -> object:
    """Read a number, or the word none."""
    if value == "none":
        return NONE
    try:
        return float(value)
    except ValueError:
        raise typer.BadParameter(f"expected a number or none, found {value!r}") from None


def pca_dims_or_none(value: str) -> object:
    """Read N, a fraction, or a word; the recipe checks the range."""
    if value == "auto":
        return value
    return int(value) if value.lstrip("+-").isdecimal() else number_or_none(value)


def whole_number_or_none(value: str) -> object:
    """Read a whole number, or the word none."""
    if value == "none":
        return NONE
    if not value.isdecimal():
        raise typer.BadParameter(f"expected a whole number or none, found {value!r}")
    return int(value)


def length_range(value: str) -> tuple[int, int]:
    """Read a range of lengths, such as 4-30.

    >>> length_range("4-30")
    (4, 30)
    """
    shortest, _, longest = value.partition("-")
    if not (shortest.isdecimal() and longest.isdecimal()):
        raise typer.BadParameter(f"expected two whole numbers, such as 4-30, found {value!r}")
    return int(shortest), int(longest)


def text_or_none(value: str) -> object:
    """Read a text, or the word none."""
    return NONE if value == "none" else as_utf8(value)


def given(options: dict[str, object]) -> dict[str, Any]:
    """Keep the options that were given, and turn `NONE` into None.

    >>> given({"pooling": None, "pca_dims": NONE, "normalize": False})
    {'pca_dims': None, 'normalize': False}
    """
    return {name: None if value is NONE else value for name, value in options.items() if value is not None}


def graph_options(graph: list[str], precision: list[str], *, shared_table: bool) -> dict[str, Any]:
    """Give which graphs to write, by the names of `StaticModel.save_pretrained`."""
    table: TablePlace = "shared" if shared_table else "embedded"
    return {"graphs": graph, "precisions": precision, "table": table}


def _names_among(allowed: tuple[str, ...], values: list[str]) -> list[str]:
    names = [name for value in values for name in split(value)]
    for name in names:
        if name not in allowed:
            raise typer.BadParameter(f"expected some of {', '.join(allowed)}, by commas, found {name!r}")
    return list(dict.fromkeys(names))


def _graph_names(values: list[str]) -> list[str]:
    return _names_among(get_args(GraphName), values)


def _precision_names(values: list[str]) -> list[str]:
    return _names_among(get_args(Precision), values)


Json = Annotated[bool, typer.Option("--json", help="Print JSON to stdout.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress and no notes.")]
Revision = Annotated[str | None, typer.Option(show_default="main", help="Branch, tag or commit on the Hub.")]
Token = Annotated[str | None, typer.Option(help="Hub token for a private repository.", envvar="HF_TOKEN")]
Force = Annotated[bool, typer.Option("--force", help="Write into a folder with other files, too.")]
Graphs = Annotated[
    list[str],
    typer.Option(
        "--graph",
        rich_help_panel="Graphs",
        help=f"Graphs to write, by commas: {', '.join(GRAPH_KINDS)}. May be repeated.",
        callback=_graph_names,
        show_default=",".join(DEFAULT_GRAPHS),
        metavar="NAMES",
    ),
]
Precisions = Annotated[
    list[str],
    typer.Option(
        "--precision",
        rich_help_panel="Graphs",
        help=f"Number types of their tables, by commas: {', '.join(PRECISIONS)}. May be repeated.",
        callback=_precision_names,
        show_default=",".join(DEFAULT_PRECISIONS),
        metavar="NAMES",
    ),
]
SharedTable = Annotated[
    bool,
    typer.Option(
        "--shared-table/--single-file",
        rich_help_panel="Graphs",
        help="Graphs that point into model.safetensors, or that stand alone.",
        show_default="single-file",
    ),
]
Model = Annotated[
    str,
    typer.Argument(help="Folder or Hub id of a static model, or file of word vectors.", show_default=False),
]
