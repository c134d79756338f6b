"""What a static model is: a table of token vectors, a tokenizer, and the specification of `encode`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import InitVar, dataclass, field, fields
from typing import Any

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from m2v_onnx.errors import FolderError
from m2v_onnx.model.config import ModelConfig
from m2v_onnx.model.vectors import MOST_VALUE, Table, Vectors, row_norms
from m2v_onnx.system.lazy import lazy_property
from m2v_onnx.tokenizer.library import guarded
from m2v_onnx.tokenizer.special_tokens import find_masked_ids, find_pad_id, find_unk_id, is_bare, make_bare


@dataclass(frozen=True, eq=False, repr=False)
class StaticEmbedding:
    """The data of a static embedding model: every graph and every runtime is built from it.

    Attributes:
        table: (R, D) float32, float16, float64 or int8, one row per token id, or per cluster of tokens
            where there is a `mapping`. Read only; not copied.
        tokenizer: text to token ids, without truncation and padding, and with a post-processor that puts
            tokens without meaning around a text. A tokenizer with other settings is copied first.
        config: how to encode, and where the model came from.
        weights: (V,) float32, a factor per token id; None for ones.
        mapping: (V,) int32, the table's row of each token id; None for the identity.
        owns_tokenizer: change the settings of the given tokenizer itself. It saves the copy.

    Raises:
        FolderError: when table, tokenizer, weights and mapping do not fit together.
    """

    table: Table
    tokenizer: Tokenizer
    config: ModelConfig = field(default_factory=ModelConfig)
    weights: Vectors | None = None
    mapping: npt.NDArray[np.int32] | None = None
    owns_tokenizer: InitVar[bool] = field(default=False, kw_only=True)

    def __post_init__(self, owns_tokenizer: bool) -> None:  # what dataclasses pass
        _check_fit(self)
        affix_id = self.pad_token_id if self.unk_token_id is None else self.unk_token_id
        if _has_stale_tokens(self.tokenizer) and not owns_tokenizer:
            object.__setattr__(self, "tokenizer", Tokenizer.from_str(self.tokenizer.to_str()))
            owns_tokenizer = True
        if not is_bare(self.tokenizer, masked_ids=self.masked_ids, affix_id=affix_id):
            if not owns_tokenizer:
                object.__setattr__(self, "tokenizer", Tokenizer.from_str(self.tokenizer.to_str()))
            make_bare(self.tokenizer, masked_ids=self.masked_ids, affix_id=affix_id)

    def __repr__(self) -> str:
        """Say in a line what it is."""
        size = f"{self.n_tokens:,} tokens x {self.dim} dimensions, {self.table.dtype.name}"
        teacher = "" if self.config.teacher is None else f", of {self.config.teacher}"
        return f"{type(self).__name__}({size}, {type(self.tokenizer.model).__name__}{teacher})"

    def __getstate__(self) -> dict[str, Any]:
        """Give the data alone: what was derived from them is derived again."""
        return {entry.name: getattr(self, entry.name) for entry in fields(self)}

    @property
    def dim(self) -> int:
        """D, the number of columns of the table and of every vector."""
        return int(self.table.shape[1])

    @lazy_property
    def n_tokens(self) -> int:
        """V, the number of token ids."""
        ids = self.tokenizer.get_vocab().values()
        if max(ids, default=0) >= len(ids):
            raise FolderError(
                f"the tokenizer's {len(ids)} tokens must have ids up to {len(ids) - 1}, found {max(ids)}: "
                "its file is damaged"
            )
        return len(ids)

    @lazy_property
    def unk_token_id(self) -> int | None:
        """The id of the unknown token; None where the tokenizer has none."""
        return find_unk_id(self.tokenizer)

    @lazy_property
    def masked_ids(self) -> frozenset[int]:
        """Token ids that take no part in the mean: unk and the special tokens, where these do not count."""
        return frozenset() if self.config.unknown == "count" else find_masked_ids(self.tokenizer)

    @lazy_property
    def counting_ids(self) -> npt.NDArray[np.bool_]:
        """(V,) bool: whether a token takes part in the mean."""
        counting = np.ones(self.n_tokens, np.bool_)
        counting[sorted(self.masked_ids)] = False
        return counting

    @lazy_property
    def pad_token_id(self) -> int | None:
        """The id of the special token that pads a batch; None where the tokenizer has none."""
        return find_pad_id(self.tokenizer)

    @lazy_property
    def median_token_length(self) -> int:
        """Median of the tokens' lengths in characters, rounded down."""
        return int(np.median([len(token) for token in self.tokenizer.get_vocab()]))

    def token_vectors(self, token_ids: Sequence[int] | npt.NDArray[np.integer[Any]]) -> Vectors:
        """Look up (T, D) float32, the weighted table row of each of T token ids."""
        ids = np.asarray(token_ids, dtype=np.int64)
        rows = self.table[ids if self.mapping is None else self.mapping[ids]].astype(np.float32)
        return rows if self.weights is None else rows * self.weights[ids, None]

    def encode_reference(self, texts: Iterable[str]) -> Vectors:
        """Embed texts slowly, in NumPy: the specification that every graph and runtime must equal.

        Source: model2vec 0.10.0, `StaticModel.encode`, but float32 throughout and without the special
        tokens' rows.

        Returns:
            (B, D) float32.
        """
        vectors = [np.zeros((0, self.dim), dtype=np.float32)]
        for text in texts:
            ids = self.token_ids_reference(text)
            known = [token_id for token_id in ids if token_id not in self.masked_ids]
            vector = np.zeros((1, self.dim), dtype=np.float32)
            if known:
                vector = self.token_vectors(known).mean(axis=0, keepdims=True)
            if self.config.normalize:
                vector = (vector / row_norms(vector)[:, None]).astype(np.float32)
            vectors.append(vector)
        return np.concatenate(vectors)

    def token_ids_reference(self, text: str) -> list[int]:
        """Give the token ids of a text within the model's limit, unknown and special tokens included.

        The text is cut to its first `character_limit` characters, tokenised, and cut to `max_length` tokens.
        """
        max_length = self.config.max_length
        n_characters = self.character_limit(max_length)
        cut = text[:n_characters]
        ids: list[int] = guarded(self.tokenizer.encode, cut, add_special_tokens=False).ids
        return ids[:max_length]

    def character_limit(self, max_length: int | None) -> int | None:
        """Give the characters of a text that are tokenised: `max_length` median tokens'; None for all."""
        if max_length is None or not self.config.cut_characters:
            return None
        return max_length * self.median_token_length


