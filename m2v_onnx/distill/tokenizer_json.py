"""A `tokenizer.json` as something to edit: tokens removed, appended and renumbered, for every family."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from tokenizers import Tokenizer

from m2v_onnx.errors import TeacherError
from m2v_onnx.model.recipe import PrefixSpace
from m2v_onnx.tokenizer.phrases import phrase_splitter

Json = dict[str, Any]

# It puts a space before a text that does not begin with one, and changes nothing else.
_SPACE_IN_FRONT = {"type": "Metaspace", "replacement": " ", "prepend_scheme": "first", "split": False}


@dataclass(frozen=True)
class Affixes:
    """Token ids that a tokenizer puts before and after every text."""

    prefix: tuple[int, ...] = ()
    suffix: tuple[int, ...] = ()


class TokenizerJson:
    """A tokenizer whose vocabulary is one list in id order, whatever the family.

    Ids are positions in `tokens`: gaps in the ids of the original close.

    Args:
        tokenizer: the original; not changed.

    Attributes:
        tokens: every token, added ones included.
        unk_token: the unknown token; None where there is none.

    Raises:
        TeacherError: when two tokens share an id.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._json: Json = json.loads(tokenizer.to_str())
        self._model: Json = self._json["model"]
        ids = tokenizer.get_vocab()
        self.tokens = sorted(ids, key=ids.__getitem__)
        for before, after in pairwise(self.tokens):
            if ids[before] == ids[after]:
                raise TeacherError(
                    f"expected one token per id in the teacher's tokenizer, found {before!r} and {after!r} "
                    f"with id {ids[before]}: mend its tokenizer.json"
                )
        self.unk_token: str | None = self._model.get("unk_token")
        self._scores: dict[str, float] = {}
        if self._is_unigram:
            self._scores = dict(self._model["vocab"])
            unk_id = self._model.get("unk_id")
            self.unk_token = None if unk_id is None else self._model["vocab"][unk_id][0]
        # Merges were written "left right" until tokenizers 0.20.
        merges = self._model.get("merges", [])
        self._merges = {tuple(m.split(" ") if isinstance(m, str) else m): None for m in merges}

    @property
    def _is_unigram(self) -> bool:
        return bool(self._model["type"] == "Unigram")

    @property
    def padding_token(self) -> str | None:
        """The token of the padding section; None where there is no such section."""
        padding = self._json["padding"]
        return None if padding is None else str(padding["pad_token"])

    @property
    def added_tokens(self) -> list[str]:
        """The contents of the added tokens."""
        return [entry["content"] for entry in self._json["added_tokens"]]

    @property
    def special_tokens(self) -> list[str]:
        """The contents of the added tokens that are special."""
        return [entry["content"] for entry in self._json["added_tokens"] if entry["special"]]

    def affixes(self) -> Affixes:
        """Give what the post-processor puts around a text."""
        return _affixes(self._json["post_processor"])

    def remove(self, tokens: Collection[str]) -> None:
        """Remove tokens, and the merges that need or make them."""
        gone = set(tokens)
        self.tokens = [token for token in self.tokens if token not in gone]
        self._json["added_tokens"] = [e for e in self._json["added_tokens"] if e["content"] not in gone]
        self._merges = {m: None for m in self._merges if not gone & {m[0], m[1], m[0] + m[1]}}

    def set_special(self, token: str) -> None:
        """Make a token a special one, appending it when it is not there."""
        if token not in self.tokens:
            self.tokens.append(token)
        if token not in self.added_tokens:
            self._add(token, special=True)

    def append(self, words: list[str]) -> None:
        """Append tokens that the model finds in a text by itself.

        Unigram gives them the lowest score; BPE gets the merges, and the tokens in between, that make them.
        """
        known = set(self.tokens)
        merging = _Merging(self._merges)
        for word in words:
            between = merging.learn(word) if self._model["type"] == "BPE" else []
            new = [token for token in dict.fromkeys([word, *between]) if token not in known]
            known.update(new)
            self.tokens.extend(new)

    def append_phrases(self, phrases: list[str], *, between_words: bool) -> None:
        """Append tokens of several words: found in the normalised text before it is split, longest first.

        Args:
            phrases: in their order.
            between_words: find them between word boundaries only; the tokenizer is `make_word_tokenizer`'s.
        """
        known = set(self.tokens)
        self.tokens.extend(phrase for phrase in phrases if phrase not in known)
        if between_words:
            self._json["pre_tokenizer"] = phrase_splitter(phrases) if phrases else self._json["pre_tokenizer"]
            return
        for phrase in phrases:
            self._add(phrase, special=False, normalized=True, lstrip=True, rstrip=True)

    def strip_to_model(self, *, prefix_space: PrefixSpace = "text") -> None:
        """Leave out what a static model does itself or not at all: affixes, cutting, padding.

        A byte-level tokenizer puts a space in front, so that a text's first word is found like any other.

        Args:
            prefix_space: see `Recipe`.
        """
        self._json.update(post_processor=None, truncation=None, padding=None)
        steps = list(_walk(self._json["pre_tokenizer"]))
        lacking = [step for step in steps if step["type"] == "ByteLevel" and not step["add_prefix_space"]]
        if not lacking:
            return
        if prefix_space == "text" and lacking[0] is not steps[0]:
            # The ByteLevel would do it to every piece of the steps before.
            self._json["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [_SPACE_IN_FRONT, *steps]}
        else:
            for step in lacking:
                step["add_prefix_space"] = True

    def to_tokenizer(self) -> Tokenizer:
        """Build the tokenizer, with ids from 0 to len(tokens) - 1."""
        return Tokenizer.from_str(self.to_str())

    def to_str(self) -> str:
        """Write the JSON of that tokenizer, in ASCII."""
        ids = {token: token_id for token_id, token in enumerate(self.tokens)}
        if self._is_unigram:
            lowest = min(self._scores.values(), default=-100.0)
            self._model["vocab"] = [[token, self._scores.get(token, lowest)] for token in self.tokens]
            self._model["unk_id"] = None if self.unk_token is None else ids[self.unk_token]
        else:
            self._model["vocab"] = ids
            self._model["unk_token"] = self.unk_token
        if self._model["type"] == "BPE":
            self._model["merges"] = list(self._merges)
        for entry in self._json["added_tokens"]:
            entry["id"] = ids[entry["content"]]
        self._json["added_tokens"].sort(key=lambda entry: entry["id"])
        return json.dumps(self._json)

    def _add(self, token: str, *, special: bool, **options: bool) -> None:
        flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, **options}
        self._json["added_tokens"].append({"id": -1, "content": token, **flags, "special": special})


