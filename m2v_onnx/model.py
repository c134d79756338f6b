"""The static model: a table of token vectors, a tokenizer, and the written specification of `encode`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer, processors

from m2v_onnx.config import (
    DEFAULT_GRAPHS,
    DEFAULT_PRECISIONS,
    GraphName,
    ModelConfig,
    Precision,
    TablePlace,
)
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
        graph_path: the ONNX file that `encode` runs for a precision, or where there is no C code; None for
            none.
        precision: the number type of that graph's table, when it was asked for; None lets `encode` take
            whatever is fastest and exact. For int8 the C code has the graph's numbers, and takes its place.

    Raises:
        FolderError: when table, tokenizer, weights and mapping do not fit together.
    """

    table: Table
    tokenizer: Tokenizer
    config: ModelConfig = field(default_factory=ModelConfig)
    weights: Vectors | None = None
    mapping: npt.NDArray[np.int32] | None = None
    graph_path: Path | None = None
    precision: Precision | None = None

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
    def counting_ids(self) -> npt.NDArray[np.bool_]:
        """(V,) bool: whether a token takes part in the mean."""
        counting = np.ones(self.n_tokens, np.bool_)
        counting[sorted(self.masked_ids)] = False
        return counting

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
        cls,
        path_or_id: str | Path,
        *,
        precision: Precision | None = None,
        revision: str | None = None,
        token: str | None = None,
    ) -> StaticModel:
        """Load a static model from a folder, a file of word vectors, or the Hugging Face Hub.

        Reads what m2v-onnx, model2vec and sentence-transformers' StaticEmbedding write; a folder's table is
        memory-mapped, not read. For files see `m2v_onnx.word_vectors.read_word_vectors`.

        Args:
            path_or_id: a local folder, a file of word vectors in text form, or a Hub id such as
                `minishlab/potion-base-8M`.
            precision: encode as the graph of this precision does, which the folder must hold; None takes
                whatever is fastest and exact, int8 is faster still.
            revision: branch, tag or commit of the Hub repository.
            token: the Hub token for a private repository; by default the one of `hf auth login`.

        Raises:
            FolderError: when there is no such model or graph, or it is damaged.
        """
        from m2v_onnx.folder import download_model, read_model

        folder = download_model(path_or_id, precision=precision, revision=revision, token=token)
        return read_model(folder, precision=precision)

    def save_pretrained(
        self,
        path: str | Path,
        *,
        graphs: Sequence[GraphName] = DEFAULT_GRAPHS,
        precisions: Sequence[Precision] = DEFAULT_PRECISIONS,
        table: TablePlace = "embedded",
        force: bool = False,
    ) -> None:
        """Write the model's folder: config, table, tokenizer and ONNX graphs, all or nothing.

        Needs the extra `export`. An older model at `path` is replaced in one step; files in the
        folder that are no part of a model are kept. The bytes depend on model and arguments alone.

        Args:
            path: the folder to write.
            graphs: `ids`, the one that every engine takes; `ids3`, for engines that always give three
                inputs; `tokens`, the vector of every token; `text`, `codepoints` and `tokenizer`, with the
                tokenizer inside (see docs/text-graph.md).
            precisions: number types that each graph is written in; outputs are float32 always.
            table: `embedded` gives graphs that stand alone, in `onnx/`. With `shared`, those whose table is
                the one in `model.safetensors` lie beside that file and point into it.
            force: write into a folder that holds other things than a model, too.

        Raises:
            ArgumentError: for an unknown graph or precision, a table that does not fit into it, or a
                tokenizer that a graph cannot hold exactly.
            FolderError: when `path` is in use for something else, or the table is not finite.
            MissingExtraError: when onnx is not installed.
        """
        from m2v_onnx.export import write_model

        write_model(lambda: self, Path(path), graphs=graphs, precisions=precisions, table=table, force=force)

    def push_to_hub(
        self,
        repo_id: str,
        *,
        private: bool | None = None,
        revision: str | None = None,
        token: str | None = None,
        show_progress_bar: bool = False,
    ) -> str:
        """Upload the folder that `save_pretrained` writes to the Hugging Face Hub, in one commit.

        Needs the extra `export`. A folder on disk is uploaded by `m2v-onnx push`, with all its graphs.

        Args:
            repo_id: `owner/name`, or `name` for a repository of your own; made where there is none.
            private: whether a repository that is made is private; None for its owner's default.
            revision: the branch to commit to, made where there is none; None for `main`.
            token: a Hub token that may write; by default the one of `hf auth login`.
            show_progress_bar: show progress on stderr, when that is a terminal.

        Returns:
            The address of the commit.

        Raises:
            ArgumentError: when no repository can have this name.
            FolderError: when the table is not finite.
            M2vOnnxError: when the Hub refuses the upload or cannot be reached, or when the repository
                should be private and is public already.
            MissingExtraError: when onnx is not installed.
        """
        from m2v_onnx.folder import upload_model
        from m2v_onnx.hub import check_repo_id

        check_repo_id(repo_id)
        with TemporaryDirectory() as parent:
            folder = Path(parent) / repo_id.rpartition("/")[-1]
            self.save_pretrained(folder)
            return upload_model(
                folder,
                repo_id,
                private=private,
                revision=revision,
                token=token,
                show_progress_bar=show_progress_bar,
            )

    def encode(
        self,
        texts: str | Iterable[str],
        *,
        batch_size: int = 1024,
        max_length: int | Literal["model"] | None = "model",
        n_threads: int | None = None,
        show_progress_bar: bool = False,
    ) -> Vectors:
        """Embed texts: the mean of their tokens' vectors.

        WordPiece and the mean are compiled C; where the package was installed without a C compiler, the
        tokenizers library and onnxruntime, and NumPy for a few texts, give the same vectors. The extra `fast`
        brings faster BPE and Unigram tokenizers.

        Args:
            texts: one text, or any number of them.
            batch_size: texts that a thread works on at once; changes memory and speed, not the result.
            max_length: tokens of each text that count; None for all, "model" for the model's own limit.
            n_threads: batches at work side by side; None for every core that this process may use.
            show_progress_bar: show progress on stderr, when that is a terminal.

        Returns:
            (D,) float32 for one text, (B, D) float32 for B texts, also for B = 0. Unit vectors if
            the model normalises. A text without a known token gives zeros. The texts beside it change
            a vector by rounding alone, less than 1e-6.

        Raises:
            ArgumentError: for anything that is not valid text; the message holds its index.
            FolderError: when the model's graph is damaged.
        """
        from m2v_onnx.runtime import Batching

        batching = Batching(batch_size, max_length, n_threads)
        return self._encoder.encode(texts, batching, show_progress_bar=show_progress_bar)

    def encode_stream(
        self,
        texts: Iterable[str],
        *,
        batch_size: int = 1024,
        max_length: int | Literal["model"] | None = "model",
        n_threads: int | None = None,
    ) -> Iterator[Vectors]:
        """Embed any number of texts with bounded memory: reading, tokenising and pooling overlap.

        Args:
            texts: where texts come from; read a few batches ahead of what was yielded.
            batch_size: as for `encode`.
            max_length: as for `encode`.
            n_threads: as for `encode`.

        Yields:
            (b, D) float32, the vectors of the next b <= batch_size texts.

        Raises:
            ArgumentError: for anything that is not valid text; the message holds its index.
            FolderError: when the model's graph is damaged.
        """
        from m2v_onnx.runtime import Batching

        return self._encoder.stream(texts, Batching(batch_size, max_length, n_threads))

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
