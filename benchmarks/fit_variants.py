"""Other ways to fit a table, on sets to tune on: `python -m benchmarks.fit_variants SHARED TEACHER [SECOND]`.

Rows are kinds of sequences, features, weights that are fitted, and, with a second teacher of the same words,
two teachers side by side. What the teachers say is kept in M2V_ONNX_CACHE.

- dev: the mean of five sets to tune on.
- classes: logistic regression on parts of training files, three folds.
- clusters: V-measure of k-means on three of these.
- en, ru, ja, words: Spearman's correlation of the cosines of static model and teacher, over all pairs of 400
  texts. The Japanese ones are sentences of a novel.
"""

from __future__ import annotations

import gzip
import itertools
import json
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy import sparse
from scipy.stats import spearmanr
from sklearn.cluster import KMeans
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import v_measure_score
from sklearn.model_selection import cross_val_score

from m2v_onnx import StaticModel
from m2v_onnx.distill.fitted import open_passes, pair_tokenizers
from m2v_onnx.distill.teacher_settings import settle_recipe
from m2v_onnx.distill.vocabulary import build_vocabulary
from m2v_onnx.distill.weighting import vocabulary_weights
from m2v_onnx.evaluation import evaluate
from m2v_onnx.fit.features import TokenFeatures
from m2v_onnx.fit.sequences import Lengths, draw_bags, draw_mixed_bags, draw_tokens, join_pieces
from m2v_onnx.fit.shares import Shares
from m2v_onnx.fit.stored_rows import StoredRows
from m2v_onnx.fit.table import fit_table
from m2v_onnx.fit.targets import Targets, column_scales, reduce_targets
from m2v_onnx.fit.words import packaged_words
from m2v_onnx.model.config import ModelConfig
from m2v_onnx.model.recipe import DEFAULT_RECIPE, RECIPES
from m2v_onnx.model.vectors import Vectors, to_unit
from m2v_onnx.teacher.loading import load_teacher
from m2v_onnx.teacher.options import Execution
from m2v_onnx.tokenizer.special_tokens import find_masked_ids
from m2v_onnx.tokenizer.token_ids import TokenIds

TUNED_ON = (
    *("sts/stsb_dev", "rerank/trecqa_dev", "pair/mrpc_val"),
    *("classification/emotion_val", "classification/sst2_dev"),
)
CLUSTERED = ("banking77_train", "ag_news_split_train", "20newsgroups_train1000")
CLASSIFIED = ("trec50_train", "tweetsent_train", *CLUSTERED)
N, N_COLUMNS, RIDGE = 12_000, 256, 0.5
N_TEXTS, N_PAIRED = 2_500, 400
WORDS, LENGTHS = packaged_words(), Lengths(3, 12)


@dataclass(frozen=True)
class Asked:
    """Texts as tokens of the static model, and what a teacher says of them."""

    token_ids: TokenIds
    vectors: Vectors


