"""sentence-transformers: `sentence_transformers_model.py FOLDER ANSWER FILE torch|onnx|modules`.

`torch` and `onnx` are backends, and the folder's modules.json says which modules there are; `modules` puts
them together here.
"""

import sys
from pathlib import Path

from answer import answer
from sentence_transformers import SentenceTransformer
from sentence_transformers.models import Normalize, Pooling, Transformer

folder, answer_path, file_name, way = sys.argv[1:]
if way == "modules":
    graph = Transformer(folder, backend="onnx", model_kwargs={"file_name": file_name})
    model = SentenceTransformer(modules=[graph, Pooling(graph.config.hidden_size, "cls"), Normalize()])
else:
    model = SentenceTransformer(folder, backend=way)
answer(Path(folder), Path(answer_path), package="sentence-transformers", embed=model.encode)
