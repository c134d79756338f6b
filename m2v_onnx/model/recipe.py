"""A recipe: every choice of a distillation."""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import UnionType
from typing import Literal, get_args

from m2v_onnx.errors import ArgumentError, check_choice, check_positive

Pooling = Literal["mean", "first", "last", "pooler", "inner"]
Weighting = Literal["sif", "zipf", "none"]
TableDtype = Literal["float32", "float16"]
Affixing = Literal["teacher", "swapped"]
VocabularyMode = Literal["extend", "only"]
WordPadding = Literal["teacher", "none"]
AddedTokens = Literal["keep", "remove"]
PrefixSpace = Literal["piece", "text"]
# Tokens that a teacher reads of a text while a table is fitted: longer ones cost much and say little.
MOST_SEQUENCE = 128

PcaDims = int | float | Literal["auto"] | None


@dataclass(frozen=True)
class Recipe:
    """Every choice of a distillation; a named recipe is one frozen set of them.

    Attributes:
        name: what the set is called; an altered one keeps the name it started from.
        pooling: the teacher's hidden states that make a token's vector: their `mean`, the `first`, the
            `last`, the `pooler` output, or the mean of the `inner` ones (without the first and last).
        pca_dims: principal components to keep; a float in (0, 1) keeps the fewest that explain that
            share of the variance, "auto" all of them; None leaves the vectors as they are.
        weighting: `sif`, a / (a + p) with p by Zipf's law; `zipf`, log(1 + rank); or `none`.
        sif_coefficient: the a of `sif`.
        token_remove_pattern: tokens that match this regular expression at their start are removed.
        normalize: whether the static model gives unit vectors.
        dtype: the number type of the table on disk.
        affixes: the special tokens around a token of the teacher's own vocabulary: as the `teacher` has
            them, or `swapped`, end before and start after, as model2vec 0.1 shipped it.
        keep_special_tokens: keep the rows of all special tokens, not of padding and unknown alone.
        vocabulary_mode: whether words that the user brings `extend` the teacher's vocabulary, or are the
            `only` ones.
        word_padding: whether words that `extend` the vocabulary are fed to the teacher padded as its
            tokenizer.json pads, with the padding taking part, as model2vec 0.10 does; or with `none`.
        added_tokens: whether ordinary tokens that were added to the teacher's vocabulary, for fine-tuning
            say, are kept, or removed as in model2vec. Special ones are `keep_special_tokens`' matter.
        prompt: the name of one of the teacher's prompts, or a text: every token and word is fed to the
            teacher behind it; None for none.
        prefix_space: where a byte-level tokenizer that has no space in front puts one: before every `piece`
            that it makes bytes of, as model2vec 0.10 does, or before the `text` alone. The two differ where
            something else splits a text first, as in Qwen and Llama 3.
        sequences: N, how many random token sequences the table is fitted to, as many bags of English words,
            and two thirds as many bags of words of two languages; None for a table of token vectors and
            their PCA.
        shortest_sequence: tokens, or words, of a sequence at least.
        longest_sequence: at most; lengths are log-uniform.
        frequencies: what `sif` weighs by: the `words` of the package's lists, `zipf`'s law by rank, the
            path of a file of `word<TAB>count`, or `corpus:` and the path of a file of texts.
        ridge: how strongly fitted rows are held to the map of the token states; None leaves them on it.
        scaling: fitted columns are divided by their variance to this power.
        seed: of the random sequences.
        n_texts: how many texts of a user the table is fitted to as well; known when they were read.

    Raises:
        ArgumentError: when a choice is out of its range.
    """

    name: str
    pooling: Pooling = "mean"
    pca_dims: PcaDims = 256
    weighting: Weighting = "sif"
    sif_coefficient: float | None = 1e-4
    token_remove_pattern: str | None = r"\[unused\d+\]"
    normalize: bool = True
    dtype: TableDtype = "float32"
    affixes: Affixing = "teacher"
    keep_special_tokens: bool = False
    vocabulary_mode: VocabularyMode = "extend"
    word_padding: WordPadding = "teacher"
    added_tokens: AddedTokens = "remove"
    prompt: str | None = None
    prefix_space: PrefixSpace = "piece"
    sequences: int | None = None
    shortest_sequence: int = 4
    longest_sequence: int = 30
    frequencies: str = "zipf"
    ridge: float | None = 0.5
    scaling: float = 0.25
    seed: int = 0
    n_texts: int = 0

    @property
    def n_fitted_texts(self) -> int:
        """How many texts the table is fitted to, of all kinds."""
        n = self.sequences or 0
        return 2 * n + 2 * n // 3 + self.n_texts

    def __post_init__(self) -> None:
        _check_type(self, str, "name")
        _check_type(self, bool, "normalize", "keep_special_tokens")
        _check_type(self, str | None, "token_remove_pattern")
        _check_type(self, int | float | None, "sif_coefficient")
        check_choice("pooling", self.pooling, get_args(Pooling))
        check_choice("weighting", self.weighting, get_args(Weighting))
        check_choice("dtype", self.dtype, get_args(TableDtype))
        check_choice("affixes", self.affixes, get_args(Affixing))
        check_choice("vocabulary_mode", self.vocabulary_mode, get_args(VocabularyMode))
        check_choice("word_padding", self.word_padding, get_args(WordPadding))
        check_choice("added_tokens", self.added_tokens, get_args(AddedTokens))
        check_choice("prefix_space", self.prefix_space, get_args(PrefixSpace))
        _check_pca_dims(self.pca_dims)
        _check_fit(self)
        if self.weighting == "sif" and not (self.sif_coefficient and 0 < self.sif_coefficient < 1):
            raise ArgumentError(
                f"sif_coefficient must lie between 0 and 1, found {self.sif_coefficient}: "
                "1e-4 is the usual value; for no weighting use weighting='none'"
            )
        if self.token_remove_pattern is not None:
            try:
                re.compile(self.token_remove_pattern)
            except re.error as error:
                raise ArgumentError(
                    f"token_remove_pattern must be a regular expression, found "
                    f"{self.token_remove_pattern!r} ({error}): mend it, or pass None to remove nothing"
                ) from error


