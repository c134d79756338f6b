"""Embed a few sentences with a static model and print how similar they are: `similarity.py FOLDER`."""

import sys

from rich.console import Console
from rich.table import Table

from m2v_onnx import StaticModel

SENTENCES = [
    "It's dangerous to go alone!",
    "Travelling by yourself is risky.",
    "The bank raised its interest rates.",
    "Borrowing money has become more expensive.",
    "A cat sleeps on the warm roof.",
]

model = StaticModel.from_pretrained(sys.argv[1])
vectors = model.encode(SENTENCES)
similarities = vectors @ vectors.T

table = Table("cosine", *map(str, range(1, len(SENTENCES) + 1)))
for number, (sentence, row) in enumerate(zip(SENTENCES, similarities, strict=True), 1):
    table.add_row(f"{number} {sentence}", *(f"{similarity:.2f}" for similarity in row))
Console(width=100).print(table)
