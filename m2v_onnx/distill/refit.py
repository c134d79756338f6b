"""Fits to a user's texts: of a teacher's own tokens, or of a static model that is there."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from m2v_onnx.distill.fitted import ask, draw_texts, fit_choices, join_examples, open_passes, pair_tokenizers
from m2v_onnx.distill.pipeline import Choices, alter_recipe, distill
from m2v_onnx.distill.reduction import settle_dims
from m2v_onnx.distill.teacher_settings import settle_recipe
from m2v_onnx.distill.weighting import token_weights
from m2v_onnx.errors import ArgumentError, require_module
from m2v_onnx.fit.features import TokenFeatures
from m2v_onnx.fit.held_out import TextFit, fit_to_texts
from m2v_onnx.fit.sequences import Lengths
from m2v_onnx.fit.texts import open_texts, read_examples
from m2v_onnx.model.recipe import DEFAULT_RECIPE, Recipe
from m2v_onnx.model.vectors import Vectors
from m2v_onnx.static_model import StaticModel
from m2v_onnx.teacher.loading import Teacher, load_teacher
from m2v_onnx.teacher.options import Execution, TeacherSource

if TYPE_CHECKING:
    from typing_extensions import Unpack

logger = logging.getLogger(__name__)

# Of the recipe, what means something where the tokens are those of another model.
_OF_A_BASE = {
    *("pca_dims", "sif_coefficient", "weighting", "frequencies", "ridge", "scaling", "seed", "prompt"),
    *("sequences", "shortest_sequence", "longest_sequence"),
}


def fit(
    teacher: str | Path,
    texts: Iterable[str] | str | Path,
    *,
    base: StaticModel | str | Path | None = None,
    text_column: str = "text",
    source: TeacherSource | None = None,
    execution: Execution | None = None,
    show_progress_bar: bool = True,
    **choices: Unpack[Choices],
) -> StaticModel:
    """Fit a static model to what a teacher says of texts of your own, and of sequences that are no language.

    >>> from m2v_onnx.distill import fit
    >>> model = fit("sentence-transformers/all-MiniLM-L6-v2", "texts.txt.gz")  # doctest: +SKIP

    A twentieth of the texts is held out. Where the fit to the others is no nearer to the teacher on them,
    the result is the model without the texts. What the teacher says is kept in the user's cache folder: a
    second fit to the same texts takes seconds. Memory does not grow with the texts, but for 40 bytes a text.

    Args:
        teacher: a local folder, or a Hub id.
        texts: any number of texts, read once, or a file of them (see `open_texts`).
        base: a static model whose tokenizer the result has, and whose table is where the fit starts; None to
            distil the teacher's own tokens.
        text_column: the field or column of a file that holds the text.
        source: which revision, which ONNX file.
        execution: which execution provider, how many threads.
        show_progress_bar: show progress on stderr, when that is a terminal, or in a notebook.
        **choices: alterations of the default recipe, by the names of its attributes.

    Returns:
        The static model, not yet saved.

    Raises:
        ArgumentError: for a choice out of its range, and texts of no use: none of two words or more, or in no
            language of the vocabulary.
        FolderError: when the base model is damaged, or the cache folder cannot be written.
        TeacherError: see `distill`; `ProviderError` and `MissingExtraError` as well.
    """
    found = open_texts(texts, column=text_column)
    if base is None:
        return distill(
            teacher,
            texts=found,
            source=source,
            execution=execution,
            show_progress_bar=show_progress_bar,
            **choices,
        )
    recipe = _choose(choices)
    if not isinstance(base, StaticModel):
        base = StaticModel.from_pretrained(base)
    loaded = load_teacher(teacher, source, show_progress_bar=show_progress_bar)
    recipe = settle_recipe(recipe, loaded, chosen=choices.keys())
    execution = execution or Execution()
    is_default = "pca_dims" not in choices
    fitted = _refit(
        base, loaded, found, recipe, is_default=is_default, execution=execution, show=show_progress_bar
    )
    if not fitted.is_better:
        logger.warning(
            "the texts made it no better: the base model stays as it is, with its %d columns", base.dim
        )
        return base
    return StaticModel(
        table=fitted.table,
        tokenizer=base.tokenizer,
        config=replace(
            base.config,
            teacher=loaded.name,
            recipe=None,
            provenance=base.config.provenance.with_teacher(loaded.provenance),
        ),
    )


def _choose(choices: Choices) -> Recipe:
    idle = sorted(choices.keys() - _OF_A_BASE)
    if idle:
        raise ArgumentError(
            f"{idle[0]} changes nothing where a base model brings its tokens: leave it out, or leave out the "
            "base (--base)"
        )
    recipe = alter_recipe(DEFAULT_RECIPE, choices)
    if recipe.sequences is None:
        raise ArgumentError("a fit needs sequences: leave them out, or pass how many (--sequences N)")
    return recipe


def _refit(
    base: StaticModel,
    teacher: Teacher,
    texts: Iterable[str],
    recipe: Recipe,
    *,
    is_default: bool,
    execution: Execution,
    show: bool,
) -> TextFit:
    require_module("sklearn", package="scikit-learn", extra="distill")  # it brings scipy
    passes = open_passes(teacher, recipe, execution, use_cache=True, show=show)
    tokenizers = pair_tokenizers(base.tokenizer, teacher, recipe, masked_ids=base.masked_ids)
    lengths = Lengths(recipe.shortest_sequence, recipe.longest_sequence)
    drawn_texts = draw_texts(recipe, lengths, np.random.default_rng(recipe.seed))
    drawn = join_examples([], [], drawn_texts, tokenizers)
    examples = read_examples(texts, tokenizers, show=show)
    n_texts = len(drawn.token_ids) + len(examples[0].token_ids)
    recipe = settle_dims(recipe, passes.width, n_texts, is_default=is_default, rows="texts to fit to")
    answers = ask(passes, drawn, examples)
    passes.close()
    features = _base_features(base, token_weights(base.tokenizer, recipe).astype(np.float32))
    return fit_to_texts(answers, features, choices=fit_choices(recipe), is_base=True)


def _base_features(base: StaticModel, weights: Vectors) -> TokenFeatures:
    """Give a base model's rows as features: as they are, times the weights of their tokens, and these."""
    rows = base.token_vectors(np.arange(base.n_tokens))
    unweighted = np.divide(rows, weights[:, None], out=np.zeros_like(rows), where=weights[:, None] > 0)
    return TokenFeatures.of(np.concatenate([rows, unweighted], axis=1), weights)
