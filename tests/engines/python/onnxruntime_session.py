"""onnxruntime with token ids: `onnxruntime_session.py FOLDER ANSWER FILE batch|semantic-kernel`.

`batch` gives the inputs that the graph requires and takes `sentence_embedding`. `semantic-kernel` does as
BertOnnxTextEmbeddingGenerationService: three inputs by name, a text at a time, and of output 0, which must be
(1, tokens, D), the mean over all tokens.
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime
from answer import answer

folder, answer_path, file_name, pattern = sys.argv[1:]
token_ids = json.loads(Path(folder, "goldens.json").read_text(encoding="utf-8"))["token_ids"]
pad_id = json.loads(Path(folder, "config.json").read_text())["pad_token_id"]
session = onnxruntime.InferenceSession(Path(folder, file_name), providers=["CPUExecutionProvider"])


def embed_batch(_texts: list[str]) -> np.ndarray:
    ids = np.full((len(token_ids), max(map(len, token_ids))), pad_id, np.int64)
    mask = np.zeros_like(ids)
    for row, text_ids in enumerate(token_ids):
        ids[row, : len(text_ids)], mask[row, : len(text_ids)] = text_ids, 1
    given = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
    required = {entry.name: given[entry.name] for entry in session.get_inputs()}
    return session.run(["sentence_embedding"], required)[0]


def embed_as_semantic_kernel(_texts: list[str]) -> list[np.ndarray]:
    vectors = []
    for text_ids in token_ids:
        ids = np.array([[pad_id, *text_ids, pad_id]])  # it puts special tokens around every text
        feeds = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        output = session.run([session.get_outputs()[0].name], feeds)[0]
        assert output.shape[:2] == ids.shape
        vectors.append(output[0].mean(axis=0))
    return vectors


embed = embed_batch if pattern == "batch" else embed_as_semantic_kernel
answer(Path(folder), Path(answer_path), package="onnxruntime", embed=embed)
