"""The fitted table: the mean of its rows is the teacher's sentence vector, on texts that are no language."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence, Set
from dataclasses import replace

import numpy as np
from tokenizers import Tokenizer

from m2v_onnx.distill.reduction import settle_dims
from m2v_onnx.distill.vocabulary import Vocabulary
from m2v_onnx.distill.weighting import vocabulary_weights
from m2v_onnx.errors import require_module
from m2v_onnx.fit.features import TokenFeatures
from m2v_onnx.fit.held_out import TeacherVectors, fit_to_texts
from m2v_onnx.fit.passes import TeacherPasses, check_variety
from m2v_onnx.fit.sequences import Lengths, draw_bags, draw_mixed_bags, draw_tokens, join_pieces
from m2v_onnx.fit.shares import IdRows, Shares
from m2v_onnx.fit.table import FitChoices, fit_table
from m2v_onnx.fit.targets import column_scales, reduce_targets
from m2v_onnx.fit.texts import Examples, TokenizerPair, read_examples
from m2v_onnx.fit.words import packaged_words
from m2v_onnx.model.recipe import Recipe
from m2v_onnx.model.vectors import Vectors
from m2v_onnx.teacher.encoder import read_limit
from m2v_onnx.teacher.loading import Teacher
from m2v_onnx.teacher.options import Execution
from m2v_onnx.teacher.sentence_vectors import count_prompt, read_head
from m2v_onnx.tokenizer.special_tokens import find_masked_ids
from m2v_onnx.tokenizer.token_ids import TokenIds

logger = logging.getLogger(__name__)

_N_PROBES = 64
_BLOCK_TEXTS = 1000


def fit_vocabulary(
    teacher: Teacher,
    vocabulary: Vocabulary,
    recipe: Recipe,
    *,
    texts: Iterable[str] | None = None,
    is_default: bool,
    execution: Execution,
    show: bool,
) -> tuple[Vectors, Recipe]:
    """Give (V, D) float32, a row for each token, fitted to the teacher's sentence vectors; and the recipe.

    Deterministic, whatever the number of threads. With texts, what the teacher says of them is kept in the
    user's cache folder.

    Args:
        teacher: the teacher.
        vocabulary: the tokens, and what the teacher is fed for each.
        recipe: how many sequences, how long, which frequencies, how strong a ridge.
        texts: a user's texts, to fit to as well; read once.
        is_default: whether nobody asked for the number of columns, which is then lowered where it must be.
        execution: how the teacher runs.
        show: show progress on stderr, when that is a terminal.

    Raises:
        ArgumentError: for more columns than the teacher has, or than there are texts; see `read_examples`.
        TeacherError: when sentence vectors or token states are not finite, or are all alike.
        FolderError: when the cache folder cannot be written.
        MissingExtraError: when scikit-learn is not installed.
    """
    require_module("sklearn", package="scikit-learn", extra="distill")  # it brings scipy
    passes = open_passes(teacher, recipe, execution, use_cache=texts is not None, show=show)
    weights = vocabulary_weights(vocabulary, recipe)
    tokenizers = pair_tokenizers(
        vocabulary.tokenizer, teacher, recipe, masked_ids=find_masked_ids(vocabulary.tokenizer)
    )
    drawn = draw_examples(tokenizers, vocabulary, recipe)
    examples = None if texts is None else read_examples(texts, tokenizers, show=show)
    if examples is not None:
        recipe = replace(recipe, n_texts=len(examples[0].token_ids))
    recipe = settle_dims(
        recipe, passes.width, recipe.n_fitted_texts, is_default=is_default, rows="texts to fit to"
    )
    answers = ask(passes, drawn, examples or ())
    states = passes.token_states(
        vocabulary.teacher_ids,
        n_before=len(vocabulary.affixes.prefix),
        n_behind=len(vocabulary.affixes.suffix),
    )
    passes.close()  # large, and not needed any more
    return _solve(answers, TokenFeatures.of(states, weights), recipe)


def _solve(answers: list[TeacherVectors], features: TokenFeatures, recipe: Recipe) -> tuple[Vectors, Recipe]:
    """Fit to drawn sequences and, where there are some and they help, to texts."""
    choices = fit_choices(recipe)
    if len(answers) > 1:
        fit = fit_to_texts(answers, features, choices=choices)
        if fit.is_better:
            return fit.table, recipe
        logger.warning("the texts made it no better: the table is the one that is fitted to no texts")
    drawn = answers[0]
    targets = reduce_targets(drawn.vectors, choices.n_columns)
    shares = Shares((drawn.token_ids,), len(features.weights))
    table = fit_table(shares, targets, features, ridge=choices.ridge)
    table *= column_scales(targets.variances, choices.scaling)
    return table, replace(recipe, n_texts=0)


def fit_choices(recipe: Recipe) -> FitChoices:
    """Give what of a recipe says how a table is fitted."""
    return FitChoices(None if recipe.pca_dims == "auto" else recipe.pca_dims, recipe.ridge, recipe.scaling)


def open_passes(
    teacher: Teacher, recipe: Recipe, execution: Execution, *, use_cache: bool, show: bool
) -> TeacherPasses:
    """Give a teacher that is asked for its own sentence vectors, with the recipe's prompt."""
    n_prompt = count_prompt(teacher.description, teacher.tokenizer, recipe.prompt)
    head = read_head(teacher.description, n_prompt=n_prompt)
    return TeacherPasses(teacher, head, execution, use_cache=use_cache, show=show)


