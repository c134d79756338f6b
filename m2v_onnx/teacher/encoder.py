"""A teacher as it is, the full transformer, to compare its static models with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from m2v_onnx.folder.json_values import read_value
from m2v_onnx.folder.names import CONFIG_NAME
from m2v_onnx.folder.sentence_transformers import Description
from m2v_onnx.model.vectors import Vectors
from m2v_onnx.system.text_files import read_json
from m2v_onnx.teacher.embedding import embed_sentences
from m2v_onnx.teacher.fingerprint import hash_teacher
from m2v_onnx.teacher.loading import load_teacher
from m2v_onnx.teacher.options import Execution
from m2v_onnx.teacher.sentence_vectors import count_prompt, read_head
from m2v_onnx.tokenizer.token_ids import TokenIds

_BLOCK_TEXTS = 1024


class TeacherEncoder:
    """A Sentence Transformer under onnxruntime, with all that its folder says: see `Description`.

    Args:
        name: a local folder, or a Hub id.

    Attributes:
        onnx_path: the file that runs.

    Raises:
        TeacherError: when it cannot be found or run, or does more with a text than is done here.
    """

    def __init__(self, name: str | Path) -> None:
        teacher = load_teacher(name)
        self._tokenizer = teacher.tokenizer
        self._tokenizer.no_padding()
        self._limit = read_limit(teacher.description)
        if self._limit is None:
            self._tokenizer.no_truncation()
        else:
            self._tokenizer.enable_truncation(self._limit)
        encode = teacher.description.encode
        self._prompt = "" if encode.default_prompt is None else encode.prompts[encode.default_prompt]
        n_prompt = count_prompt(teacher.description, self._tokenizer, self._prompt)
        self._head = read_head(teacher.description, n_prompt=n_prompt)
        self.onnx_path = teacher.onnx_path
        self._session = teacher.open_session(Execution())

    def encode(self, texts: Iterable[str], /) -> Vectors:
        """Give (B, D) float32, a row for each of B texts."""
        sequences = TokenIds.of(self._tokenize(list(texts)))
        return embed_sentences(self._session, sequences, head=self._head, execution=Execution())

    def fingerprint(self) -> str:
        """Give a hash of all that the vectors depend on."""
        digest = hash_teacher(self.onnx_path, self._head, width=self._session.width)
        digest.update(self._tokenizer.to_str().encode())  # with the limit of tokens in it
        digest.update(repr(self._prompt).encode())
        return digest.hexdigest()[:16]

    def _tokenize(self, texts: list[str]) -> Iterator[list[int]]:
        for start in range(0, len(texts), _BLOCK_TEXTS):
            block = [self._prompt + text for text in texts[start : start + _BLOCK_TEXTS]]
            for encoding in self._tokenizer.encode_batch(block):
                yield encoding.ids


def read_limit(description: Description) -> int | None:
    """Give how many tokens of a text count, special tokens included; None for all.

    As sentence-transformers: its own setting, else the smaller of the tokenizer's and the model's.
    """
    if description.transformer.max_seq_length is not None:
        return description.transformer.max_seq_length
    path = description.transformer_folder / CONFIG_NAME
    config = read_json(path, dict) if path.exists() else {}
    positions = read_value(config, "max_position_embeddings", int, path, default=None)
    said = [limit for limit in (positions, description.tokenizer.model_max_length) if limit is not None]
    return min((limit for limit in said if limit > 0), default=None)
