"""Our classifiers beside model2vec's `train`, frozen logistic regression, and words with tf-idf.

Prints the tables of docs/training.md. Each trainer runs in a process of its own, one set after the other and
all trainers in turn; model2vec in the environment of `make .venv-training/ready`:

    .venv/bin/python -m benchmarks.training MODEL ../shared/eval/classification
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import fmean

import numpy as np

TRAINERS = ("frozen", "tf-idf", "model2vec", "m2v-onnx")
# Name, and the stem of the files.
SETS = {
    "cr": "cr_all",
    "trec50": "trec50",
    "sst2": "sst2",
    "20news": "20newsgroups",
    "imdb_sub": "imdb_sub",
    "amazoncf": "amazoncf_en",
    "bbc": "bbc_all",
    "ag_news": "ag_news_split",
    "banking77": "banking77",
    "emotion": "emotion",
    "subj": "subj_all",
    "tweetsent": "tweetsent",
}
# Texts to learn from, and how often they are drawn: three draws differ by more than the trainers do.
FEW = (40, 200)
_DRAWS = 10
_PEER = Path(".venv-training/bin/python")


def read(path: Path) -> tuple[list[str], list[str]]:
    rows = [line.split("\t", 1) for line in path.read_text(encoding="utf-8").split("\n")[1:] if line]
    return [text for _, text in rows], [label for label, _ in rows]


def load(data: Path, name: str, *, few: int, seed: int) -> tuple[list[str], list[str], list[str], list[str]]:
    """Give texts and labels to learn from, and to test on; a file that is not split loses a random fifth."""
    stem = SETS[name]
    if stem.endswith("_all"):
        texts, labels = read(data / f"{stem}.tsv")
        order = np.random.default_rng(0).permutation(len(texts))
        held, kept = np.split(order, [len(order) // 5])
        parts = [[texts[i] for i in kept], [labels[i] for i in kept]]
        parts += [[texts[i] for i in held], [labels[i] for i in held]]
    else:
        parts = [*read(next(data.glob(f"{stem}_train*.tsv"))), *read(data / f"{stem}_test.tsv")]
    if few:
        rows = draw(parts[1], few, seed)
        parts[:2] = [parts[0][i] for i in rows], [parts[1][i] for i in rows]
    return parts[0], parts[1], parts[2], parts[3]


def draw(labels: list[str], n_texts: int, seed: int) -> list[int]:
    """Draw texts at random, two of each label at least where there is room."""
    order = np.random.default_rng(seed).permutation(len(labels)).tolist()
    seen: dict[str, int] = {}
    first = []
    for row in order:
        seen[labels[row]] = seen.get(labels[row], 0) + 1
        if seen[labels[row]] <= 2:
            first.append(row)
    chosen = first[:n_texts]
    rest = [row for row in order if row not in set(chosen)]
    return chosen + rest[: n_texts - len(chosen)]


def train_ours(model: str, texts: list[str], labels: list[str], seed: int) -> Callable:
    from m2v_onnx import StaticModel
    from m2v_onnx.training import TrainingOptions, train_classifier

    static_model = StaticModel.from_pretrained(model)
    static_model.encode(["warm"] * 2000)
    yield
    classifier = train_classifier(static_model, texts, labels, options=TrainingOptions(seed=seed))
    yield lambda test: (classifier.labels, classifier.predict_proba(test))


def train_model2vec(model: str, texts: list[str], labels: list[str], seed: int) -> Callable:
    from model2vec.train import StaticModelForClassification

    classifier = StaticModelForClassification.from_pretrained(model)
    yield
    classifier.fit(texts, labels, random_seed=seed)
    yield lambda test: (list(classifier.classes), classifier.predict_proba(test))


def train_frozen(model: str, texts: list[str], labels: list[str], seed: int) -> Callable:
    """Logistic regression on unit vectors; its C is chosen on a fifth of the training texts."""
    from sklearn.linear_model import LogisticRegression

    from m2v_onnx import StaticModel

    static_model = StaticModel.from_pretrained(model)
    static_model.encode(["warm"] * 2000)
    yield
    vectors, targets = static_model.encode(texts), np.array(labels)
    machine = LogisticRegression(C=_choose(vectors, targets, seed), max_iter=2000).fit(vectors, targets)
    yield lambda test: (machine.classes_.tolist(), machine.predict_proba(static_model.encode(test)))


def train_tf_idf(model: str, texts: list[str], labels: list[str], seed: int) -> Callable:  # noqa: ARG001
    """A linear machine on words and pairs of words, as fastText has them; margins, no probabilities."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.svm import LinearSVC

    yield
    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    machine = LinearSVC(random_state=seed).fit(words.fit_transform(texts), labels)

    def predict(test: list[str]) -> tuple[list[str], np.ndarray]:
        margins = machine.decision_function(words.transform(test))
        if margins.ndim == 1:
            margins = np.stack([-margins, margins], axis=1)
        shares = np.exp(margins - margins.max(axis=1, keepdims=True))
        return machine.classes_.tolist(), shares / shares.sum(axis=1, keepdims=True)

    yield predict


