"""The command line: it parses, calls one function, and prints."""

from __future__ import annotations

import io
import json
import logging
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypedDict, get_args

import typer

from m2v_onnx import __version__
from m2v_onnx.config import (
    DEFAULT_GRAPHS,
    DEFAULT_PRECISIONS,
    GraphName,
    OnnxMode,
    Pooling,
    Precision,
    Provider,
    TableDtype,
    TablePlace,
    VocabularyMode,
    Weighting,
    WordPadding,
)
from m2v_onnx.errors import M2vOnnxError, require_module

if TYPE_CHECKING:
    from m2v_onnx.export.verification import GraphReport

app = typer.Typer(
    name="m2v-onnx",
    help="Any Sentence Transformer into a tiny static embedding model that runs everywhere onnxruntime runs.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)

_DEFAULT_GRAPHS = ",".join(DEFAULT_GRAPHS)
_DEFAULT_PRECISIONS = ",".join(DEFAULT_PRECISIONS)

Json = Annotated[bool, typer.Option("--json", help="Print JSON to stdout.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress and no notes.")]
Revision = Annotated[str | None, typer.Option(help="Branch, tag or commit on the Hub.")]
Token = Annotated[str | None, typer.Option(help="Hub token for a private repository.", envvar="HF_TOKEN")]
Force = Annotated[bool, typer.Option("--force", help="Write into a folder with other files, too.")]
Graphs = Annotated[
    str, typer.Option("--graph", help=f"Graphs to write, by commas: {', '.join(get_args(GraphName))}.")
]
Precisions = Annotated[
    str,
    typer.Option(
        "--precision", help=f"Number types of their tables, by commas: {', '.join(get_args(Precision))}."
    ),
]
SharedTable = Annotated[
    bool,
    typer.Option(
        "--shared-table/--single-file",
        help="Graphs that point into model.safetensors, or that stand alone.",
        show_default="single-file",
    ),
]
Model = Annotated[
    str,
    typer.Argument(help="Folder or Hub id of a static model, or file of word vectors.", show_default=False),
]


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


@app.command(no_args_is_help=True)
def distill(
    teacher: Annotated[
        str, typer.Argument(help="Folder or Hub id of a Sentence Transformer.", show_default=False)
    ],
    output: Annotated[Path, typer.Argument(help="Folder to write the static model to.", show_default=False)],
    vocabulary: Annotated[
        Path | None, typer.Option(help="File of words, one a line, or word<TAB>count.")
    ] = None,
    vocabulary_mode: Annotated[
        VocabularyMode | None,
        typer.Option(help="Words `extend` the teacher's vocabulary, or are the `only` ones."),
    ] = None,
    recipe: Annotated[str, typer.Option(help="model2vec-0.10 or model2vec-0.1.")] = "model2vec-0.10",
    pca_dims: Annotated[
        str | None, typer.Option(help="Components: N, 0.95 (variance), auto or none.")
    ] = None,
    pooling: Annotated[Pooling | None, typer.Option(help="Which hidden states make a vector.")] = None,
    weighting: Annotated[Weighting | None, typer.Option(help="Weights of tokens.")] = None,
    sif: Annotated[str | None, typer.Option(help="SIF coefficient, or none.")] = None,
    token_remove_pattern: Annotated[
        str | None, typer.Option(help="Regular expression of tokens to remove, or none.")
    ] = None,
    normalize: Annotated[bool | None, typer.Option(help="Unit vectors.", show_default=False)] = None,
    dtype: Annotated[TableDtype | None, typer.Option(help="Number type of the table.")] = None,
    word_padding: Annotated[
        WordPadding | None, typer.Option(help="Padding around words of your own.")
    ] = None,
    teacher_onnx: Annotated[
        OnnxMode, typer.Option(help="Reuse the teacher's own ONNX file, or export one.")
    ] = "auto",
    trust_remote_code: Annotated[
        bool, typer.Option("--trust-remote-code", help="Run model code that the teacher's repository ships.")
    ] = False,
    provider: Annotated[Provider, typer.Option(help="Execution provider for the teacher.")] = "auto",
    device_id: Annotated[int, typer.Option(help="Which GPU.")] = 0,
    batch_size: Annotated[int | None, typer.Option(help="Token sequences per run.")] = None,
    threads: Annotated[int | None, typer.Option(help="Runs side by side on the CPU.")] = None,
    graph: Graphs = _DEFAULT_GRAPHS,
    precision: Precisions = _DEFAULT_PRECISIONS,
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
    from m2v_onnx.distill import Execution, TeacherSource
    from m2v_onnx.distill import distill as run
    from m2v_onnx.replacement import check_output

    require_module("onnx", package="onnx", extra="export")  # better known before the work than behind it
    _show_notes(quiet=quiet)
    files = _parse_files(graph, precision, shared_table)
    check_output(output, force=force)
    options = {
        "vocabulary_mode": vocabulary_mode,
        "pooling": pooling,
        "pca_dims": None if pca_dims is None else _parse_pca_dims(pca_dims),
        "weighting": weighting,
        "sif_coefficient": None if sif in (None, "none") else _parse_number("--sif", sif),
        "normalize": normalize,
        "dtype": dtype,
        "word_padding": word_padding,
    }
    choices: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
    if pca_dims == "none":
        choices["pca_dims"] = None
    if sif == "none":
        choices["sif_coefficient"] = None
    if token_remove_pattern is not None:
        choices["token_remove_pattern"] = None if token_remove_pattern == "none" else token_remove_pattern
    kept = [
        run(
            teacher,
            vocabulary=vocabulary,
            recipe=recipe,
            source=TeacherSource(
                revision=revision, token=token, onnx=teacher_onnx, trust_remote_code=trust_remote_code
            ),
            execution=Execution(
                provider=provider, device_id=device_id, batch_size=batch_size, n_threads=threads
            ),
            show_progress_bar=not quiet,
            **choices,
        )
    ]
    from m2v_onnx.export import write_model

    write_model(kept.pop, output, force=force, **files)  # a large table is not kept here
    _print_summary(output, as_json=as_json, quiet=quiet)


@app.command(no_args_is_help=True)
def export(
    source: Model,
    output: Annotated[Path, typer.Argument(help="Folder to write.", show_default=False)],
    graph: Graphs = _DEFAULT_GRAPHS,
    precision: Precisions = _DEFAULT_PRECISIONS,
    shared_table: SharedTable = False,
    dims: Annotated[int | None, typer.Option(help="Keep the first N dimensions.", metavar="N")] = None,
    quantize_vocabulary: Annotated[
        int | None, typer.Option(help="Let tokens share N rows, by k-means.", metavar="N")
    ] = None,
    revision: Revision = None,
    token: Token = None,
    force: Force = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Write any static model (model2vec, sentence-transformers, our own, word vectors) with ONNX graphs.

    Example: `m2v-onnx export minishlab/potion-base-8M my-model --precision fp32,int4`

    Word vectors are text, plain or gzip: `m2v-onnx export glove.6B.50d.txt my-model`
    """
    import m2v_onnx.export as exporting
    from m2v_onnx.model import StaticModel
    from m2v_onnx.replacement import check_output

    _show_notes(quiet=quiet)
    files = _parse_files(graph, precision, shared_table)
    check_output(output, force=force)
    model = StaticModel.from_pretrained(source, revision=revision, token=token)
    if dims is not None:
        model = exporting.cut_dimensions(model, dims)
    if quantize_vocabulary is not None:
        model = exporting.quantize_vocabulary(model, quantize_vocabulary)
    model.save_pretrained(output, force=force, **files)
    _print_summary(output, as_json=as_json, quiet=quiet)


@app.command(no_args_is_help=True)
def verify(
    folder: Annotated[Path, typer.Argument(help="Folder of a static model.", show_default=False)],
    as_json: Json = False,
) -> None:
    """Run every graph of a folder and compare it with the folder's goldens and with NumPy.

    Exit code 1 when one of them differs. Example: `m2v-onnx verify my-model`
    """
    from m2v_onnx.export.verification import verify_folder

    reports = list(verify_folder(folder))
    if as_json:
        _print_json({"folder": str(folder), "graphs": [asdict(report) for report in reports]})
    else:
        _print_reports(reports)
    problems = [f"{report.file}: {report.problem}" for report in reports if report.problem is not None]
    if problems:
        raise M2vOnnxError("; ".join(problems))


@app.command(no_args_is_help=True)
def push(
    folder: Annotated[Path, typer.Argument(help="Folder of a static model.", show_default=False)],
    repo_id: Annotated[
        str, typer.Argument(help="Hub repository, owner/name; made where there is none.", show_default=False)
    ],
    private: Annotated[bool, typer.Option("--private", help="Make a new repository private.")] = False,
    revision: Annotated[
        str | None, typer.Option(help="Branch to commit to, made where there is none; else main.")
    ] = None,
    token: Annotated[str | None, typer.Option(help="Hub token that may write.", envvar="HF_TOKEN")] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Upload a static model's folder to the Hugging Face Hub as it is; hidden files are left out.

    Example: `m2v-onnx push my-model owner/my-model --private`
    """
    from m2v_onnx.folder import upload_model

    url = upload_model(
        folder,
        repo_id,
        private=private or None,
        revision=revision,
        token=token,
        show_progress_bar=not quiet,
    )
    if as_json:
        _print_json({"folder": str(folder), "repo_id": repo_id, "revision": revision or "main", "url": url})
    elif not quiet:
        print(f"{folder}: uploaded, {url}")


@app.command(no_args_is_help=True)
def encode(
    model: Model,
    texts: Annotated[
        Path,
        typer.Argument(
            help="File of texts, one a line; .jsonl; .csv; or - for standard input.", show_default=False
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="A .npy file to write; else JSON lines go to stdout."),
    ] = None,
    column: Annotated[
        str, typer.Option(help="Field of .jsonl or column of .csv that holds the text.")
    ] = "text",
    precision: Annotated[
        Precision | None,
        typer.Option(help="Encode as the graph of this precision does."),
    ] = None,
    threads: Annotated[int | None, typer.Option(help="Batches side by side.")] = None,
    revision: Revision = None,
    token: Token = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Embed the texts of a file.

    Example: `m2v-onnx encode my-model texts.txt --output vectors.npy`
    """
    from m2v_onnx.model import StaticModel
    from m2v_onnx.progress import track
    from m2v_onnx.runtime.files import encode_blocks, read_texts, write_npy

    _show_notes(quiet=quiet)
    static_model = StaticModel.from_pretrained(model, precision=precision, revision=revision, token=token)
    if output is None:
        for block, vectors in encode_blocks(static_model, read_texts(texts, column=column)):
            for text, vector in zip(block, vectors.tolist(), strict=True):
                print(json.dumps({"text": text, "embedding": vector}, ensure_ascii=False))
        return
    n_bytes = texts.stat().st_size if texts.is_file() else None
    with track("Encoding", total=n_bytes, unit="bytes", show=not quiet) as advance:
        lines = read_texts(texts, column=column, advance=advance)
        blocks = static_model.encode_stream(lines, n_threads=threads)
        n_texts = write_npy(output, blocks, dim=static_model.dim)
    if as_json:
        print(json.dumps({"output": str(output), "texts": n_texts, "dim": static_model.dim}))
    elif not quiet:
        print(f"{output}: {n_texts:,} texts x {static_model.dim} dimensions, float32")


@app.command(no_args_is_help=True)
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
    from m2v_onnx.model import StaticModel
    from m2v_onnx.runtime.inspection import describe_model, describe_text

    static_model = StaticModel.from_pretrained(model, revision=revision, token=token)
    description = asdict(describe_model(static_model))
    texts = {one: [asdict(token) for token in describe_text(static_model, one)] for one in text or []}
    if as_json:
        _print_json({**description, "texts": texts} if texts else description)
        return
    _print_fields(description)
    for one, tokens in texts.items():
        _print_table(one, tokens)


@app.command(no_args_is_help=True)
def evaluate(
    models: Annotated[
        list[str],
        typer.Argument(
            help="Models, each as [NAME=]MODEL: a static model, MODEL:int8 for that graph of it, a teacher's "
            "folder, teacher:HUB_ID, or python:module.attribute for any object with encode.",
            show_default=False,
        ),
    ],
    data: Annotated[
        Path | None, typer.Option(help="Folder of the tasks' files: sts/, retrieval/, …", show_default=False)
    ] = None,
    tasks: Annotated[
        str | None, typer.Option(help="Families (sts) or single tasks (sts/stsb_dev), by commas; else all.")
    ] = None,
    mteb: Annotated[
        str | None, typer.Option(help="Tasks of MTEB, by commas, instead of --data; needs the package mteb.")
    ] = None,
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="Folder for results, tables and plots; finished tasks stay."),
    ] = Path("results"),
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Score models on tasks: a leaderboard, and plots of speed against accuracy.

    Example: `m2v-onnx evaluate my-model other=owner/name --data eval --tasks sts,speed`
    """
    if (data is None) == (mteb is None):
        raise typer.BadParameter("expected a folder of tasks, or names with --mteb", param_hint="--data")
    from m2v_onnx.evaluation import leaderboard
    from m2v_onnx.evaluation.command import evaluate_mteb_to_folder, evaluate_to_folder

    _show_notes(quiet=quiet)
    families = None if tasks is None else _split(tasks)
    if data is not None:
        results = evaluate_to_folder(models, output, data=data, tasks=families, show_progress_bar=not quiet)
    elif mteb is not None:
        results = evaluate_mteb_to_folder(models, output, tasks=_split(mteb))
    if as_json:
        print(json.dumps([asdict(result) for result in results], indent=2, ensure_ascii=False))
    else:
        print(leaderboard(results))


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


def _show_notes(*, quiet: bool) -> None:
    """Send the library's notes to stderr: all where somebody looks, warnings alone where it is piped."""
    level = logging.ERROR if quiet else logging.INFO if sys.stderr.isatty() else logging.WARNING
    logging.basicConfig(format="%(message)s")
    logging.getLogger("m2v_onnx").setLevel(level)


def _parse_number(option: str, value: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise typer.BadParameter(f"expected a number or none, found {value!r}", param_hint=option) from None


def _parse_pca_dims(value: str) -> int | float | str:
    """Read N, a fraction, or a word, which the recipe checks."""
    if value in ("auto", "none"):
        return value
    try:
        return int(value)
    except ValueError:
        return _parse_number("--pca-dims", value)


class Files(TypedDict):
    """Which graphs to write, by the names of `save_pretrained`."""

    graphs: list[GraphName]
    precisions: list[Precision]
    table: TablePlace


def _parse_files(graph: str, precision: str, shared_table: bool) -> Files:
    return {
        "graphs": _parse_list("--graph", graph, get_args(GraphName)),
        "precisions": _parse_list("--precision", precision, get_args(Precision)),
        "table": "shared" if shared_table else "embedded",
    }


def _split(names: str) -> list[str]:
    return [name.strip() for name in names.split(",")]


def _parse_list(option: str, value: str, allowed: tuple[str, ...]) -> list[Any]:
    names = _split(value)
    for name in names:
        if name not in allowed:
            raise typer.BadParameter(
                f"expected some of {', '.join(allowed)}, by commas, found {name!r}", param_hint=option
            )
    return names


def _print_summary(folder: Path, *, as_json: bool, quiet: bool) -> None:
    if quiet and not as_json:
        return
    from m2v_onnx.folder import read_model
    from m2v_onnx.runtime.inspection import describe_model

    model = read_model(folder)
    if as_json:
        _print_json({"output": str(folder), **asdict(describe_model(model))})
    else:
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        print(
            f"{folder}: {model.n_tokens:,} tokens x {model.dim} dimensions, "
            f"{model.table.dtype.name}, {size / 1e6:.1f} MB with its ONNX graphs"
        )


def _print_json(content: dict[str, Any]) -> None:
    print(json.dumps(content, indent=2, ensure_ascii=False))


def _print_fields(fields: dict[str, Any]) -> None:
    """Print nested fields, a line each."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(show_header=False, box=None)
    for name, value in fields.items():
        parts = value.items() if isinstance(value, dict) else [("", value)]
        for part, content in parts:
            shown = "\n".join(content) if isinstance(content, list) else str(content)
            table.add_row(f"{name} {part}".strip().replace("_", " "), Text(shown))
    Console(soft_wrap=True).print(table)


def _print_table(title: str, rows: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("token", "id", "weight", title=Text(title))
    for row in rows:
        table.add_row(Text(row["token"]), str(row["id"]), f"{row['weight']:.4f}")
    Console().print(table)


def _print_reports(reports: list[GraphReport]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    columns = (
        "graph",
        "MB",
        "opset",
        "IR",
        "not in ai.onnx",
        "from goldens",
        "least cosine",
        "from NumPy",
        "",
    )
    table = Table(*columns)
    for report in reports:
        table.add_row(
            Text(report.file),
            f"{report.size_bytes / 1e6:.1f}",
            "" if report.opset is None else str(report.opset),
            "" if report.ir_version is None else str(report.ir_version),
            ", ".join(report.foreign_operators),
            "" if report.golden_difference is None else f"{report.golden_difference:.1e}",
            "" if report.golden_cosine is None else f"{report.golden_cosine:.6f}",
            "" if report.specification_difference is None else f"{report.specification_difference:.1e}",
            "fine" if report.problem is None else "WRONG",
        )
    Console(width=None if sys.stdout.isatty() else 120).print(table)
