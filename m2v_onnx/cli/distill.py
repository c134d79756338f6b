"""`m2v-onnx distill`: a Sentence Transformer to a static model."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any

import typer

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
    length_range,
    number_or_none,
    pca_dims_or_none,
    text_or_none,
    whole_number_or_none,
)
from m2v_onnx.cli.output import print_summary, show_notes
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
from m2v_onnx.teacher.options import Execution, OnnxMode, Provider, TeacherPrecision, TeacherSource

# Panels of its help, by topic.
_VOCABULARY, _TABLE, _FIT, _VECTORS = "Vocabulary", "The table", "The fit", "Vectors"
_TEACHER = "The teacher"
_OF_RECIPE = "the recipe's"
# Of room for the model of a small teacher.
_LEAST_BYTES = 100_000_000


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
            show_default=_OF_RECIPE,
            help="Words `extend` the teacher's vocabulary, or are the `only` ones.",
        ),
    ] = None,
    recipe: Annotated[
        str, typer.Option(rich_help_panel=_TABLE, help=f"One of {', '.join(RECIPES)}.")
    ] = DEFAULT_RECIPE,
    pca_dims: Annotated[
        Any,
        typer.Option(
            rich_help_panel=_TABLE,
            show_default=_OF_RECIPE,
            help="Components: N, 0.95 (variance), auto or none.",
            parser=pca_dims_or_none,
            metavar="N",
        ),
    ] = None,
    pooling: Annotated[
        Pooling | None,
        typer.Option(
            rich_help_panel=_TABLE, show_default=_OF_RECIPE, help="Which hidden states make a vector."
        ),
    ] = None,
    weighting: Annotated[
        Weighting | None,
        typer.Option(rich_help_panel=_TABLE, show_default=_OF_RECIPE, help="Weights of tokens."),
    ] = None,
    sequences: Annotated[
        Any,
        typer.Option(
            rich_help_panel=_FIT,
            show_default=_OF_RECIPE,
            help="Fit to N random token sequences, and bags of words; none for a PCA of token vectors.",
            parser=whole_number_or_none,
            metavar="N",
        ),
    ] = None,
    sequence_length: Annotated[
        Any,
        typer.Option(
            rich_help_panel=_FIT,
            show_default=_OF_RECIPE,
            help="Shortest and longest sequence.",
            parser=length_range,
            metavar="LO-HI",
        ),
    ] = None,
    frequencies: Annotated[
        str | None,
        typer.Option(
            rich_help_panel=_FIT,
            show_default=_OF_RECIPE,
            help="Frequencies of tokens: words, zipf, or a file of word<TAB>count.",
        ),
    ] = None,
    ridge: Annotated[
        Any,
        typer.Option(
            rich_help_panel=_FIT,
            show_default=_OF_RECIPE,
            help="How strongly fitted rows are held.",
            parser=number_or_none,
            metavar="A",
        ),
    ] = None,
    scaling: Annotated[
        float | None,
        typer.Option(
            rich_help_panel=_FIT,
            show_default=_OF_RECIPE,
            help="Columns are divided by their variance to this power.",
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(rich_help_panel=_FIT, show_default=_OF_RECIPE, help="Seed of the random sequences."),
    ] = None,
    sif: Annotated[
        Any,
        typer.Option(
            rich_help_panel=_TABLE,
            show_default=_OF_RECIPE,
            help="SIF coefficient, or none.",
            parser=number_or_none,
            metavar="A",
        ),
    ] = None,
    token_remove_pattern: Annotated[
        Any,
        typer.Option(
            rich_help_panel=_TABLE,
            show_default=_OF_RECIPE,
            help="Regular expression of tokens to remove, or none.",
            parser=text_or_none,
            metavar="REGEX",
        ),
    ] = None,
    normalize: Annotated[
        bool | None, typer.Option(rich_help_panel=_VECTORS, help="Unit vectors.", show_default=_OF_RECIPE)
    ] = None,
    dtype: Annotated[
        TableDtype | None,
        typer.Option(rich_help_panel=_VECTORS, show_default=_OF_RECIPE, help="Number type of the table."),
    ] = None,
    word_padding: Annotated[
        WordPadding | None,
        typer.Option(
            rich_help_panel=_VOCABULARY, show_default=_OF_RECIPE, help="Padding around words of your own."
        ),
    ] = None,
    added_tokens: Annotated[
        AddedTokens | None,
        typer.Option(
            rich_help_panel=_VOCABULARY,
            show_default=_OF_RECIPE,
            help="Ordinary tokens that were added to the teacher's vocabulary.",
        ),
    ] = None,
    prompt: Annotated[
        Any,
        typer.Option(
            rich_help_panel=_TABLE,
            show_default=_OF_RECIPE,
            help="Prompt before every token: a name that the teacher knows, a text, or none.",
            parser=text_or_none,
            metavar="PROMPT",
        ),
    ] = None,
    prefix_space: Annotated[
        PrefixSpace | None,
        typer.Option(
            rich_help_panel=_TABLE, show_default=_OF_RECIPE, help="Where byte-level tokenizers put a space."
        ),
    ] = None,
    teacher_onnx: Annotated[
        OnnxMode,
        typer.Option(rich_help_panel=_TEACHER, help="Reuse the teacher's own ONNX file, or export one."),
    ] = "auto",
    trust_remote_code: Annotated[
        bool,
        typer.Option(
            "--trust-remote-code",
            rich_help_panel=_TEACHER,
            help="Run model code that the teacher's repository ships.",
        ),
    ] = False,
    router_path: Annotated[
        str | None,
        typer.Option(
            rich_help_panel=_TEACHER,
            show_default="the Router's",
            help="Which way through the Router of a teacher that is several models.",
            metavar="NAME",
        ),
    ] = None,
    provider: Annotated[
        Provider, typer.Option(rich_help_panel=_TEACHER, help="Execution provider for the teacher.")
    ] = "auto",
    device_id: Annotated[int, typer.Option(rich_help_panel=_TEACHER, help="Which GPU.")] = 0,
    batch_size: Annotated[
        int | None,
        typer.Option(rich_help_panel=_TEACHER, show_default="by device", help="Token sequences per run."),
    ] = None,
    threads: Annotated[
        int | None,
        typer.Option(rich_help_panel=_TEACHER, show_default="cores", help="Runs side by side on the CPU."),
    ] = None,
    teacher_precision: Annotated[
        TeacherPrecision,
        typer.Option(rich_help_panel=_TEACHER, help="Numbers that the teacher runs in for a fit."),
    ] = "auto",
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
    from m2v_onnx.export.write import add_graphs
    from m2v_onnx.folder.names import model_name
    from m2v_onnx.folder.replacement import replace_folder
    from m2v_onnx.folder.writing import write_embedding

    require_module("onnx", package="onnx", extra="export")  # better known before the work than behind it
    show_notes(quiet=quiet)
    choices = {entry.name: options.get(entry.name) for entry in fields(Recipe) if entry.name != "name"}
    choices["sif_coefficient"] = sif
    if sequence_length is not None:
        choices["shortest_sequence"], choices["longest_sequence"] = sequence_length
    source = TeacherSource(revision, token, teacher_onnx, trust_remote_code, router_path)
    execution = Execution(provider, device_id, batch_size, threads, teacher_precision)
    output = output.expanduser()
    with replace_folder(output, force=force, least_bytes=_LEAST_BYTES) as draft:
        write_embedding(
            run(
                teacher,
                vocabulary=vocabulary,
                recipe=recipe,
                source=source,
                execution=execution,
                show_progress_bar=not quiet,
                **given(choices),
            ),
            draft,
        )
        graphs = graph_options(graph, precision, shared_table=shared_table)
        add_graphs(draft, name=model_name(output), old=output, **graphs)
    print_summary(output, as_json=as_json, quiet=quiet)
