"""The distillation: the only place that knows the order of its stages."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

import numpy as np
from tokenizers import Tokenizer

from m2v_onnx.distill.reduction import check_dims, reduce_dimensions
from m2v_onnx.distill.teacher_settings import settle_recipe
from m2v_onnx.distill.vocabulary import build_vocabulary
from m2v_onnx.distill.weighting import weigh_tokens
from m2v_onnx.distill.words import read_words
from m2v_onnx.errors import ArgumentError
from m2v_onnx.model.config import ModelConfig
from m2v_onnx.model.keywords import refuse_unknown
from m2v_onnx.model.recipe import (
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
from m2v_onnx.model.vectors import Table, Vectors
from m2v_onnx.static_model import StaticModel
from m2v_onnx.teacher.embedding import embed_tokens
from m2v_onnx.teacher.loading import load_teacher
from m2v_onnx.teacher.options import Execution, TeacherSource
from m2v_onnx.teacher.sentence_vectors import count_prompt

if TYPE_CHECKING:
    from typing_extensions import Unpack

logger = logging.getLogger(__name__)


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


def distill(
    teacher: str | Path,
    *,
    vocabulary: Iterable[str] | str | Path | None = None,
    recipe: str | Recipe = "model2vec-0.10",
    source: TeacherSource | None = None,
    execution: Execution | None = None,
    show_progress_bar: bool = True,
    **choices: Unpack[Choices],
) -> StaticModel:
    """Distil a static model from a Sentence Transformer.

    >>> from m2v_onnx.distill import distill
    >>> model = distill("sentence-transformers/all-MiniLM-L6-v2", pca_dims=256)  # doctest: +SKIP
    >>> model.save_pretrained("my-model")  # doctest: +SKIP

    Args:
        teacher: a local folder, or a Hub id.
        vocabulary: words of your own, most frequent first, or a file of them (see `read_words`).
        recipe: the name of a recipe in `RECIPES`, or one of your own.
        source: which revision, which ONNX file.
        execution: which execution provider, how many threads.
        show_progress_bar: show progress on stderr, when that is a terminal, or in a notebook.
        **choices: alterations of the recipe, by the names of its attributes.

    Returns:
        The static model, not yet saved. The same teacher and choices give the same bytes.

    Raises:
        ArgumentError: for a choice that is out of its range or asks for more than the teacher has.
        TeacherError: for a teacher that cannot be found, read, exported or run.
        ProviderError: for an execution provider that cannot be used.
        MissingExtraError: when scikit-learn, or optimum for an export, is not installed.
    """
    chosen = _alter(recipe, choices)
    execution = execution or Execution()
    words = _read_vocabulary(vocabulary)
    if chosen.vocabulary_mode == "only" and words is None:
        raise ArgumentError("vocabulary_mode 'only' needs a vocabulary: pass one, or use 'extend'")
    loaded = load_teacher(teacher, source, show_progress_bar=show_progress_bar)
    chosen = settle_recipe(chosen, loaded, chosen=choices.keys())
    tokens = build_vocabulary(loaded, chosen, words)
    del words  # hundreds of thousands, maybe
    session = loaded.open_session(execution)
    if "pca_dims" not in choices:
        chosen = _fit_default_dims(chosen, session.width, len(tokens.teacher_ids))
    check_dims(chosen.pca_dims, n_rows=len(tokens.teacher_ids), width=session.width)
    n_prompt = count_prompt(loaded.description, loaded.tokenizer, chosen.prompt)
    config = ModelConfig(
        normalize=chosen.normalize, teacher=loaded.name, recipe=chosen, provenance=loaded.provenance
    )
    del loaded  # a tokenizer, which is large
    vectors = embed_tokens(
        session,
        tokens.teacher_ids,
        pooling=chosen.pooling,
        n_prompt=n_prompt,
        execution=execution,
        show_progress_bar=show_progress_bar,
    )
    tokenizer_json = tokens.tokenizer_json
    del session, tokens  # large, and not needed any more
    table = _make_table(vectors, chosen)
    tokenizer = Tokenizer.from_str(tokenizer_json)
    return StaticModel(table=table, tokenizer=tokenizer, config=config, owns_tokenizer=True)


def _alter(recipe: str | Recipe, choices: Choices) -> Recipe:
    if isinstance(recipe, str):
        if recipe not in RECIPES:
            raise ArgumentError(f"recipe must be one of {', '.join(RECIPES)}, found {recipe!r}")
        recipe = RECIPES[recipe]
    names = {field.name for field in fields(Recipe)} - {"name"}
    refuse_unknown({name: value for name, value in choices.items() if name not in names}, names)
    if "sif_coefficient" in choices:
        weighting: Weighting = "none" if choices["sif_coefficient"] is None else "sif"
        if choices.get("weighting", weighting) != weighting:
            raise ArgumentError(
                f"weighting and sif_coefficient must agree, found {choices['weighting']!r} and "
                f"{choices['sif_coefficient']}: leave one of them out"
            )
        choices = {**choices, "weighting": weighting}
    return replace(recipe, **choices)


def _read_vocabulary(vocabulary: Iterable[str] | str | Path | None) -> list[str] | None:
    if vocabulary is None:
        return None
    if isinstance(vocabulary, str | Path):
        return read_words(Path(vocabulary).expanduser())
    words = list(vocabulary)
    for index, word in enumerate(words):
        if not isinstance(word, str):
            raise ArgumentError(
                f"vocabulary[{index}] must be a string, found {type(word).__name__}: {word!r:.40}"
            )
    return words


def _fit_default_dims(recipe: Recipe, width: int, n_tokens: int) -> Recipe:
    """Lower the recipe's own number of components, which nobody asked for, to what the teacher has."""
    dims = recipe.pca_dims
    if not isinstance(dims, int) or (dims <= width and dims < n_tokens):
        return recipe
    fitting = width if width < n_tokens else None
    logger.warning(
        "pca_dims %d of recipe %s is too many for %d tokens of width %d; using %s",
        *(dims, recipe.name, n_tokens, width, fitting),
    )
    return replace(recipe, pca_dims=fitting)


def _make_table(vectors: Vectors, recipe: Recipe) -> Table:
    table = reduce_dimensions(vectors, pca_dims=recipe.pca_dims)
    table *= weigh_tokens(len(table), recipe).astype(np.float32)[:, None]
    return table.astype(recipe.dtype, copy=False)
