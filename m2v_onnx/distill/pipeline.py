"""The distillation: the only place that knows the order of its stages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

import numpy as np

from m2v_onnx.distill.fitted import fit_vocabulary
from m2v_onnx.distill.reduction import reduce_dimensions, settle_dims
from m2v_onnx.distill.teacher_settings import settle_recipe
from m2v_onnx.distill.vocabulary import Vocabulary, build_vocabulary
from m2v_onnx.distill.weighting import vocabulary_weights
from m2v_onnx.distill.words import read_counted_words
from m2v_onnx.errors import ArgumentError
from m2v_onnx.fit.texts import open_texts
from m2v_onnx.fit.words import WordList
from m2v_onnx.model.config import ModelConfig
from m2v_onnx.model.keywords import refuse_unknown
from m2v_onnx.model.recipe import (
    DEFAULT_RECIPE,
    RECIPES,
    AddedTokens,
    PcaDims,
    Pooling,
    PrefixSpace,
    Recipe,
    TableDtype,
    VocabularyMode,
    Weighting,
    WordPadding,
)
from m2v_onnx.model.vectors import Vectors
from m2v_onnx.static_model import StaticModel
from m2v_onnx.teacher.embedding import embed_tokens
from m2v_onnx.teacher.loading import Teacher, load_teacher
from m2v_onnx.teacher.options import Execution, TeacherSource
from m2v_onnx.teacher.sentence_vectors import count_prompt

if TYPE_CHECKING:
    from typing_extensions import Unpack

_OF_TOKENS = ("pooling",)
_OF_A_FIT = ("shortest_sequence", "longest_sequence", "ridge", "scaling", "seed")


class Choices(TypedDict, total=False):
    """The choices of a recipe that a caller may alter; see `Recipe`."""

    pooling: Pooling
    pca_dims: PcaDims
    weighting: Weighting
    sif_coefficient: float | None
    token_remove_pattern: str | None
    normalize: bool
    dtype: TableDtype
    vocabulary_mode: VocabularyMode
    word_padding: WordPadding
    added_tokens: AddedTokens
    prompt: str | None
    prefix_space: PrefixSpace
    sequences: int | None
    shortest_sequence: int
    longest_sequence: int
    frequencies: str
    ridge: float | None
    scaling: float
    seed: int


class DistillChoices(Choices, total=False):
    """The same, and model2vec's name for the teacher."""

    model_name: str | Path | None


def distill(
    teacher: str | Path | None = None,
    *,
    vocabulary: Iterable[str] | str | Path | None = None,
    texts: Iterable[str] | str | Path | None = None,
    recipe: str | Recipe = DEFAULT_RECIPE,
    source: TeacherSource | None = None,
    execution: Execution | None = None,
    show_progress_bar: bool = True,
    **choices: Unpack[DistillChoices],
) -> StaticModel:
    """Distil a static model from a Sentence Transformer.

    >>> from m2v_onnx.distill import distill
    >>> model = distill("sentence-transformers/all-MiniLM-L6-v2", pca_dims=256)  # doctest: +SKIP
    >>> model.save_pretrained("my-model")  # doctest: +SKIP

    Args:
        teacher: a local folder, or a Hub id.
        vocabulary: words of your own, most frequent first, or a file of them (see `read_words`).
        texts: texts of your own to fit the table to, any number of them, or a file (see `fit`).
        recipe: the name of a recipe in `RECIPES`, or one of your own.
        source: which revision, which ONNX file.
        execution: which execution provider, how many threads.
        show_progress_bar: show progress on stderr, when that is a terminal, or in a notebook.
        **choices: alterations of the recipe, by the names of its attributes; or `model_name`, model2vec's
            name for the teacher.

    Returns:
        The static model, not yet saved. The same teacher and choices give the same bytes.

    Raises:
        ArgumentError: for a choice that is out of its range or asks for more than the teacher has.
        TeacherError: for a teacher that cannot be found, read, exported or run.
        ProviderError: for an execution provider that cannot be used.
        MissingExtraError: when scikit-learn, or optimum for an export, is not installed.
    """
    teacher = _one_of(teacher, choices.pop("model_name", None))
    chosen = alter_recipe(recipe, choices)
    found = None if texts is None else open_texts(texts)
    if found is not None and chosen.sequences is None:
        raise ArgumentError("texts need a fit: leave sequences out, or pass how many (--sequences N)")
    execution = execution or Execution()
    words, counts = _read_vocabulary(vocabulary)
    _check_together(chosen, choices, execution, has_words=words is not None)
    loaded = load_teacher(teacher, source, show_progress_bar=show_progress_bar)
    chosen = settle_recipe(chosen, loaded, chosen=choices.keys())
    tokens = replace(build_vocabulary(loaded, chosen, words), counts=counts)
    del words  # hundreds of thousands, maybe
    is_default = "pca_dims" not in choices
    make_table = _embed_vocabulary if chosen.sequences is None else partial(fit_vocabulary, texts=found)
    table, chosen = make_table(
        loaded, tokens, chosen, is_default=is_default, execution=execution, show=show_progress_bar
    )
    config = ModelConfig(
        normalize=chosen.normalize, teacher=loaded.name, recipe=chosen, provenance=loaded.provenance
    )
    return StaticModel(
        table=table.astype(chosen.dtype, copy=False),
        tokenizer=tokens.tokenizer,
        config=config,
        owns_tokenizer=True,
    )


