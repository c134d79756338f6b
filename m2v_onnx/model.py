"""The static model: a table of token vectors, a tokenizer, and the written specification of `encode`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer, processors

from m2v_onnx.config import ModelConfig
from m2v_onnx.errors import FolderError

if TYPE_CHECKING:
    from m2v_onnx.runtime import Encoder

Vectors = npt.NDArray[np.float32]
Table = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class StaticModel:
    """A static embedding model: text in, the mean of its tokens' vectors out.

    Thread-safe: nothing is changed by encoding.

    Attributes:
        table: (R, D) float32, float16, float64 or int8, one row per token id, or per cluster of tokens
            where there is a `mapping`. Read only; not copied.
        tokenizer: text to token ids. The model owns it: truncation and padding are switched off, and its
            post-processor is made one that puts tokens without meaning around a text.
        config: how to encode, and where the model came from.
        weights: (V,) float32, a factor per token id; None for ones.
        mapping: (V,) int32, the table's row of each token id; None for the identity.
        graph_path: the ONNX file that `encode` runs; None to pool with NumPy.

    Raises:
        FolderError: when table, tokenizer, weights and mapping do not fit together.
    """

    table: Table
    tokenizer: Tokenizer
    config: ModelConfig = field(default_factory=ModelConfig)
    weights: Vectors | None = None
    mapping: npt.NDArray[np.int32] | None = None
    graph_path: Path | None = None

    def __post_init__(self) -> None:
        self.tokenizer.no_truncation()
        self.tokenizer.no_padding()
        _check_fit(self)
        _put_masked_affixes(self)

    @property
    def dim(self) -> int:
        """D, the number of columns of the table and of every vector."""
        return int(self.table.shape[1])

    @property
    def n_tokens(self) -> int:
        """V, the number of token ids."""
        return int(self.tokenizer.get_vocab_size())

    @cached_property
    def unk_token_id(self) -> int | None:
        """The id of the unknown token; None where the tokenizer has none."""
        model = self.tokenizer.model
        if not hasattr(model, "unk_token"):  # Unigram keeps it in its JSON form only
            unk_id = json.loads(self.tokenizer.to_str())["model"].get("unk_id")
            return None if unk_id is None else int(unk_id)
        return None if model.unk_token is None else self.tokenizer.token_to_id(model.unk_token)

    @cached_property
    def masked_ids(self) -> frozenset[int]:
        """Token ids that carry no meaning, and so take no part in the mean: unk and the special tokens."""
        added_tokens = self.tokenizer.get_added_tokens_decoder()
        special = {token_id for token_id, token in added_tokens.items() if token.special}
        return frozenset(special if self.unk_token_id is None else special | {self.unk_token_id})

    @cached_property
    def pad_token_id(self) -> int | None:
        """The id of the special token that pads a batch; None where the tokenizer has none."""
        added_tokens = self.tokenizer.get_added_tokens_decoder()
        pads = [i for i, token in added_tokens.items() if token.special and "pad" in token.content.lower()]
        return min(pads, default=None)

    @cached_property
    def median_token_length(self) -> int:
        """Median of the tokens' lengths in characters, rounded down."""
        return int(np.median([len(token) for token in self.tokenizer.get_vocab()]))

    @classmethod
    def from_pretrained(
        cls, path_or_id: str | Path, *, revision: str | None = None, token: str | None = None
    ) -> StaticModel:
        """Load a static model from a folder or from the Hugging Face Hub.

        Reads what m2v-onnx, model2vec and sentence-transformers' StaticEmbedding write. The table is
        memory-mapped, not read.

        Args:
            path_or_id: a local folder, or a Hub id such as `minishlab/potion-base-8M`.
            revision: branch, tag or commit of the Hub repository.
            token: the Hub token for a private repository; by default the one of `hf auth login`.

        Raises:
            FolderError: when there is no such model, or it is damaged.
        """
        from m2v_onnx.folder import download_model, read_model

        return read_model(download_model(path_or_id, revision=revision, token=token))

    def save_pretrained(self, path: str | Path, *, force: bool = False) -> None:
        """Write the model's folder: config, table, tokenizer and ONNX graph, all or nothing.

        Needs the extra `export`. An older model at `path` is replaced in one step; files in the
        folder that are no part of a model are kept.

        Args:
            path: the folder to write.
            force: write into a folder that holds other things than a model, too.

        Raises:
            FolderError: when `path` is in use for something else, or the table is not finite.
            MissingExtraError: when onnx is not installed.
        """
        from m2v_onnx.export import write_model

        write_model(self, Path(path), force=force)

    def encode(
        self,
        texts: str | Iterable[str],
        *,
        batch_size: int = 1024,
        max_length: int | Literal["model"] | None = "model",
        show_progress_bar: bool = False,
    ) -> Vectors:
        """Embed texts: the mean of their tokens' vectors, batches by onnxruntime, a few texts in NumPy.

        Args:
            texts: one text, or any number of them.
            batch_size: texts tokenised together; changes memory and speed, not the result.
            max_length: tokens of each text that count; None for all, "model" for the model's own limit.
            show_progress_bar: show progress on stderr, when that is a terminal.

        Returns:
            (D,) float32 for one text, (B, D) float32 for B texts, also for B = 0. Unit vectors if
            the model normalises. A text without a known token gives zeros. The texts beside it change
            a vector by rounding alone, less than 1e-6.

        Raises:
            ArgumentError: for anything that is not valid text; the message holds its index.
            FolderError: when the model's graph is damaged.
        """
        return self._encoder.encode(
            texts, batch_size=batch_size, max_length=max_length, show_progress_bar=show_progress_bar
        )

    def encode_as_sequence(
        self, texts: str | Iterable[str], *, max_length: int | None = None
    ) -> Vectors | list[Vectors]:
        """Give the vector of every token that `encode` would average, without normalisation.

        Args:
            texts: one text, or any number of them.
            max_length: tokens of each text that count; None for all, whatever the model's own limit.

        Returns:
            (T, D) float32 for one text of T known tokens, a list of such arrays for several.

        Raises:
            ArgumentError: for anything that is not valid text.
        """
        if isinstance(texts, str):
            return self.token_vectors(self.tokenize([texts], max_length=max_length)[0])
        return [self.token_vectors(ids) for ids in self.tokenize(texts, max_length=max_length)]

    def tokenize(
        self, texts: Iterable[str], *, max_length: int | Literal["model"] | None = "model"
    ) -> list[list[int]]:
        """Give the token ids that `encode` averages: truncated, then without unknown and special tokens.

        Args:
            texts: any number of texts.
            max_length: as for `encode`.

        Raises:
            ArgumentError: for anything that is not valid text.
        """
        return self._encoder.tokenize(texts, max_length=max_length)

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
                vector = vector / (np.linalg.norm(vector) + np.float32(1e-32))
            vectors.append(vector)
        return np.concatenate(vectors)

    def token_ids_reference(self, text: str) -> list[int]:
        """Give the token ids of a text within the model's limit, unknown and special tokens included.

        The text is cut to `max_length` median tokens' characters, tokenised, and cut to `max_length` tokens.
        """
        max_length = self.config.max_length
        cut = None if max_length is None else max_length * self.median_token_length
        ids: list[int] = self.tokenizer.encode(text[:cut], add_special_tokens=False).ids
        return ids[:max_length]

    @cached_property
    def _encoder(self) -> Encoder:
        from m2v_onnx.runtime import Encoder

        return Encoder(self)


