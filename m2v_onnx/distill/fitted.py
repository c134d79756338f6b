"""The fitted table: the mean of its rows is the teacher's sentence vector, on texts that are no language."""

from __future__ import annotations

import logging
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from m2v_onnx.distill.reduction import settle_dims
from m2v_onnx.distill.vocabulary import Vocabulary
from m2v_onnx.distill.weighting import vocabulary_weights
from m2v_onnx.errors import require_module
from m2v_onnx.fit.features import TokenFeatures
from m2v_onnx.fit.int8_teacher import LEAST_COSINE, mean_cosine, quantize_products
from m2v_onnx.fit.sequences import Lengths, draw_bags, draw_mixed_bags, draw_tokens, join_pieces
from m2v_onnx.fit.shares import Shares
from m2v_onnx.fit.table import fit_table
from m2v_onnx.fit.targets import reduce_targets
from m2v_onnx.fit.teacher_passes import sentence_vectors, token_states
from m2v_onnx.fit.words import packaged_words
from m2v_onnx.model.recipe import Recipe
from m2v_onnx.model.vectors import Vectors
from m2v_onnx.teacher.loading import Teacher
from m2v_onnx.teacher.options import Execution
from m2v_onnx.teacher.sentence_vectors import SentenceHead, count_prompt, read_head
from m2v_onnx.teacher.session import TeacherSession
from m2v_onnx.tokenizer.special_tokens import bare_copy, find_special_ids, find_unk_id
from m2v_onnx.tokenizer.token_ids import TokenIds

logger = logging.getLogger(__name__)

_N_PROBES = 64
_BLOCK_TEXTS = 1000


@dataclass(frozen=True)
class Examples:
    """Texts as both models see them.

    Attributes:
        token_ids: the static model's tokens that count, one at least for each of N texts.
        teacher_ids: what the teacher is fed, special tokens included.
    """

    token_ids: TokenIds
    teacher_ids: TokenIds


def fit_vocabulary(
    teacher: Teacher,
    vocabulary: Vocabulary,
    recipe: Recipe,
    *,
    is_default: bool,
    execution: Execution,
    show: bool,
) -> tuple[Vectors, Recipe]:
    """Give (V, D) float32, a row for each token, fitted to the teacher's sentence vectors; and the recipe.

    Deterministic, whatever the number of threads.

    Args:
        teacher: the teacher.
        vocabulary: the tokens, and what the teacher is fed for each.
        recipe: how many texts, how long, which frequencies, how strong a ridge.
        is_default: whether nobody asked for the number of columns, which is then lowered where it must be.
        execution: how the teacher runs.
        show: show progress on stderr, when that is a terminal.

    Raises:
        ArgumentError: for more columns than the teacher has, or than there are texts.
        TeacherError: when sentence vectors or token states are not finite, or are all alike.
        MissingExtraError: when scikit-learn is not installed.
    """
    require_module("sklearn", package="scikit-learn", extra="distill")  # it brings scipy
    session = teacher.open_session(execution)
    n_prompt = count_prompt(teacher.description, teacher.tokenizer, recipe.prompt)
    head = read_head(teacher.description, n_prompt=n_prompt)
    width = head.width(session.width)
    recipe = settle_dims(recipe, width, recipe.n_fitted_texts, is_default=is_default, rows="texts to fit to")
    weights = vocabulary_weights(vocabulary, recipe)
    examples = draw_examples(teacher, vocabulary, recipe)
    if session.on_cpu and execution.precision != "float32":
        probes = _some(examples.teacher_ids)
        expected = sentence_vectors(session, probes, head, execution=execution)
        del session  # the same teacher twice would be the most memory that a distillation takes
        session = _open_int8(teacher, probes, expected, head, execution)
    targets = reduce_targets(
        sentence_vectors(session, examples.teacher_ids, head, execution=execution, show_progress_bar=show),
        None if recipe.pca_dims == "auto" else recipe.pca_dims,
    )
    states = token_states(
        session,
        vocabulary.teacher_ids,
        n_before=len(vocabulary.affixes.prefix),
        n_behind=len(vocabulary.affixes.suffix),
        execution=execution,
        show_progress_bar=show,
    )
    del session  # large, and not needed any more
    shares = Shares(examples.token_ids, len(vocabulary.teacher_ids))
    features = TokenFeatures.of(states, weights)
    return fit_table(shares, targets, features, ridge=recipe.ridge, scaling=recipe.scaling), recipe


def draw_examples(teacher: Teacher, vocabulary: Vocabulary, recipe: Recipe) -> Examples:
    """Draw random token sequences, bags of English words, and bags of words of two languages.

    Texts without a token that counts are left out.
    """
    tokenizer = bare_copy(vocabulary.tokenizer)
    counting = _counting(tokenizer)
    rng = np.random.default_rng(recipe.seed)
    lengths = Lengths(recipe.shortest_sequence, recipe.longest_sequence)
    n = recipe.sequences or 0
    drawn = draw_tokens(np.flatnonzero(counting), n, lengths, rng)
    rows = drawn.to_lists()
    prefix, suffix = vocabulary.affixes.prefix, vocabulary.affixes.suffix
    fed = [[*prefix, *ids, *suffix] for ids in join_pieces(drawn, vocabulary.pieces()).to_lists()]
    words = packaged_words()
    texts = draw_bags(words["en"], n, lengths, rng) + draw_mixed_bags(
        words, recipe.n_fitted_texts - 2 * n, lengths, rng
    )
    own = bare_copy(teacher.tokenizer)
    for start in range(0, len(texts), _BLOCK_TEXTS):
        block = texts[start : start + _BLOCK_TEXTS]
        seen = [encoding.ids for encoding in tokenizer.encode_batch_fast(block, add_special_tokens=False)]
        rows += [[token_id for token_id in ids if counting[token_id]] for ids in seen]
        fed += [
            encoding.ids for encoding in own.encode_batch([(recipe.prompt or "") + text for text in block])
        ]
    kept = [index for index, row in enumerate(rows) if row]
    return Examples(TokenIds.of(rows[index] for index in kept), TokenIds.of(fed[index] for index in kept))


def _open_int8(
    teacher: Teacher, probes: TokenIds, expected: Vectors, head: SentenceHead, execution: Execution
) -> TeacherSession:
    """Open the teacher in int8; in float32 where int8 cannot be had, or its vectors are too far off."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        if quantize_products(teacher.onnx_path, path) == 0:
            return teacher.open_session(execution)
        session = TeacherSession(path, execution)
    cosine = mean_cosine(sentence_vectors(session, probes, head, execution=execution), expected)
    if cosine < LEAST_COSINE and execution.precision == "auto":
        del session
        logger.info("the teacher runs in float32: in int8 its vectors have a cosine of %.3f", cosine)
        return teacher.open_session(execution)
    logger.info("the teacher runs in int8: its vectors have a cosine of %.4f with those of float32", cosine)
    return session


def _some(sequences: TokenIds) -> TokenIds:
    chosen = np.linspace(0, len(sequences) - 1, min(_N_PROBES, len(sequences))).astype(int)
    offsets = sequences.offsets
    return TokenIds.of(sequences.ids[offsets[i] : offsets[i + 1]].tolist() for i in chosen)


def _counting(tokenizer: Tokenizer) -> npt.NDArray[np.bool_]:
    """Give (V,) bool: whether a token takes part in the mean."""
    counting = np.ones(tokenizer.get_vocab_size(), np.bool_)
    unk_id = find_unk_id(tokenizer)
    counting[[*find_special_ids(tokenizer), *([] if unk_id is None else [unk_id])]] = False
    return counting
