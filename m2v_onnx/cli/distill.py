"""`m2v-onnx distill`: a Sentence Transformer to a static model."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from m2v_onnx.cli.fit_options import (
    OF_RECIPE,
    TABLE,
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
    given,
    graph_options,
    text_or_none,
)
from m2v_onnx.cli.output import show_notes, write_model
from m2v_onnx.errors import require_module
from m2v_onnx.model.recipe import (
    DEFAULT_RECIPE,
    RECIPES,
    AddedTokens,
    Pooling,
    PrefixSpace,
    Recipe,
    TableDtype,
    VocabularyMode,
    Weighting,
    WordPadding,
)
from m2v_onnx.teacher.options import Execution, TeacherSource

if TYPE_CHECKING:
    from m2v_onnx.static_model import StaticModel  # slow

# Panels of its help, by topic.
_VOCABULARY, _VECTORS = "Vocabulary", "Vectors"


def distill(
    teacher: Annotated[
        str, typer.Argument(help="Folder or Hub id of a Sentence Transformer.", show_default=False)
    ],
    output: Annotated[Path, typer.Argument(help="Folder to write the static model to.", show_default=False)],
    vocabulary: Annotated[
        Path | None,
        typer.Option(rich_help_panel=_VOCABULARY, help="File of words, one a line, or `word<TAB>count`."),
    ] = None,
    vocabulary_mode: Annotated[
        VocabularyMode | None,
        typer.Option(
            rich_help_panel=_VOCABULARY,
            show_default=OF_RECIPE,
            help="Words `extend` the teacher's vocabulary, or are the `only` ones.",
        ),
    ] = None,
    recipe: Annotated[
        str, typer.Option(rich_help_panel=TABLE, help=f"One of {', '.join(RECIPES)}.")
    ] = DEFAULT_RECIPE,
    pca_dims: PcaDims = None,
    pooling: Annotated[
        Pooling | None,
        typer.Option(
            rich_help_panel=TABLE, show_default=OF_RECIPE, help="Which hidden states make a vector."
        ),
    ] = None,
    weighting: Annotated[
        Weighting | None,
        typer.Option(rich_help_panel=TABLE, show_default=OF_RECIPE, help="Weights of tokens."),
    ] = None,
    sequences: Sequences = None,
    sequence_length: SequenceLength = None,
    frequencies: Frequencies = None,
    ridge: Ridge = None,
    scaling: Scaling = None,
    seed: Seed = None,
    sif: SifCoefficient = None,
    token_remove_pattern: Annotated[
        Any,
        typer.Option(
            rich_help_panel=TABLE,
            show_default=OF_RECIPE,
            help="Regular expression of tokens to remove, or none.",
            parser=text_or_none,
            metavar="REGEX",
        ),
    ] = None,
    normalize: Annotated[
        bool | None, typer.Option(rich_help_panel=_VECTORS, help="Unit vectors.", show_default=OF_RECIPE)
    ] = None,
    dtype: Annotated[
        TableDtype | None,
        typer.Option(rich_help_panel=_VECTORS, show_default=OF_RECIPE, help="Number type of the table."),
    ] = None,
    word_padding: Annotated[
        WordPadding | None,
        typer.Option(
            rich_help_panel=_VOCABULARY, show_default=OF_RECIPE, help="Padding around words of your own."
        ),
    ] = None,
    added_tokens: Annotated[
        AddedTokens | None,
        typer.Option(
            rich_help_panel=_VOCABULARY,
            show_default=OF_RECIPE,
            help="Ordinary tokens that were added to the teacher's vocabulary.",
        ),
    ] = None,
    prompt: Prompt = None,
    prefix_space: Annotated[
        PrefixSpace | None,
        typer.Option(
            rich_help_panel=TABLE, show_default=OF_RECIPE, help="Where byte-level tokenizers put a space."
        ),
    ] = None,
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
    """Distil a static model from a Sentence Transformer.

    Example: `m2v-onnx distill sentence-transformers/all-MiniLM-L6-v2 my-model --pca-dims 256`
    """
    options = dict(locals())
    from m2v_onnx.distill.pipeline import distill as run  # slow, as all that runs a teacher

    require_module("onnx", package="onnx", extra="export")  # better known before the work than behind it
    show_notes(quiet=quiet)
    choices = {
        entry.name: options.get(entry.name)
        for entry in fields(Recipe)
        if entry.name not in ("name", "n_texts")
    }
    choices["sif_coefficient"] = sif
    if sequence_length is not None:
        choices["shortest_sequence"], choices["longest_sequence"] = sequence_length
    source = TeacherSource(revision, token, teacher_onnx, trust_remote_code, router_path)
    execution = Execution(provider, device_id, batch_size, threads, teacher_precision)

    def make() -> StaticModel:
        return run(
            teacher,
            vocabulary=vocabulary,
            recipe=recipe,
            source=source,
            execution=execution,
            show_progress_bar=not quiet,
            **given(choices),
        )

    graphs = graph_options(graph, precision, shared_table=shared_table)
    write_model(output, make, graphs, force=force, as_json=as_json, quiet=quiet)
