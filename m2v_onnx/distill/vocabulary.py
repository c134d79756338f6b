"""The static model's vocabulary: which tokens it has, and what the teacher is fed for each."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass

from tokenizers import Tokenizer

from m2v_onnx.config import Recipe
from m2v_onnx.distill.teacher import Teacher
from m2v_onnx.distill.tokenizer_json import TokenizerJson
from m2v_onnx.errors import ArgumentError

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Vocabulary:
    """The tokens of a static model.

    Attributes:
        tokenizer: the static model's tokenizer, ids 0 to V - 1.
        teacher_ids: for each of the V tokens, the ids that the teacher is fed, special tokens included.
    """

    tokenizer: Tokenizer
    teacher_ids: list[list[int]]

    @property
    def n_tokens(self) -> int:
        """V."""
        return len(self.teacher_ids)


def build_vocabulary(teacher: Teacher, recipe: Recipe) -> Vocabulary:
    """Give the teacher's own vocabulary without the tokens that a static model has no use for.

    Tokens that match the recipe's pattern go, and so do all added tokens but the padding and the unknown
    token. The order stays; ids are renumbered without gaps. Source: model2vec 0.10.0.

    Args:
        teacher: whose tokenizer to take.
        recipe: which tokens to remove.

    Raises:
        ArgumentError: when nothing is left.
        TeacherError: when two tokens of the tokenizer share an id.
    """
    editable = TokenizerJson(teacher.tokenizer)
    affixes = editable.affixes()
    original_ids = teacher.tokenizer.get_vocab()
    kept_special = _keep_special_tokens(editable, teacher)
    removed = set(editable.added_tokens) - kept_special
    if recipe.token_remove_pattern is not None:
        pattern = re.compile(recipe.token_remove_pattern)
        removed |= {token for token in editable.tokens if pattern.match(token)} - {editable.unk_token}
    editable.remove(removed)
    editable.strip_to_model()
    if not set(editable.tokens) - kept_special:
        raise ArgumentError(
            f"token_remove_pattern must leave some tokens, found that {recipe.token_remove_pattern!r} removes "
            f"all {len(original_ids)}: narrow it, or pass None (`none`) to remove nothing"
        )
    logger.info("vocabulary of %d tokens, %d removed", len(editable.tokens), len(removed))
    teacher_ids = [
        [*affixes.prefix, original_ids[token], *affixes.suffix] for token in editable.tokens
    ]
    return Vocabulary(editable.to_tokenizer(), teacher_ids)


def _keep_special_tokens(editable: TokenizerJson, teacher: Teacher) -> set[str]:
    """Settle which tokens are for unknown pieces and for padding; give them."""
    editable.unk_token = teacher.unk_token or editable.unk_token
    pad_token = teacher.pad_token or editable.padding_token
    if pad_token is None:  # the tokenizer's configuration is missing: the names that everybody uses
        pad_token = next((token for token in ("[PAD]", "<pad>") if token in editable.added_tokens), None)
    kept = {token for token in (editable.unk_token, pad_token) if token is not None}
    for token in sorted(kept):
        editable.set_special(token)
    return kept