class Distiller:
    """A teacher, asked for sentence vectors of texts and states of tokens."""

    def __init__(self, teacher: str) -> None:
        self.teacher = load_teacher(teacher, show_progress_bar=False)
        self.recipe = settle_recipe(RECIPES[DEFAULT_RECIPE], self.teacher, chosen=())
        self.vocabulary = build_vocabulary(self.teacher, self.recipe, None)
        masked = find_masked_ids(self.vocabulary.tokenizer)
        self.tokenizers = pair_tokenizers(
            self.vocabulary.tokenizer, self.teacher, self.recipe, masked_ids=masked
        )
        self.passes = open_passes(
            self.teacher, self.recipe, Execution(precision="int8"), use_cache=True, show=False
        )
        self.passes.settle_precision(self.vocabulary.teacher_ids.block(0, 64))
        self.weights = vocabulary_weights(self.vocabulary, self.recipe)
        n_tokens = self.vocabulary.tokenizer.get_vocab_size()
        self.counting = np.setdiff1d(np.arange(n_tokens), sorted(masked))

    def states(self, teacher_ids: TokenIds) -> np.ndarray:
        """Give (V, 2 d), the states of tokens that the teacher is fed as they are."""
        affixes = self.vocabulary.affixes
        before, behind = len(affixes.prefix), len(affixes.suffix)
        return self.passes.token_states(teacher_ids, n_before=before, n_behind=behind)

    def texts(self, texts: list[str]) -> Asked:
        """Ask for texts."""
        encoded = self.encode(texts)
        return self.ask([ids for ids, _ in encoded], [fed for _, fed in encoded])

    def encode(self, texts: list[str]) -> list[tuple[list[int], list[int]]]:
        """Give the static model's tokens of each text, and what the teacher is fed."""
        blocks = (texts[start : start + 1000] for start in range(0, len(texts), 1000))
        return [(ids, fed) for block in blocks for ids, fed, _ in self.tokenizers.encode(block)]

    def tokens(self, n: int, lengths: Lengths) -> Asked:
        """Ask for random sequences of tokens."""
        drawn = draw_tokens(self.counting, n, lengths, np.random.default_rng(1))
        return self.ask(drawn.to_lists(), self.wrap(join_pieces(drawn, self.vocabulary.pieces()).to_lists()))

    def wrap(self, rows: list[list[int]]) -> list[list[int]]:
        """Put the teacher's special tokens around rows."""
        affixes = self.vocabulary.affixes
        return [[*affixes.prefix, *row, *affixes.suffix] for row in rows]

    def ask(self, rows: list[list[int]], fed: list[list[int]]) -> Asked:
        """Ask for rows of the static model's tokens, as which the teacher is fed others."""
        kept = [index for index, row in enumerate(rows) if row]
        vectors = self.passes.sentence_vectors(TokenIds.of(fed[index] for index in kept))
        return Asked(TokenIds.of(rows[index] for index in kept), vectors.rows(0, len(kept)))


def fit(parts: list[Asked], features: TokenFeatures, *, ridge: float | None = RIDGE) -> Vectors:
    shares, targets = prepare(parts, features)
    table = fit_table(shares, targets, features, ridge=ridge)
    return table * column_scales(targets.variances, 0.25)


def prepare(parts: list[Asked], features: TokenFeatures) -> tuple[Shares, Targets]:
    vectors = np.concatenate([part.vectors for part in parts])
    targets = reduce_targets(StoredRows.of(vectors), N_COLUMNS)
    return Shares(tuple(part.token_ids for part in parts), len(features.weights)), targets


def learn_weights(parts: list[Asked], features: TokenFeatures, strength: float) -> TokenFeatures:
    """Fit a factor for each row of the mapped table, held to 1, by conjugate gradient."""
    shares, targets = prepare(parts, features)
    table = fit_table(shares, targets, features, ridge=None)
    matrix = sparse.vstack([block for _, block in shares.blocks()]).tocsr()
    wanted, given = targets.rows(slice(0, len(shares))), matrix @ table
    wanted *= (np.linalg.norm(given, axis=1) / np.maximum(np.linalg.norm(wanted, axis=1), 1e-9))[:, None]
    table *= (wanted * given).sum() / (given * given).sum()
    held = strength * float((table * table).sum(axis=1).mean())
    residual = (table * (matrix.T @ (wanted - matrix @ table))).sum(axis=1)
    moved, direction, size = np.zeros_like(residual), residual.copy(), residual @ residual
    for _ in range(12):
        image = (table * (matrix.T @ (matrix @ (direction[:, None] * table)))).sum(axis=1) + held * direction
        step = size / (direction @ image)
        moved += step * direction
        residual -= step * image
        direction, size = residual + (residual @ residual) / size * direction, residual @ residual
    return replace(features, weights=(features.weights * np.clip(1 + moved, 0.1, 4)).astype(np.float32))