def pair_tokenizers(
    static: Tokenizer, teacher: Teacher, recipe: Recipe, *, masked_ids: Set[int]
) -> TokenizerPair:
    """Give a static model's tokenizer beside the teacher's, with the recipe's prompt."""
    limit = read_limit(teacher.description)
    return TokenizerPair.of(
        static, teacher.tokenizer, masked_ids=masked_ids, prompt=recipe.prompt, limit=limit
    )


def ask(passes: TeacherPasses, drawn: Examples, examples: Sequence[Examples]) -> list[TeacherVectors]:
    """Give the teacher's vectors of drawn texts, by which its precision is settled, and of more texts.

    Raises:
        TeacherError: when vectors are not finite, or those of all drawn texts alike.
    """
    passes.settle_precision(_some_of(drawn.teacher_ids))
    vectors = passes.sentence_vectors(drawn.teacher_ids)
    check_variety(vectors)
    return [
        TeacherVectors(drawn.token_ids, vectors),
        *(TeacherVectors(part.token_ids, passes.sentence_vectors(part.teacher_ids)) for part in examples),
    ]


def draw_examples(tokenizers: TokenizerPair, vocabulary: Vocabulary, recipe: Recipe) -> Examples:
    """Draw random token sequences, bags of English words, and bags of words of two languages.

    Texts without a token that counts are left out.
    """
    rng = np.random.default_rng(recipe.seed)
    lengths = Lengths(recipe.shortest_sequence, recipe.longest_sequence)
    n = recipe.sequences or 0
    n_tokens = tokenizers.static.get_vocab_size()
    counting_ids = np.setdiff1d(np.arange(n_tokens), sorted(tokenizers.masked_ids))
    drawn = draw_tokens(counting_ids, n, lengths, rng)
    rows = drawn.to_lists()
    prefix, suffix = vocabulary.affixes.prefix, vocabulary.affixes.suffix
    fed = [[*prefix, *ids, *suffix] for ids in join_pieces(drawn, vocabulary.pieces()).to_lists()]
    texts = draw_texts(recipe, lengths, rng)
    return join_examples(rows, fed, texts, tokenizers)


def draw_texts(recipe: Recipe, lengths: Lengths, rng: np.random.Generator) -> list[str]:
    """Draw bags of English words, and bags of words of two languages."""
    n, words = recipe.sequences or 0, packaged_words()
    n_mixed = 2 * n // 3
    return draw_bags(words["en"], n, lengths, rng) + draw_mixed_bags(words, n_mixed, lengths, rng)


def join_examples(
    rows: list[list[int]], fed: list[list[int]], texts: list[str], tokenizers: TokenizerPair
) -> Examples:
    """Tokenise texts, and put them behind others; leave out those without a token that counts."""
    for start in range(0, len(texts), _BLOCK_TEXTS):
        for ids, teacher_ids, _ in tokenizers.encode(texts[start : start + _BLOCK_TEXTS]):
            rows.append(ids)
            fed.append(teacher_ids)
    kept = [index for index, row in enumerate(rows) if row]
    return Examples(TokenIds.of(rows[index] for index in kept), TokenIds.of(fed[index] for index in kept))


def _some_of(sequences: IdRows) -> TokenIds:
    """Give a few of them, to compare a teacher in int8 on."""
    indices = np.linspace(0, len(sequences) - 1, min(_N_PROBES, len(sequences))).astype(int)
    return TokenIds.joined([sequences.block(index, index + 1) for index in indices.tolist()])