def _check_together(
    recipe: Recipe, choices: Mapping[str, object], execution: Execution, *, has_words: bool
) -> None:
    """Refuse choices that need others which are not there."""
    if execution.precision == "int8" and recipe.sequences is None:
        raise ArgumentError(
            "a teacher in int8 is for a fit, found sequences None: leave the precision out "
            "(--teacher-precision), or pass sequences (--sequences N)"
        )
    if not has_words and recipe.vocabulary_mode == "only":
        raise ArgumentError("vocabulary_mode 'only' needs a vocabulary: pass one, or use 'extend'")
    if not has_words and "word_padding" in choices:
        raise ArgumentError(
            "word_padding is for words of your own, found none: leave it out, or pass a vocabulary"
        )


def _one_of(teacher: str | Path | None, model_name: str | Path | None) -> str | Path:
    """Give the teacher, by whichever name it was given."""
    if teacher is not None and model_name is not None:
        raise ArgumentError(
            f"expected one teacher, found {teacher!r} and model_name {model_name!r}: leave one out"
        )
    found = model_name if teacher is None else teacher
    if found is None:
        raise ArgumentError("expected a teacher, found none: pass its folder or Hub id")
    return found


def _embed_vocabulary(
    teacher: Teacher,
    vocabulary: Vocabulary,
    recipe: Recipe,
    *,
    is_default: bool,
    execution: Execution,
    show: bool,
) -> tuple[Vectors, Recipe]:
    """Give (V, D) float32, the teacher's vectors of single tokens after PCA and weighting; and the recipe."""
    weights = vocabulary_weights(vocabulary, recipe)
    session = teacher.open_session(execution)
    recipe = settle_dims(recipe, session.width, len(vocabulary.teacher_ids), is_default=is_default)
    vectors = embed_tokens(
        session,
        vocabulary.teacher_ids,
        pooling=recipe.pooling,
        n_prompt=count_prompt(teacher.description, teacher.tokenizer, recipe.prompt),
        execution=execution,
        show_progress_bar=show,
    )
    del session  # large, and not needed any more
    table = reduce_dimensions(vectors, pca_dims=recipe.pca_dims)
    table *= weights.astype(np.float32)[:, None]
    return table, recipe


def alter_recipe(recipe: str | Recipe, choices: Choices) -> Recipe:
    """Give a recipe, known by its name or whole, with a user's choices.

    Raises:
        ArgumentError: for an unknown name, a choice out of its range, and one that changes nothing.
    """
    if isinstance(recipe, str):
        if recipe not in RECIPES:
            raise ArgumentError(f"recipe must be one of {', '.join(RECIPES)}, found {recipe!r}")
        recipe = RECIPES[recipe]
    names = {field.name for field in fields(Recipe)} - {"name", "n_texts"}
    refuse_unknown({name: value for name, value in choices.items() if name not in names}, names)
    if "sif_coefficient" in choices:
        weighting: Weighting = "none" if choices["sif_coefficient"] is None else "sif"
        if choices.get("weighting", weighting) != weighting:
            raise ArgumentError(
                f"weighting and sif_coefficient must agree, found {choices['weighting']!r} and "
                f"{choices['sif_coefficient']}: leave one of them out"
            )
        choices = {**choices, "weighting": weighting}
    recipe = replace(recipe, **choices)
    _refuse_idle(recipe, choices)
    return recipe


def _refuse_idle(recipe: Recipe, choices: Mapping[str, object]) -> None:
    """Refuse choices that would change nothing.

    A table is either fitted or made of token vectors alone, and frequencies are for one kind of weights.
    """
    if recipe.weighting != "sif" and "frequencies" in choices:
        raise ArgumentError(
            f"frequencies changes nothing where weighting is {recipe.weighting}, found "
            f"{choices['frequencies']!r}: leave it out, or pass --weighting sif"
        )
    is_fitted = recipe.sequences is not None
    idle = [name for name in choices if name in (_OF_TOKENS if is_fitted else _OF_A_FIT)]
    if idle:
        raise ArgumentError(
            f"{idle[0]} changes nothing where sequences is {recipe.sequences}, found {choices[idle[0]]!r}: "
            f"leave it out, or pass sequences too (--sequences {'none' if is_fitted else 'N'})"
        )


def _read_vocabulary(
    vocabulary: Iterable[str] | str | Path | None,
) -> tuple[list[str] | None, WordList | None]:
    if vocabulary is None:
        return None, None
    if isinstance(vocabulary, str | Path):
        return read_counted_words(Path(vocabulary).expanduser())
    words = list(vocabulary)
    for index, word in enumerate(words):
        if not isinstance(word, str):
            raise ArgumentError(
                f"vocabulary[{index}] must be a string, found {type(word).__name__}: {word!r:.40}"
            )
    return words, None