def _choose(vectors: np.ndarray, targets: np.ndarray, seed: int) -> float:
    """Give the C with the most right answers on a held-out fifth."""
    from sklearn.linear_model import LogisticRegression

    order = np.random.default_rng(seed).permutation(len(targets))
    held, kept = np.split(order, [len(order) // 5])
    scores: dict[float, float] = {10: 0}
    for value in (1, 10, 100) if len(set(targets[kept].tolist())) > 1 else ():
        machine = LogisticRegression(C=value, max_iter=2000).fit(vectors[kept], targets[kept])
        scores[value] = (machine.predict(vectors[held]) == targets[held]).mean()
    return max(scores, key=lambda value: scores[value])


MAKERS = {
    "frozen": train_frozen,
    "tf-idf": train_tf_idf,
    "model2vec": train_model2vec,
    "m2v-onnx": train_ours,
}


def work(args: argparse.Namespace) -> None:
    """Train once, or for few labels as often as there are sizes and seeds; print what came of it as JSON."""
    if args.work != "few":
        print(json.dumps(train_once(args, args.work, args.seed, 0)))
        return
    runs = [
        (trainer, seed, few) for few in FEW for seed in range(_DRAWS) for trainer in ("frozen", "m2v-onnx")
    ]
    print(json.dumps([train_once(args, *run) for run in runs]))


def train_once(args: argparse.Namespace, trainer: str, seed: int, few: int) -> dict[str, float | str]:
    texts, labels, test_texts, test_labels = load(args.data, args.work_set, few=few, seed=seed)
    steps = MAKERS[trainer](args.model, texts, labels, seed)
    next(steps)
    start = time.process_time(), time.perf_counter()
    predict = next(steps)
    spent = time.process_time() - start[0], time.perf_counter() - start[1]
    classes, shares = predict(test_texts)
    return {
        "trainer": trainer,
        "set": args.work_set,
        "seed": seed,
        "few": few,
        **score([str(label) for label in classes], np.asarray(shares, np.float64), test_labels),
        "cpu_seconds": spent[0],
        "wall_seconds": spent[1],
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "n_train": len(texts),
        "n_test": len(test_texts),
    }


def score(classes: list[str], shares: np.ndarray, labels: list[str]) -> dict[str, float]:
    """Give accuracy, macro-F1 of labels that occur or are given, and calibration error over ten bins."""
    found = [classes[column] for column in shares.argmax(axis=1)]
    right = np.array([one == other for one, other in zip(found, labels, strict=True)])
    scores = []
    for label in sorted({*found, *labels}):
        both = sum(one == other == label for one, other in zip(found, labels, strict=True))
        scores.append(2 * both / (found.count(label) + labels.count(label)))
    top = shares.max(axis=1)
    places = np.minimum((top * 10).astype(int), 9)
    error = sum(abs(top[places == i].sum() - right[places == i].sum()) for i in range(10)) / len(labels)
    return {"accuracy": 100 * right.mean(), "macro_f1": 100 * fmean(scores), "calibration_error": error}


def run(args: argparse.Namespace, trainer: str, name: str, seed: int) -> list[dict]:
    python = str(_PEER) if trainer == "model2vec" else sys.executable
    options = ["--work", trainer, "--work-set", name, "--seed", str(seed)]
    command = [python, "-W", "ignore", __file__, args.model, str(args.data), *options]
    one_thread = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    environment = {**os.environ, **one_thread}  # threads that wait for each other cost time, too
    result = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if result.returncode:
        raise SystemExit(f"{trainer} on {name} failed:\n{result.stderr[-2000:]}")
    found = json.loads(result.stdout.strip().splitlines()[-1])
    return found if isinstance(found, list) else [found]


def measure(args: argparse.Namespace) -> list[dict]:
    """Run all that is not there yet, trainers in turn; keep each result in a file of JSON lines."""
    kept = (
        [json.loads(line) for line in args.results.read_text().splitlines()] if args.results.exists() else []
    )
    there = {(row["trainer"], row["set"], row["seed"]) for row in kept if not row["few"]}
    first, *others = args.seeds
    there |= {("few", row["set"], first) for row in kept if row["few"]}
    runs = [(trainer, name, first) for name in args.sets for trainer in (*TRAINERS, "few")]
    runs += [(trainer, name, seed) for seed in others for name in args.sets for trainer in TRAINERS]
    for trainer, name, seed in runs:
        if (trainer, name, seed) in there:
            continue
        rows = run(args, trainer, name, seed)
        kept += rows
        with args.results.open("a") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)
        print(trainer, name, seed, f"{rows[0]['accuracy']:.1f}", file=sys.stderr, flush=True)
    return kept


def mean(rows: list[dict], trainer: str, name: str, key: str, few: int = 0) -> float:
    values = [row[key] for row in rows if (row["trainer"], row["set"], row["few"]) == (trainer, name, few)]
    return fmean(values) if values else float("nan")


def print_tables(rows: list[dict], names: list[str]) -> None:
    """Print means over the seeds: accuracy / macro-F1, CPU seconds, peak memory; then few labels."""
    header = [f"{t} {what}" for what in ("", "CPU s", "peak MB") for t in TRAINERS[0 if not what else 2 :]]
    print("| set (train/test) |", " | ".join(part.strip() for part in header), "|")
    print("| --- |" + " ---: |" * len(header))
    keys = ("accuracy", "macro_f1", "calibration_error", "cpu_seconds", "peak_mb")
    table = {t: {k: [mean(rows, t, n, k) for n in names] for k in keys} for t in TRAINERS}
    for i, name in enumerate(names):
        sizes = next(
            (f"{r['n_train']:,}/{r['n_test']:,}" for r in rows if r["set"] == name and not r["few"]), ""
        )
        cells = [f"{table[t]['accuracy'][i]:.1f} / {table[t]['macro_f1'][i]:.1f}" for t in TRAINERS]
        cells += [f"{table[t]['cpu_seconds'][i]:.1f}" for t in TRAINERS[2:]]
        cells += [f"{table[t]['peak_mb'][i]:,.0f}" for t in TRAINERS[2:]]
        print(f"| {name} ({sizes}) |", " | ".join(cells), "|")
    cells = [f"{fmean(table[t]['accuracy']):.1f} / {fmean(table[t]['macro_f1']):.1f}" for t in TRAINERS]
    cells += [f"{fmean(table[t]['cpu_seconds']):.1f}" for t in TRAINERS[2:]]
    cells += [f"{max(table[t]['peak_mb']):,.0f} at most" for t in TRAINERS[2:]]
    print("| mean |", " | ".join(cells), "|")
    errors = (f"{t} {fmean(table[t]['calibration_error']):.3f}" for t in TRAINERS if t != "tf-idf")
    print("\nCalibration error, mean of the sets:", ", ".join(errors))
    print("\n| set | labels | frozen | m2v-onnx |\n| --- | ---: | ---: | ---: |")
    for few in FEW:
        for name in names:
            pair = [mean(rows, t, name, "accuracy", few) for t in ("frozen", "m2v-onnx")]
            if pair[0] == pair[0]:
                print(f"| {name} | {few} | {pair[0]:.1f} | {pair[1]:.1f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", help="folder of a static model")
    parser.add_argument("data", type=Path, help="folder of NAME_train.tsv and NAME_test.tsv")
    parser.add_argument("--sets", type=lambda text: text.split(","), default=list(SETS))
    parser.add_argument(
        "--seeds", type=lambda text: [int(seed) for seed in text.split(",")], default=[0, 1, 2]
    )
    parser.add_argument("--results", type=Path, default=Path("build/training.jsonl"), help="what is done")
    parser.add_argument("--work", choices=(*TRAINERS, "few"), help=argparse.SUPPRESS)
    parser.add_argument("--work-set", help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, default=0, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.work:
        work(args)
        return
    args.results.parent.mkdir(exist_ok=True)
    print_tables(measure(args), args.sets)


if __name__ == "__main__":
    main()
