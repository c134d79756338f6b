"""model2vec: `model2vec_model.py FOLDER ANSWER model.safetensors`."""

import sys
from pathlib import Path

from answer import answer
from model2vec import StaticModel

folder, answer_path = map(Path, sys.argv[1:3])
answer(folder, answer_path, package="model2vec", embed=StaticModel.from_pretrained(folder).encode)
