"""What a user holds: a static model that loads, encodes, saves, and goes to the Hub."""

from __future__ import annotations

import copyreg
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, NoReturn, TypedDict

import numpy as np
import numpy.typing as npt

from m2v_onnx.errors import ArgumentError, check_positive, require_module
from m2v_onnx.export.kinds import DEFAULT_GRAPHS, GraphName, TablePlace
from m2v_onnx.folder.places import is_local, local_folder
from m2v_onnx.folder.reading import find_graph, read_embedding
from m2v_onnx.model.keywords import refuse_unknown
from m2v_onnx.model.peer_names import PeerNames
from m2v_onnx.model.quantization import DEFAULT_PRECISIONS, Precision
from m2v_onnx.model.smaller import cut_dimensions
from m2v_onnx.model.static_embedding import StaticEmbedding
from m2v_onnx.model.vectors import Vectors
from m2v_onnx.runtime.encoder import Encoder
from m2v_onnx.runtime.plan import Batching
from m2v_onnx.system.file_watch import FileWatch, watch_mapped
from m2v_onnx.system.lazy import lazy_property
from m2v_onnx.tokenizer.texts import check_texts

if TYPE_CHECKING:
    from typing_extensions import Unpack


class LoadOptions(TypedDict, total=False):
    """Where a model lies, and what it is to do otherwise than its folder says.

    Attributes:
        subfolder: where in the folder or repository the model lies.
        cache_folder: where repositories of the Hub are kept; None for the Hub's own cache.
        local_files_only: take what that cache holds, and do not ask the Hub.
        dims: keep so many of the first columns; None for all.
        normalize: whether `encode` gives unit vectors; None for what the folder says.
        max_length: tokens of a text that count, None for all; left out, what the folder says.
    """

    subfolder: str | None
    cache_folder: str | Path | None
    local_files_only: bool
    dims: int | None
    normalize: bool | None
    max_length: int | None


# Of these options, what a model loaded again must be given again.
_ALTERED: Final = ("dims", "normalize", "max_length")