def _put_masked_affixes(model: StaticModel) -> None:
    """Let other engines, which add special tokens, never see a text without a token; none of them counts.

    Affixes that a tokenizer brings along may have the ids of another vocabulary, where they mean words.
    """
    affix_ids = model.tokenizer.encode("").ids
    if len(affix_ids) > 1 and model.masked_ids.issuperset(affix_ids):
        return
    token_id = model.pad_token_id if model.unk_token_id is None else model.unk_token_id
    if token_id is None:
        return
    token = model.tokenizer.id_to_token(token_id)
    model.tokenizer.post_processor = processors.TemplateProcessing(
        single=[token, "$A", token],
        pair=[token, "$A", token, "$B", token],
        special_tokens=[(token, token_id)],
    )


def _check_fit(model: StaticModel) -> None:
    if model.table.ndim != 2 or 0 in model.table.shape:
        raise FolderError(f"the table must have rows and columns, found shape {model.table.shape}")
    n_tokens = model.n_tokens
    for name, array in (("weights", model.weights), ("mapping", model.mapping)):
        if array is not None and array.shape != (n_tokens,):
            raise FolderError(
                f"{name} must hold one value per token: the tokenizer has {n_tokens} tokens, "
                f"{name} has shape {array.shape}. Take both from the same model"
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