class _Merging:
    """Byte-pair merges that learn new words.

    Args:
        merges: pairs in order of rank; grows as words are learnt.
    """

    def __init__(self, merges: dict[tuple[str, ...], None]) -> None:
        self._merges = merges
        self._ranks = {pair: rank for rank, pair in enumerate(merges)}

    def learn(self, word: str) -> list[str]:
        """Append the merges that make `word`; give the parts that they merge, sorted."""
        parts: set[str] = set()
        pieces = self._apply(list(word))
        while len(pieces) > 1:
            for pair in zip(pieces[::2], pieces[1::2], strict=False):
                self._ranks.setdefault(pair, len(self._ranks))
                self._merges[pair] = None
                parts.update(pair)
            pieces = self._apply(list(word))
        return sorted(parts)

    def _apply(self, pieces: list[str]) -> list[str]:
        while len(pieces) > 1:
            ranked = [(self._ranks[pair], pair) for pair in pairwise(pieces) if pair in self._ranks]
            if not ranked:
                break
            pieces = _merge(pieces, min(ranked)[1])
        return pieces


def _merge(pieces: list[str], pair: tuple[str, ...]) -> list[str]:
    merged: list[str] = []
    rest = iter(pairwise([*pieces, ""]))
    for left, right in rest:
        if (left, right) == pair:
            merged.append(left + right)
            next(rest)
        else:
            merged.append(left)
    return merged


def _walk(component: Json | None) -> Iterator[Json]:
    """Give a component and, of a Sequence, its members."""
    if component is None:
        return
    if component["type"] == "Sequence":
        for name in ("normalizers", "pretokenizers", "processors"):
            for member in component.get(name, []):
                yield from _walk(member)
    else:
        yield component


def _affixes(post_processor: Json | None) -> Affixes:
    for component in _walk(post_processor):
        if component["type"] in ("BertProcessing", "RobertaProcessing"):
            return Affixes((component["cls"][1],), (component["sep"][1],))
        if component["type"] == "TemplateProcessing":
            return _template_affixes(component)
    return Affixes()


def _template_affixes(template: Json) -> Affixes:
    before: list[int] = []
    after: list[int] = []
    current = before
    for part in template["single"]:
        if "Sequence" in part:
            current = after
        else:
            current.extend(template["special_tokens"][part["SpecialToken"]["id"]]["ids"])
    return Affixes(tuple(before), tuple(after))