def _check_type(recipe: Recipe, kind: type | UnionType, *names: str) -> None:
    for name in names:
        value = getattr(recipe, name)
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise ArgumentError(
                f"{name} must be of type {getattr(kind, '__name__', kind)}, found {value!r:.60}"
            )


def _check_fit(recipe: Recipe) -> None:
    check_positive(
        sequences=recipe.sequences,
        shortest_sequence=recipe.shortest_sequence,
        longest_sequence=recipe.longest_sequence,
    )
    if recipe.longest_sequence > MOST_SEQUENCE:
        raise ArgumentError(
            f"longest_sequence must be {MOST_SEQUENCE} or less, found {recipe.longest_sequence}: longer ones "
            "cost much, and say little of their tokens"
        )
    if recipe.longest_sequence < recipe.shortest_sequence:
        raise ArgumentError(
            f"longest_sequence must be at least shortest_sequence, {recipe.shortest_sequence}, found "
            f"{recipe.longest_sequence}: give the shorter length first (--sequence-length 4-30)"
        )
    if recipe.ridge is not None and not 0 < recipe.ridge < float("inf"):
        raise ArgumentError(f"ridge must be above 0, or None for no ridge, found {recipe.ridge}")
    if type(recipe.seed) is not int or recipe.seed < 0:
        raise ArgumentError(f"seed must be a whole number from 0, found {recipe.seed!r:.40}")
    if not 0 <= recipe.scaling <= 1:
        raise ArgumentError(
            f"scaling must lie between 0 and 1, found {recipe.scaling}: 0.25 is the usual one"
        )


def _check_pca_dims(pca_dims: PcaDims) -> None:
    if pca_dims is None or pca_dims == "auto":
        return
    if isinstance(pca_dims, bool) or not isinstance(pca_dims, int | float):
        fine = False
    elif isinstance(pca_dims, int):
        fine = pca_dims >= 1
    else:
        fine = 0 < pca_dims < 1
    if not fine:
        raise ArgumentError(
            "pca_dims must be a whole number from 1 (components), a fraction between 0 and 1 (explained "
            f"variance), 'auto' (all components) or None (no PCA), found {pca_dims!r}"
        )


RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            name="m2v-onnx-1",
            sif_coefficient=3e-3,
            word_padding="none",
            added_tokens="keep",
            prefix_space="text",
            sequences=12_000,
            shortest_sequence=3,
            longest_sequence=12,
            frequencies="words",
        ),
        Recipe(name="model2vec-0.10"),
        Recipe(
            name="model2vec-0.1",
            pooling="inner",
            weighting="zipf",
            sif_coefficient=None,
            normalize=False,
            affixes="swapped",
            keep_special_tokens=True,
        ),
    )
}
DEFAULT_RECIPE = "m2v-onnx-1"
