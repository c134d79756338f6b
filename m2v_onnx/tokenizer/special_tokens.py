"""The tokens of a tokenizer that are no piece of a text: unknown, padding, and the affixes around a text."""

from __future__ import annotations

import json
from collections.abc import Set

from tokenizers import Tokenizer, processors

from m2v_onnx.tokenizer.library import guarded


def find_unk_id(tokenizer: Tokenizer) -> int | None:
    """Give the id of the unknown token; None where the tokenizer has none."""
    model = tokenizer.model
    if not hasattr(model, "unk_token"):  # Unigram keeps it in its JSON form only
        unk_id = json.loads(tokenizer.to_str())["model"].get("unk_id")
        return None if unk_id is None else int(unk_id)
    return None if model.unk_token is None else tokenizer.token_to_id(model.unk_token)


def find_masked_ids(tokenizer: Tokenizer) -> frozenset[int]:
    """Give the ids of the unknown token and of all special tokens."""
    added_tokens = tokenizer.get_added_tokens_decoder()
    special_ids = frozenset(token_id for token_id, token in added_tokens.items() if token.special)
    unk_id = find_unk_id(tokenizer)
    return special_ids if unk_id is None else special_ids | {unk_id}


def find_pad_id(tokenizer: Tokenizer) -> int | None:
    """Give the id of the special token that pads a batch; None where the tokenizer has none."""
    added_tokens = tokenizer.get_added_tokens_decoder()
    pads = [i for i, token in added_tokens.items() if token.special and "pad" in token.content.lower()]
    return min(pads, default=None)


def is_bare(tokenizer: Tokenizer, *, masked_ids: Set[int], affix_id: int | None) -> bool:
    """Tell whether `make_bare` would leave a tokenizer as it is."""
    is_whole = tokenizer.truncation is None and tokenizer.padding is None
    return is_whole and _has_fitting_affixes(tokenizer, masked_ids, affix_id)


def make_bare(tokenizer: Tokenizer, *, masked_ids: Set[int], affix_id: int | None) -> None:
    """Switch off truncation and padding, and let only tokens that do not count stand around a text.

    Engines that add special tokens then never see a text without a token. Affixes that a tokenizer brings
    along may have the ids of another vocabulary, where they mean words. Where every token counts, none stand
    there.

    Args:
        tokenizer: what is changed.
        masked_ids: the token ids that do not count.
        affix_id: the token to put around a text where the tokenizer's own affixes will not do; None for none.
    """
    tokenizer.no_truncation()
    tokenizer.no_padding()
    if _has_fitting_affixes(tokenizer, masked_ids, affix_id):
        return
    if not masked_ids:  # every token counts
        tokenizer.post_processor = processors.TemplateProcessing(single="$A", pair="$A $B")
        return
    token = tokenizer.id_to_token(affix_id)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=[token, "$A", token],
        pair=[token, "$A", token, "$B", token],
        special_tokens=[(token, affix_id)],
    )


def _has_fitting_affixes(tokenizer: Tokenizer, masked_ids: Set[int], affix_id: int | None) -> bool:
    affix_ids = guarded(tokenizer.encode, "").ids
    if not masked_ids:
        return not affix_ids
    return affix_id is None or (len(affix_ids) > 1 and masked_ids >= set(affix_ids))


def bare_copy(tokenizer: Tokenizer) -> Tokenizer:
    """Give a copy that neither cuts nor pads."""
    copy = Tokenizer.from_str(tokenizer.to_str())
    copy.no_padding()
    copy.no_truncation()
    return copy
