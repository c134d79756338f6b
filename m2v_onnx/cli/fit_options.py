"""Options of the commands that run a teacher."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from m2v_onnx.cli.options import (
    length_range,
    number_or_none,
    pca_dims_or_none,
    text_or_none,
    whole_number_or_none,
)
from m2v_onnx.teacher.options import OnnxMode, Provider, TeacherPrecision

# Panels of help, by topic.
TABLE, FIT, TEACHER = "The table", "The fit", "The teacher"
OF_RECIPE = "the recipe's"

PcaDims = Annotated[
    Any,
    typer.Option(
        rich_help_panel=TABLE,
        show_default=OF_RECIPE,
        help="Components: N, 0.95 (variance), auto or none.",
        parser=pca_dims_or_none,
        metavar="N",
    ),
]
Sequences = Annotated[
    Any,
    typer.Option(
        rich_help_panel=FIT,
        show_default=OF_RECIPE,
        help="Fit to N random token sequences, and bags of words; none for a PCA of token vectors.",
        parser=whole_number_or_none,
        metavar="N",
    ),
]
SequenceLength = Annotated[
    Any,
    typer.Option(
        rich_help_panel=FIT,
        show_default=OF_RECIPE,
        help="Shortest and longest sequence.",
        parser=length_range,
        metavar="LO-HI",
    ),
]
Frequencies = Annotated[
    str | None,
    typer.Option(
        rich_help_panel=FIT,
        show_default=OF_RECIPE,
        help="Frequencies of tokens: words, zipf, a file of `word<TAB>count`, or corpus:FILE of texts.",
    ),
]
Ridge = Annotated[
    Any,
    typer.Option(
        rich_help_panel=FIT,
        show_default=OF_RECIPE,
        help="How strongly fitted rows are held.",
        parser=number_or_none,
        metavar="A",
    ),
]
Scaling = Annotated[
    float | None,
    typer.Option(
        rich_help_panel=FIT,
        show_default=OF_RECIPE,
        help="Columns are divided by their variance to this power.",
    ),
]
Seed = Annotated[
    int | None,
    typer.Option(rich_help_panel=FIT, show_default=OF_RECIPE, help="Seed of the random sequences."),
]
SifCoefficient = Annotated[
    Any,
    typer.Option(
        rich_help_panel=TABLE,
        show_default=OF_RECIPE,
        help="SIF coefficient, or none.",
        parser=number_or_none,
        metavar="A",
    ),
]
Prompt = Annotated[
    Any,
    typer.Option(
        rich_help_panel=TABLE,
        show_default=OF_RECIPE,
        help="Prompt before every token: a name that the teacher knows, a text, or none.",
        parser=text_or_none,
        metavar="PROMPT",
    ),
]
TeacherOnnx = Annotated[
    OnnxMode,
    typer.Option(rich_help_panel=TEACHER, help="Reuse the teacher's own ONNX file, or export one."),
]
TrustRemoteCode = Annotated[
    bool,
    typer.Option(
        "--trust-remote-code",
        rich_help_panel=TEACHER,
        help="Run model code that the teacher's repository ships.",
    ),
]
RouterPath = Annotated[
    str | None,
    typer.Option(
        rich_help_panel=TEACHER,
        show_default="the Router's",
        help="Which way through the Router of a teacher that is several models.",
        metavar="NAME",
    ),
]
ProviderName = Annotated[
    Provider, typer.Option(rich_help_panel=TEACHER, help="Execution provider for the teacher.")
]
Device = Annotated[int, typer.Option(rich_help_panel=TEACHER, help="Which GPU.")]
TeacherBatch = Annotated[
    int | None,
    typer.Option(rich_help_panel=TEACHER, show_default="by device", help="Token sequences per run."),
]
TeacherThreads = Annotated[
    int | None,
    typer.Option(rich_help_panel=TEACHER, show_default="cores", help="Runs side by side on the CPU."),
]
PrecisionOfTeacher = Annotated[
    TeacherPrecision,
    typer.Option(rich_help_panel=TEACHER, help="Numbers that the teacher runs in for a fit."),
]
