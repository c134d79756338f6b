"""fastembed: `fastembed_model.py FOLDER ANSWER FILE MEAN|CLS|DISABLED`."""

import json
import sys
from pathlib import Path

from answer import answer
from fastembed import TextEmbedding
from fastembed.common.model_description import ModelSource, PoolingType

folder, answer_path, file_name, pooling = sys.argv[1:]
TextEmbedding.add_custom_model(
    model="static-model",
    pooling=PoolingType[pooling],
    output_name="sentence_embedding" if pooling == "DISABLED" else None,
    normalization=False,
    sources=ModelSource(hf="static-model"),
    dim=json.loads(Path(folder, "config.json").read_text())["hidden_size"],
    model_file=file_name,
)
model = TextEmbedding("static-model", specific_model_path=folder)
answer(Path(folder), Path(answer_path), package="fastembed", embed=lambda texts: list(model.embed(texts)))
