"""`m2v-onnx push`: a model's folder to the Hugging Face Hub."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from m2v_onnx.cli.options import Json, Quiet
from m2v_onnx.cli.output import print_json, show_notes
from m2v_onnx.system.hub import Upload


def push(
    folder: Annotated[Path, typer.Argument(help="Folder of a static model.", show_default=False)],
    repo_id: Annotated[
        str, typer.Argument(help="Hub repository, owner/name; made where there is none.", show_default=False)
    ],
    private: Annotated[bool, typer.Option("--private", help="Make a new repository private.")] = False,
    revision: Annotated[
        str | None, typer.Option(show_default="main", help="Branch to commit to, made where there is none.")
    ] = None,
    token: Annotated[str | None, typer.Option(help="Hub token that may write.", envvar="HF_TOKEN")] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Send all files of the folder but hidden ones.")
    ] = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Upload a static model's folder to the Hugging Face Hub: what belongs to the model, and its card.

    Example: `m2v-onnx push my-model owner/my-model --private`
    """
    from m2v_onnx.folder.on_the_hub import upload_model  # slow, as all that knows a model

    show_notes(quiet=quiet)
    upload = Upload(
        repo_id, private=private or None, revision=revision, token=token, show_progress_bar=not quiet
    )
    url = upload_model(folder, upload, everything=everything)
    if as_json:
        print_json({"folder": str(folder), "repo_id": repo_id, "revision": revision or "main", "url": url})
    elif not quiet:
        print(f"{folder}: uploaded, {url}")