class Measure:
    """Scores of tables on sets to tune on."""

    def __init__(self, shared: Path, distiller: Distiller) -> None:
        self._data, self._tokenizer = shared / "eval", distiller.vocabulary.tokenizer
        self._labelled = {
            name: read_labelled(self._data / f"classification/{name}.tsv") for name in CLASSIFIED
        }
        self._pairs = {}
        for name, found in read_texts(shared).items():
            encoded = zip(found, distiller.tokenizers.encode(found), strict=True)
            texts = [text for text, (ids, _, _) in encoded if ids][:N_PAIRED]
            self._pairs[name] = (texts, cosines(distiller.texts(texts).vectors))

    def show(self, name: str, table: Vectors) -> None:
        """Print a row of the table of results."""
        model = StaticModel(table.astype(np.float32), self._tokenizer, ModelConfig(normalize=True))
        (result,) = evaluate({"it": model}, data=self._data, tasks=TUNED_ON, with_intervals=False)
        embedded = {name: (model.encode(texts), labels) for name, (texts, labels) in self._labelled.items()}
        scores = [
            np.mean([score.value for score in result.scores.values()]),
            100 * np.mean([accuracy(*embedded[name]) for name in CLASSIFIED]),
            100 * np.mean([v_measure(*embedded[name]) for name in CLUSTERED]),
            *(
                100 * spearmanr(cosines(model.encode(texts)), expected).statistic
                for texts, expected in self._pairs.values()
            ),
        ]
        print(f"| {name} | " + " | ".join(f"{score:.1f}" for score in scores) + " |", flush=True)

    def header(self) -> None:
        """Print its first lines."""
        columns = ["", "dev", "classes", "clusters", *self._pairs]
        print("| " + " | ".join(columns) + " |\n|" + " --- |" * len(columns))


def accuracy(vectors: Vectors, labels: list[str]) -> float:
    return float(cross_val_score(LogisticRegression(C=5, max_iter=200), vectors, labels, cv=3).mean())


def v_measure(vectors: Vectors, labels: list[str]) -> float:
    runs = (KMeans(len(set(labels)), n_init=1, random_state=seed).fit_predict(vectors) for seed in range(4))
    return float(np.mean([v_measure_score(labels, run) for run in runs]))


def cosines(vectors: Vectors) -> np.ndarray:
    unit = to_unit(vectors)
    return (unit @ unit.T)[np.triu_indices(len(unit), 1)]


def read_labelled(path: Path) -> tuple[list[str], list[str]]:
    rows = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()[1:]]
    chosen = np.random.default_rng(0).permutation(len(rows))[:N_TEXTS]
    return [rows[index][1] for index in chosen], [rows[index][0] for index in chosen]


def read_texts(shared: Path) -> dict[str, list[str]]:
    """Give texts of some languages, and words."""
    rng = np.random.default_rng(5)
    with gzip.open(shared / "corpora/mixed_82k.txt.gz", "rt", encoding="utf-8") as file:
        english = [line.strip() for line in file]
    with (shared / "eval/parity/multilingual_6k.jsonl").open(encoding="utf-8") as file:
        records = [json.loads(line) for line in file]
    novel = (shared / "eval/parity/wagahaiwa_neko_ja.txt").read_text(encoding="utf-8").replace("\n", "")
    return {
        "en": [english[index] for index in rng.permutation(len(english))[:N_PAIRED]],
        "ru": [" ".join(record["text"].split())[:300] for record in records if record["lang"] == "ru"],
        "ja": [sentence for sentence in novel.split("。") if 8 < len(sentence) < 80],
        "words": list(WORDS["en"].words[300:20_000:33]),
    }