def _has_stale_tokens(tokenizer: Tokenizer) -> bool:
    """Tell whether added tokens may be looked for as a normalizer wrote them that the tokenizer had before.

    After writing and reading they are looked for as its normalizer of today writes them.
    """
    return any(token.normalized for token in tokenizer.get_added_tokens_decoder().values())


def _check_fit(model: StaticEmbedding) -> None:
    if model.table.ndim != 2 or 0 in model.table.shape:
        raise FolderError(f"the table must have rows and columns, found shape {model.table.shape}")
    n_tokens = model.n_tokens
    for name, array in (("weights", model.weights), ("mapping", model.mapping)):
        if array is not None and array.shape != (n_tokens,):
            raise FolderError(
                f"{name} must hold one value per token: the tokenizer has {n_tokens} tokens, "
                f"{name} has shape {array.shape}. Take both from the same model"
            )
    if model.weights is not None and not (np.abs(model.weights) <= MOST_VALUE).all():
        raise FolderError(
            f"weights must be numbers up to {MOST_VALUE:g}, found NaN, infinity or a larger one: the file is "
            "damaged"
        )
    if model.mapping is None:
        if len(model.table) != n_tokens:
            raise FolderError(
                f"the table must hold one row per token: the tokenizer has {n_tokens} tokens, "
                f"the table {len(model.table)} rows. Take both from the same model"
            )
    elif model.mapping.min() < 0 or model.mapping.max() >= len(model.table):
        raise FolderError(
            f"mapping must name rows of the table (0 to {len(model.table) - 1}), found "
            f"{model.mapping.min()} to {model.mapping.max()}: the file is damaged"
        )