@dataclass(frozen=True, eq=False, repr=False)
class StaticModel(PeerNames):
    """A static embedding model: text in, the mean of its tokens' vectors out.

    Thread-safe; may be pickled, copied, and taken into other processes at any time. A pickle of a model that
    is mapped from a folder holds the folder's path, and all others hold their data. Its data are those of
    `StaticEmbedding`; `dataclasses.replace` gives a model of other data, which no graph belongs to.

    Attributes:
        graph_path: the ONNX file that `encode` runs for a precision, or where there is no C code; None for
            none.
        precision: the number type of that graph's table, when it was asked for; None lets `encode` take
            whatever is fastest and exact. For int8 the C code has the graph's numbers, and takes its place.
    """

    graph_path: Path | None = field(default=None, init=False)
    precision: Precision | None = field(default=None, init=False)
    _watch: FileWatch | None = field(default=None, init=False)
    _again: partial[StaticModel] | None = field(default=None, init=False)

    @classmethod
    def from_pretrained(
        cls,
        path_or_id: str | Path,
        *,
        precision: Precision | None = None,
        revision: str | None = None,
        token: str | None = None,
        memory_map: bool = True,
        **options: Unpack[LoadOptions],
    ) -> StaticModel:
        """Load a static model from a folder, a file of word vectors, or the Hugging Face Hub.

        Reads what m2v-onnx, model2vec and sentence-transformers' StaticEmbedding write; a folder's table is
        memory-mapped, not read. For files see `m2v_onnx.folder.word_vectors.read_word_vectors`.

        Args:
            path_or_id: a local folder, a file of word vectors, or a Hub id such as
                `minishlab/potion-base-8M`.
            precision: encode as the graph of this precision does, which the folder must hold; None takes
                whatever is fastest and exact, int8 is faster still.
            revision: branch, tag or commit of the Hub repository.
            token: the Hub token for a private repository; by default the one of `hf auth login`.
            memory_map: leave the table in its file, from which it is read when it is needed. That file may
                be exchanged, as `save_pretrained` does, and must not be written to. False reads the table
                into memory, and checks its numbers.
            **options: `subfolder`, `cache_folder`, `local_files_only`; `dims`, `normalize` and `max_length`
                make the model do otherwise than its folder says. See `LoadOptions`.

        Raises:
            ArgumentError: for an unknown argument or precision, or one that is out of its range.
            FolderError: when there is no such model or graph, or it is damaged.
        """
        names = LoadOptions.__annotations__
        unknown = {name: value for name, value in options.items() if name not in names}
        refuse_unknown(unknown, ("precision", "revision", "token", "memory_map", *names))
        path = local_folder(
            path_or_id,
            precision=precision,
            revision=revision,
            token=token,
            subfolder=options.get("subfolder"),
            cache_folder=options.get("cache_folder"),
            local_files_only=options.get("local_files_only", False),
        )
        embedding = read_embedding(path, memory_map=memory_map)
        graph_path = find_graph(path, precision)
        if options.get("dims") is not None or options.get("normalize") is not None:
            if precision is not None:
                raise ArgumentError(
                    "expected either precision or dims and normalize, found both, and a graph has its own: "
                    "write a smaller model (m2v-onnx export --dims), and load that with precision"
                )
            graph_path = None
        model = cls.of(_alter(embedding, options), graph_path=graph_path, precision=precision)
        object.__setattr__(model, "_watch", watch_mapped(embedding.table))
        if is_local(path_or_id):
            altered: dict[str, Any] = {name: options[name] for name in _ALTERED if name in options}
            again = partial(cls.from_pretrained, path.resolve(), precision=precision, **altered)
            object.__setattr__(model, "_again", again)
        return model

    @classmethod
    def of(
        cls,
        embedding: StaticEmbedding,
        *,
        graph_path: Path | None = None,
        precision: Precision | None = None,
    ) -> StaticModel:
        """Make a model of its data.

        Args:
            embedding: the data; not copied.
            graph_path: an ids graph of these data.
            precision: see `from_pretrained`.
        """
        model = cls.__new__(cls)
        names = {entry.name for entry in fields(StaticEmbedding)} | vars(StaticEmbedding).keys()
        # With what was derived of it: it was checked when it was made, and that takes as long as reading it.
        vars(model).update({name: value for name, value in vars(embedding).items() if name in names})
        object.__setattr__(model, "_watch", None)
        object.__setattr__(model, "_again", None)
        object.__setattr__(model, "graph_path", graph_path)
        object.__setattr__(model, "precision", precision)
        return model

    def __reduce__(self) -> tuple[Any, ...]:
        """Give the folder, where the table is mapped from it and still there; else the data."""
        if self._again is None or self._watch is None or not self._watch.is_in_place():
            return copyreg.__newobj__, (type(self),), self.__getstate__()  # type: ignore[attr-defined]
        return self._again, ()

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
        folder that are no part of a model are kept, and so are other graphs of the same table. Else the
        bytes depend on model and arguments alone.

        Args:
            path: the folder to write.
            graphs: kinds of graph; `m2v_onnx.export.kinds.GRAPH_KINDS` says what each is for. `ids` is the
                one that every engine takes, and `text` has the tokenizer inside.
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
        require_module("onnx", package="onnx", extra="export")
        from m2v_onnx.export.write import add_graphs, check_graphs  # onnx is an extra; the others are slow
        from m2v_onnx.folder.names import model_name
        from m2v_onnx.folder.replacement import replace_folder
        from m2v_onnx.folder.writing import write_embedding

        check_graphs(graphs, precisions, table)
        path = Path(path).expanduser()
        n_bytes = self.table.nbytes * (1 + len(graphs))
        with replace_folder(path, force=force, least_bytes=n_bytes) as draft:
            write_embedding(self, draft)
            name = model_name(path)
            add_graphs(draft, name=name, graphs=graphs, precisions=precisions, table=table, old=path)

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

        The arguments are the attributes of `m2v_onnx.system.hub.Upload`.

        Returns:
            The address of the commit.

        Raises:
            ArgumentError: when no repository can have this name.
            FolderError: when the table is not finite.
            M2vOnnxError: when the Hub refuses the upload or cannot be reached, or when the repository
                should be private and is public already.
            MissingExtraError: when onnx is not installed.
        """
        from m2v_onnx.folder.on_the_hub import upload_saved  # slow, both
        from m2v_onnx.system.hub import Upload

        upload = Upload(repo_id, private, revision, token, show_progress_bar)
        return upload_saved(self.save_pretrained, upload)

    def encode(
        self,
        texts: str | Iterable[str],
        *,
        batch_size: int = 1024,
        max_length: int | Literal["model"] | None = "model",
        n_threads: int | None = None,
        show_progress_bar: bool = False,
        **unknown: NoReturn,
    ) -> Vectors:
        """Embed texts: the mean of their tokens' vectors.

        WordPiece and the mean are compiled C; where the package was installed without a C compiler, the
        tokenizers library and onnxruntime, and NumPy for a few texts, give the same vectors. The extra `fast`
        brings faster BPE and Unigram tokenizers. The first call of more than 5,000 characters loads the fast
        tokenizer: a tenth of a second for WordPiece, up to a second for others. It stays loaded.

        Args:
            texts: one text, or any number of them.
            batch_size: texts that a thread works on at once; changes memory and speed, not the result.
            max_length: tokens of each text that count; None for all, "model" for the model's own limit.
            n_threads: batches at work side by side; None for every core that this process may use.
            show_progress_bar: show progress on stderr, when that is a terminal.
            **unknown: refused, with what to use instead.

        Returns:
            (D,) float32 for one text, (B, D) float32 for B texts, also for B = 0. Unit vectors if
            the model normalises. A text without a known token gives zeros. The texts beside it change
            a vector by rounding alone, less than 1e-6.

        Raises:
            ArgumentError: for anything that is not valid text; the message holds its index.
            FolderError: when the model's graph is damaged, its table is not finite, or its file was written
                to.
        """
        refuse_unknown(unknown, ("batch_size", "max_length", "n_threads", "show_progress_bar"))
        check_texts(texts)
        batching = Batching(batch_size, max_length, n_threads)
        return self._encoder.encode(texts, batching, show_progress_bar=show_progress_bar)

    def encode_query(self, texts: str | Iterable[str], **options: Any) -> Vectors:  # noqa: ANN401
        """Embed queries as `encode` embeds any text, with its options; sentence-transformers' name."""
        return self.encode(texts, **options)

    def encode_document(self, texts: str | Iterable[str], **options: Any) -> Vectors:  # noqa: ANN401
        """Embed documents as `encode` embeds any text, with its options; sentence-transformers' name."""
        return self.encode(texts, **options)

    def similarity(self, vectors: npt.ArrayLike, others: npt.ArrayLike) -> Vectors:
        """Give the cosine of each vector with each other one.

        Args:
            vectors: (A, D), or (D,) for one.
            others: (B, D), or (D,) for one.

        Returns:
            (A, B) float32; 0 where a vector is zeros.

        Raises:
            ArgumentError: when they are no vectors, or of different widths.
        """
        rows, columns = (np.atleast_2d(np.asarray(some, np.float64)) for some in (vectors, others))
        if rows.ndim != 2 or rows.shape[1:] != columns.shape[1:]:
            raise ArgumentError(
                f"expected vectors of one width, found the shapes {rows.shape} and {columns.shape}: encode "
                "both with one model"
            )
        cosines: Vectors = (_directions(rows) @ _directions(columns).T).astype(np.float32)
        return cosines

    def get_sentence_embedding_dimension(self) -> int:
        """Give D, the number of columns of every vector; sentence-transformers' name."""
        return self.dim

    def encode_stream(
        self,
        texts: Iterable[str],
        *,
        batch_size: int = 1024,
        max_length: int | Literal["model"] | None = "model",
        n_threads: int | None = None,
    ) -> Iterator[Vectors]:
        """Embed any number of texts with bounded memory: reading, tokenising and averaging overlap.

        Args:
            texts: where texts come from; read a few batches ahead of what was yielded.
            batch_size: as for `encode`.
            max_length: as for `encode`.
            n_threads: as for `encode`.

        Yields:
            (b, D) float32, the vectors of the next b <= batch_size texts.

        Raises:
            ArgumentError: for anything that is not valid text; the message holds its index.
            FolderError: as for `encode`.
        """
        check_texts(texts)
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
        check_texts(texts)
        self.check_file()
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
        check_texts(texts)
        if max_length != "model":
            check_positive(max_length=max_length)
        return self._encoder.tokenize(texts, max_length=max_length)

    def count_tokens(
        self, texts: Iterable[str], *, max_length: int | Literal["model"] | None = "model"
    ) -> npt.NDArray[np.int64]:
        """Count the tokens that `encode` averages: the lengths of what `tokenize` gives, faster.

        Args:
            texts: any number of texts.
            max_length: as for `encode`.

        Returns:
            (B,) int64.

        Raises:
            ArgumentError: for anything that is not valid text.
        """
        check_texts(texts)
        if isinstance(texts, str):
            raise ArgumentError("texts must be a list of strings, found one string: put it into a list")
        return self._encoder.count_tokens(texts, max_length=max_length)

    def check_file(self) -> None:
        """Refuse to go on where the file that the table is mapped from was written to.

        Raises:
            FolderError: saying so.
        """
        if self._watch is not None:
            self._watch.check()

    @lazy_property
    def _encoder(self) -> Encoder:
        return Encoder(self, graph_path=self.graph_path, precision=self.precision, watch=self._watch)


def _directions(vectors: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Give unit vectors, however large or small: squares of the least numbers would be zeros."""
    largest = np.abs(vectors).max(axis=1, initial=0, keepdims=True)
    scaled = np.divide(vectors, largest, out=np.zeros_like(vectors), where=largest > 0)
    unit: npt.NDArray[np.float64] = scaled / np.maximum(np.linalg.norm(scaled, axis=1, keepdims=True), 1)
    return unit


def _alter(embedding: StaticEmbedding, options: LoadOptions) -> StaticEmbedding:
    """Give a model's data with what a caller wants otherwise."""
    dims, normalize = options.get("dims"), options.get("normalize")
    if dims is not None:
        embedding = cut_dimensions(embedding, dims)
    config = embedding.config
    if normalize is not None:
        if not isinstance(normalize, bool):
            raise ArgumentError(f"normalize must be True, False or None, found {normalize!r:.60}")
        config = replace(config, normalize=normalize)
    if "max_length" in options:
        check_positive(max_length=options["max_length"])
        config = replace(config, max_length=options["max_length"])
    return embedding if config is embedding.config else replace(embedding, config=config)
