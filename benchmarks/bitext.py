"""Find the translation of each sentence, with a multilingual teacher: `python -m benchmarks.bitext SHARED`.

Distils SHARED/teachers/e5-small-en-pt (an English and Portuguese cut of multilingual-e5-small) here and by
model2vec, and looks, for every sentence, which English one is nearest (cosine). The figure is the share
that is its translation. Portuguese is the list below; SHARED/eval/bitext has none, so its neighbours stand
beside it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.measure import peer_python
from m2v_onnx.distill import distill

PEER = (
    "import json, sys, numpy; from model2vec.distill import distill\n"
    "model = distill(sys.argv[1], pca_dims=256); texts = json.load(open(sys.argv[2]))\n"
    "numpy.save(sys.argv[3], model.encode(texts))"
)


LANGUAGES = {"spa": "Spanish", "ita": "Italian", "fra": "French"}
PORTUGUESE = [
    ("O gato dorme no telhado.", "The cat sleeps on the roof."),
    ("Onde fica a estação de trem?", "Where is the train station?"),
    ("Ela comprou um livro novo.", "She bought a new book."),
    ("O banco aumentou as taxas de juros.", "The bank raised interest rates."),
    ("Amanhã vai chover muito.", "Tomorrow it will rain a lot."),
    ("Meu irmão mora em Lisboa.", "My brother lives in Lisbon."),
    ("Quanto custa este vinho?", "How much does this wine cost?"),
    ("As crianças brincam no parque.", "The children play in the park."),
    ("O médico recomendou descanso.", "The doctor recommended rest."),
    ("Preciso de um copo de água.", "I need a glass of water."),
    ("A guerra terminou há dez anos.", "The war ended ten years ago."),
    ("Os alunos estudam matemática.", "The students study mathematics."),
    ("Este computador é muito lento.", "This computer is very slow."),
    ("Ele escreve cartas para a mãe.", "He writes letters to his mother."),
    ("A música estava alta demais.", "The music was too loud."),
    ("O avião chega às oito horas.", "The plane arrives at eight o'clock."),
    ("Gosto de café sem açúcar.", "I like coffee without sugar."),
    ("A universidade fechou no verão.", "The university closed in summer."),
    ("O presidente visitou a fábrica.", "The president visited the factory."),
    ("Perdi as chaves do carro.", "I lost the car keys."),
]


def read_pairs(path: Path) -> dict[str, list[tuple[str, str]]]:
    """Give (other, English) sentences by language."""
    rows = [line.split("\t") for line in path.read_text("utf-8").split("\n")[1:-1]]
    pairs = {"Portuguese": PORTUGUESE}
    for code, name in LANGUAGES.items():
        pairs[name] = [(text, english) for language, text, english in rows if language == code]
    return pairs


def encode_by_peer(teacher: Path, texts: list[str]) -> np.ndarray:
    with tempfile.TemporaryDirectory() as scratch:
        Path(scratch, "texts.json").write_text(json.dumps(texts))
        command = [peer_python(), "-c", PEER, teacher, Path(scratch, "texts.json"), Path(scratch, "v.npy")]
        subprocess.run(command, check=True, capture_output=True)
        return np.load(Path(scratch, "v.npy")).astype(np.float32)


def accuracy(other: np.ndarray, english: np.ndarray) -> float:
    """Give the share of rows of `other` whose nearest row of `english` has the same number, in percent."""
    nearest = (other @ english.T).argmax(axis=1)
    return 100 * float((nearest == np.arange(len(other))).mean())


def main() -> None:
    shared = Path(sys.argv[1])
    teacher = shared / "teachers/e5-small-en-pt"
    pairs = read_pairs(shared / "eval/bitext/tatoeba_pub.tsv")
    texts = [text for own in pairs.values() for pair in own for text in pair]
    ours, peers = (
        distill(teacher, recipe="model2vec-0.10", pca_dims=256).encode(texts),
        encode_by_peer(teacher, texts),
    )
    print("| | sentences | m2v-onnx | model2vec |\n| --- | --- | --- | --- |")
    start = 0
    for name, own in pairs.items():
        end = start + 2 * len(own)
        figures = [accuracy(vectors[start:end:2], vectors[start + 1 : end : 2]) for vectors in (ours, peers)]
        print(f"| {name} | {len(own):,} | {figures[0]:.1f} % | {figures[1]:.1f} % |")
        start = end


if __name__ == "__main__":
    main()
