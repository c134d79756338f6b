"""`m2v-onnx fit`: a teacher and a user's texts to a static model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from m2v_onnx.cli.fit_options import (
    Device,
    Frequencies,
    PcaDims,
    PrecisionOfTeacher,
    Prompt,
    ProviderName,
    Ridge,
    RouterPath,
    Scaling,
    Seed,
    SequenceLength,
    Sequences,
    SifCoefficient,
    TeacherBatch,
    TeacherOnnx,
    TeacherThreads,
    TrustRemoteCode,
)
from m2v_onnx.cli.options import (
    DEFAULT_GRAPH_NAMES,
    DEFAULT_PRECISION_NAMES,
    Force,
    Graphs,
    Json,
    Precisions,
    Quiet,
    Revision,
    SharedTable,
    Token,
    as_utf8,
    given,
    graph_options,
)
from m2v_onnx.cli.output import show_notes, write_model
from m2v_onnx.errors import require_module
from m2v_onnx.teacher.options import Execution, TeacherSource

if TYPE_CHECKING:
    from m2v_onnx.static_model import StaticModel  # slow


def fit(
    teacher: Annotated[
        str, typer.Argument(help="Folder or Hub id of a Sentence Transformer.", show_default=False)
    ],
    texts: Annotated[
        Path,
        typer.Argument(
            help="File of texts, one a line; .jsonl; .csv; .tsv; .parquet; or - for standard input.",
            show_default=False,
        ),
    ],
    output: Annotated[Path, typer.Argument(help="Folder to write the static model to.", show_default=False)],
    base: Annotated[
        str | None,
        typer.Option(
            show_default="the teacher's tokens",
            help="Static model, a folder or Hub id, whose tokenizer to keep and whose table to start from.",
            metavar="MODEL",
        ),
    ] = None,
    text_column: Annotated[
        str, typer.Option(help="Field or column of the file that holds the text.")
    ] = "text",
    pca_dims: PcaDims = None,
    sequences: Sequences = None,
    sequence_length: SequenceLength = None,
    frequencies: Frequencies = None,
    ridge: Ridge = None,
    scaling: Scaling = None,
    seed: Seed = None,
    sif: SifCoefficient = None,
    prompt: Prompt = None,
    teacher_onnx: TeacherOnnx = "auto",
    trust_remote_code: TrustRemoteCode = False,
    router_path: RouterPath = None,
    provider: ProviderName = "auto",
    device_id: Device = 0,
    batch_size: TeacherBatch = None,
    threads: TeacherThreads = None,
    teacher_precision: PrecisionOfTeacher = "auto",
    graph: Graphs = DEFAULT_GRAPH_NAMES,
    precision: Precisions = DEFAULT_PRECISION_NAMES,
    shared_table: SharedTable = False,
    revision: Revision = None,
    token: Token = None,
    force: Force = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Distil a static model that is fitted to texts of your own as well.

    Example: `m2v-onnx fit sentence-transformers/all-MiniLM-L6-v2 texts.txt.gz my-model`
    """
    from m2v_onnx.distill.refit import fit as run  # slow, as all that runs a teacher

    require_module("onnx", package="onnx", extra="export")  # better known before the work than behind it
    show_notes(quiet=quiet, always=True)
    choices: dict[str, Any] = {
        "pca_dims": pca_dims,
        "sequences": sequences,
        "frequencies": frequencies,
        "ridge": ridge,
        "scaling": scaling,
        "seed": seed,
        "sif_coefficient": sif,
        "prompt": prompt,
    }
    if sequence_length is not None:
        choices["shortest_sequence"], choices["longest_sequence"] = sequence_length

    def make() -> StaticModel:
        return run(
            teacher,
            texts,
            base=base,
            text_column=as_utf8(text_column),
            source=TeacherSource(revision, token, teacher_onnx, trust_remote_code, router_path),
            execution=Execution(provider, device_id, batch_size, threads, teacher_precision),
            show_progress_bar=not quiet,
            **given(choices),
        )

    graphs = graph_options(graph, precision, shared_table=shared_table)
    write_model(output, make, graphs, force=force, as_json=as_json, quiet=quiet)
