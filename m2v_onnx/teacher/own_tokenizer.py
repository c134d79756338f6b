"""The tokenizer that a teacher's own libraries would build of its files.

transformers takes tokenizer.json, and lets tokenizer_config.json override it; sentence-transformers may
lower-case on top. Source: transformers 4.57, `PreTrainedTokenizerFast.__init__` and the classes below;
sentence-transformers 6.2, `Transformer.__init__`.
"""

from __future__ import annotations

import json
from typing import Any

from tokenizers import AddedToken, Tokenizer

from m2v_onnx.folder.tokenizer_settings import TokenizerSettings

# Families whose class sets the options of a BertNormalizer, also where nothing is said: to lower case.
_BERT = (
    "bert",
    "convbert",
    "distilbert",
    "electra",
    "funnel",
    "layoutlm",
    "lxmert",
    "mobilebert",
    "squeezebert",
)
# The same, but for CJK characters.
_BERT_WITHOUT_CHINESE = ("mpnet", "splinter")
# Families whose class sets the space before a text, also where nothing is said: to none.
_BYTE_LEVEL = ("bart", "blenderbot", "codegen", "deberta", "gpt2", "led", "longformer", "roberta")


def build_own_tokenizer(
    tokenizer: Tokenizer, settings: TokenizerSettings, *, do_lower_case: bool = False
) -> Tokenizer:
    """Give the tokenizer with everything that overrides it.

    Args:
        tokenizer: as tokenizer.json has it; not changed.
        settings: of the files beside it.
        do_lower_case: lower-case texts, whatever else is said.
    """
    content: dict[str, Any] = json.loads(tokenizer.to_str())
    _override_normalizer(content["normalizer"], settings)
    _override_prefix_space(content["pre_tokenizer"], settings)
    if do_lower_case:
        content["normalizer"] = _lowered(content["normalizer"])
    own = Tokenizer.from_str(json.dumps(content))
    own.add_tokens([AddedToken(**vars(token)) for token in settings.added_tokens])
    return own


def _override_normalizer(normalizer: dict[str, Any] | None, settings: TokenizerSettings) -> None:
    if normalizer is None or normalizer["type"] != "BertNormalizer":
        return
    if settings.family in (*_BERT, *_BERT_WITHOUT_CHINESE):
        normalizer["lowercase"] = settings.do_lower_case is not False
        normalizer["strip_accents"] = settings.strip_accents
    if settings.family in _BERT:
        normalizer["handle_chinese_chars"] = settings.tokenize_chinese_chars is not False


def _override_prefix_space(pre_tokenizer: dict[str, Any] | None, settings: TokenizerSettings) -> None:
    if pre_tokenizer is None or "add_prefix_space" not in pre_tokenizer:
        return
    if settings.add_prefix_space is not None or settings.family in _BYTE_LEVEL:
        pre_tokenizer["add_prefix_space"] = bool(settings.add_prefix_space)


def _lowered(normalizer: dict[str, Any] | None) -> dict[str, Any]:
    """Put lower-casing before a normalizer that does none."""
    members = [] if normalizer is None else normalizer.get("normalizers", [normalizer])
    if normalizer is not None and any(_lowers(member) for member in members):
        return normalizer
    if len(members) == 1 and members[0]["type"] == "BertNormalizer" and not members[0]["strip_accents"]:
        # The same texts, in a form that every fast path knows.
        return {**members[0], "lowercase": True, "strip_accents": False}
    return {"type": "Sequence", "normalizers": [{"type": "Lowercase"}, *members]}


def _lowers(normalizer: dict[str, Any]) -> bool:
    return normalizer["type"] == "Lowercase" or bool(normalizer.get("lowercase"))