def ways(distiller: Distiller, features: TokenFeatures) -> Iterable[tuple[str, Callable[[], Vectors]]]:
    """Give the ways to fit one teacher."""

    def bags(language: str, n: int, lengths: Lengths, seed: int) -> Asked:
        return distiller.texts(draw_bags(WORDS[language], n, lengths, np.random.default_rng(seed)))

    def mixed(languages: Iterable[str], seed: int) -> Asked:
        lists = {language: WORDS[language] for language in languages}
        return distiller.texts(draw_mixed_bags(lists, 2 * N // 3, LENGTHS, np.random.default_rng(seed)))

    tokens, english, other = distiller.tokens(N, LENGTHS), bags("en", N, LENGTHS, 2), mixed(WORDS, 3)
    default = [tokens, english, other]
    yield "the default", lambda: fit(default, features)
    yield "1,600 single words more", lambda: fit([*default, bags("en", 1_600, Lengths(1, 1), 7)], features)
    yield "4,000 single words more", lambda: fit([*default, bags("en", 4_000, Lengths(1, 1), 7)], features)
    yield (
        "4,000 single tokens more",
        lambda: fit([*default, distiller.tokens(4_000, Lengths(1, 1))], features),
    )
    yield "6,000 pairs of words more", lambda: fit([*default, bags("en", 6_000, Lengths(2, 2), 9)], features)
    few = ("en", "zh", "ja", "ko", "ru")
    yield (
        "bags of Chinese, Japanese, Korean and Russian, not of 41 languages",
        lambda: fit([tokens, english, mixed(few, 11)], features),
    )
    yield "these 8,000 bags added", lambda: fit([*default, mixed(few, 11)], features)
    yield "no token sequences", lambda: fit([english, other], features)
    yield "no English bags", lambda: fit([tokens, other], features)
    yield "no bags of two languages", lambda: fit([tokens, english], features)
    for strength in (0.3, 1.0):
        yield (
            f"weights of tokens fitted, held by {strength}",
            lambda held=strength: fit(default, learn_weights(default, features, held)),
        )


def both_ways(
    first: Distiller, second: Distiller, features: TokenFeatures
) -> Iterable[tuple[str, Callable[[], Vectors]]]:
    """Give the ways to fit two teachers that know the same words, to the first one's tokens."""
    ids = second.teacher.tokenizer.get_vocab()
    names = {index: name for name, index in first.vocabulary.tokenizer.get_vocab().items()}
    own = [ids[names[index]] for index in range(len(names))]
    drawn = draw_tokens(first.counting, N, LENGTHS, np.random.default_rng(1)).to_lists()
    texts = draw_bags(WORDS["en"], N, LENGTHS, np.random.default_rng(2))
    texts += draw_mixed_bags(WORDS, 2 * N // 3, LENGTHS, np.random.default_rng(3))
    rows = drawn + [ids for ids, _ in first.encode(texts)]
    pieces = join_pieces(TokenIds.of(drawn), first.vocabulary.pieces()).to_lists()
    asked = [first.ask(rows, first.wrap(pieces) + [fed for _, fed in first.encode(texts)])]
    pieces = [[own[index] for index in row] for row in drawn]
    asked.append(second.ask(rows, second.wrap(pieces) + [fed for _, fed in second.encode(texts)]))
    states = second.states(TokenIds.of(second.wrap([[index] for index in own])))
    wide = TokenFeatures.of(np.concatenate([features.states, states], axis=1), features.weights)
    joined = np.concatenate([part.vectors for part in asked], axis=1) / np.sqrt(2)
    yield "the second teacher alone", lambda: fit([asked[1]], TokenFeatures.of(states, features.weights))
    yield "both teachers", lambda: fit([Asked(asked[0].token_ids, joined)], wide)
    yield "both teachers, states of the first", lambda: fit([Asked(asked[0].token_ids, joined)], features)
    yield "the first teacher, states of both", lambda: fit([asked[0]], wide)


def main() -> None:
    shared, *teachers = sys.argv[1:]
    first, *others = (Distiller(teacher) for teacher in teachers)
    features = TokenFeatures.of(first.states(first.vocabulary.teacher_ids), first.weights)
    measure = Measure(Path(shared), first)
    measure.header()
    more = both_ways(first, others[0], features) if others else ()
    for name, make in itertools.chain(ways(first, features), more):
        measure.show(name, make())


if __name__ == "__main__":
    main()
