"""sentence-transformers: `sentence_transformers_model.py FOLDER ANSWER torch|onnx [FILE]`.

Without FILE the modules are those of the folder's modules.json; with it they are put together here.
"""

import sys
from pathlib import Path

from answer import answer
from sentence_transformers import SentenceTransformer
from sentence_transformers.models import Normalize, Pooling, Transformer

folder, answer_path, backend, *file_names = sys.argv[1:]
if file_names:
    graph = Transformer(folder, backend=backend, model_kwargs={"file_name": file_names[0]})
    model = SentenceTransformer(modules=[graph, Pooling(graph.config.hidden_size, "cls"), Normalize()])
else:
    model = SentenceTransformer(folder, backend=backend)
answer(Path(folder), Path(answer_path), package="sentence-transformers", embed=model.encode)
