"""`m2v-onnx inspect`: what a static model is, and how it sees a text."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from m2v_onnx.cli.options import Json, Model, Revision, Token, as_utf8
from m2v_onnx.cli.output import print_fields, print_json, print_table


def inspect(
    model: Model,
    text: Annotated[
        list[str] | None,
        typer.Option(help="Show the tokens of a text and their weights; may be repeated."),
    ] = None,
    revision: Revision = None,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """Show what a static model is: size, recipe, graph, and how it sees a text.

    Example: `m2v-onnx inspect my-model --text "It's dangerous to go alone!"`
    """
    from m2v_onnx.runtime.inspection import describe_model, describe_text  # slow, as all that knows a model
    from m2v_onnx.static_model import StaticModel

    static_model = StaticModel.from_pretrained(model, revision=revision, token=token)
    description = asdict(describe_model(static_model, graph_path=static_model.graph_path))
    texts = {
        one: [asdict(token) for token in describe_text(static_model, one)] for one in map(as_utf8, text or [])
    }
    if as_json:
        print_json({**description, "texts": texts} if texts else description)
        return
    print_fields(description)
    for one, tokens in texts.items():
        print_table(one, tokens)
