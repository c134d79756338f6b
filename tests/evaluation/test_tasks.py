"""Every measure, on an example worked out by hand."""

from __future__ import annotations

import math
import os
import time

import numpy as np
import pytest

from m2v_onnx.errors import DataError
from m2v_onnx.evaluation.tasks.bitext import score_bitext
from m2v_onnx.evaluation.tasks.classification import find_classification, score_classification, score_split
from m2v_onnx.evaluation.tasks.clustering import score_clustering
from m2v_onnx.evaluation.tasks.metrics import bootstrapped, mean_score, nearest
from m2v_onnx.evaluation.tasks.pairs import score_pairs
from m2v_onnx.evaluation.tasks.phrases import find_phrases, score_joins
from m2v_onnx.evaluation.tasks.reranking import score_reranking
from m2v_onnx.evaluation.tasks.retrieval import find_retrieval
from m2v_onnx.evaluation.tasks.similarity import score_similarity
from m2v_onnx.evaluation.tasks.speed import find_speed
from tests.evaluation.builders import at_cosine, lookup_model, write_data, write_retrieval, write_tsv

SENTENCES = ("sentence1", "sentence2")


def test_similarity_is_spearman_of_the_cosine(tmp_path):
    rows = ("0|q|a", "1|q|b", "2|q|c", "5|q|d")  # ranks by people 1 2 3 4, by the model 1 2 4 3
    path = write_tsv(tmp_path / "a.tsv", "score|sentence1|sentence2", *rows)
    cosines = {"a": -0.5, "b": 0.1, "c": 0.9, "d": 0.3}
    model = lookup_model({"q": (2, 0), **{text: at_cosine(cosine) for text, cosine in cosines.items()}})
    score = score_similarity(path, SENTENCES, model)
    assert score.value == pytest.approx(80)  # 1 - 6 * 2 / (4 * (16 - 1))
    assert score.low <= 80 <= score.high
    assert score == score_similarity(path, SENTENCES, model)


def test_a_model_that_tells_nothing_apart_has_no_correlation(tmp_path):
    path = write_tsv(tmp_path / "a.tsv", "score|sentence1|sentence2", "0|a|b", "1|c|d", "2|e|f")
    assert score_similarity(path, SENTENCES, lookup_model({})).value == 0


def test_classification_is_accuracy_on_the_test_file(tmp_path):
    train = write_tsv(tmp_path / "a_train.tsv", "label|text", "s|sun", "s|sol", "m|moon", "m|luna")
    test = write_tsv(tmp_path / "a_test.tsv", "label|text", "s|star", "m|night", "s|night", "s|sun")
    vectors = {
        "sun": (1, 0),
        "sol": (2, 0),
        "moon": (-1, 0),
        "luna": (-2, 0),
        "star": (3, 1),
        "night": (-3, 1),
    }
    assert score_classification(train, test, lookup_model(vectors)).value == 75


def test_a_set_that_is_split_learns_from_four_fifths(tmp_path):
    path = write_tsv(tmp_path / "a_all.tsv", "label|text", *["s|sun", "m|moon"] * 10)
    model = lookup_model({"sun": (1, 0), "moon": (-1, 0)})
    assert score_split(path, model) == score_split(path, model)
    assert score_split(path, model).value == 100


def test_clustering_is_v_measure(tmp_path):
    path = write_tsv(tmp_path / "a.tsv", "label|text", "a|1", "a|2", "b|3", "b|4")
    model = lookup_model({"1": (0, 0), "2": (0, 0), "3": (0, 0), "4": (9, 9)})  # clusters {1 2 3}, {4}
    homogeneity = 1 - 0.75 * _entropy(1 / 3) / math.log(2)
    completeness = 1 - 0.5 * math.log(2) / _entropy(1 / 4)
    expected = 2 * homogeneity * completeness / (homogeneity + completeness)
    assert score_clustering(path, model).value == pytest.approx(100 * expected)


def _entropy(share: float) -> float:
    return -share * math.log(share) - (1 - share) * math.log(1 - share)


def test_pairs_are_average_precision(tmp_path):
    path = write_tsv(tmp_path / "a.tsv", "label|sentence1|sentence2", "1|q|a", "0|q|b", "1|q|c")
    model = lookup_model({"q": (1, 0), "a": at_cosine(0.9), "b": at_cosine(0.8), "c": at_cosine(0.7)})
    assert score_pairs(path, model).value == pytest.approx(100 * (1 / 1 + 2 / 3) / 2)


def test_retrieval_is_ndcg_at_10(tmp_path):
    write_retrieval(tmp_path / "retrieval/a", "q1|d1|1", "q1|d2|2", "q2|d3|1", "q2|d1|0")
    # For q1 d3 comes first, then d1, then d2; for q2 d3, too.
    vectors = {
        "sun moon": at_cosine(1),
        "moonlight": at_cosine(0.9),
        "Sun !": at_cosine(0.8),
        "moon": at_cosine(0),
    }
    (task,) = find_retrieval(tmp_path)
    found = 1 / math.log2(3) + 2 / math.log2(4)
    best = 2 / math.log2(2) + 1 / math.log2(3)
    score = task.score(lookup_model({**vectors, "sun": at_cosine(0.9)}))
    assert score.value == pytest.approx(100 * (found / best + 1) / 2)


def test_a_query_without_relevant_documents_is_left_out(tmp_path):
    write_retrieval(tmp_path / "retrieval/a", "q1|d2|1", "q2|d3|-1")
    (task,) = find_retrieval(tmp_path)
    assert task.score(lookup_model({"sun moon": (1, 0), "moon": (1, 0)})).value == 100


def test_reranking_is_mean_average_precision(tmp_path):
    rows = ("0|q|a", "1|q|b", "1|q|c", "1|p|a", "0|p|b", "1|all|a", "1|all|b")  # the last query ranks nothing
    path = write_tsv(tmp_path / "a.tsv", "label|query|candidate", *rows)
    vectors = {"q": (1, 0), "p": (1, 0), "a": at_cosine(0.9), "b": at_cosine(0.8), "c": at_cosine(0.7)}
    expected = ((1 / 2 + 2 / 3) / 2 + 1) / 2
    assert score_reranking(path, lookup_model(vectors)).value == pytest.approx(100 * expected)


def test_joins_are_accuracy_by_title_each_join_the_same(tmp_path):
    rows = (
        *(
            "J|left|0|Sun|",
            "J|left|1|Moon|",
            "J|right|0|the sun|0",
            "J|right|1|the moon|1",
            "J|right|2|rain|",
        ),
        *("K|left|0|Mars|", "K|left|1|Venus|", "K|right|0|mars|0", "K|right|1|venus|0"),
    )
    write_tsv(tmp_path / "phrase/a.tsv", "task|side|id|title|gold_left_id", *rows)
    vectors = {"Sun": (1, 0), "the sun": (1, 0), "Moon": (0, 1), "the moon": (0, 1)}
    vectors |= {"Mars": (1, 0), "mars": (1, 0), "Venus": (0, 1), "venus": (0, 1)}
    (task,) = find_phrases(tmp_path)
    assert task.score(lookup_model(vectors)).value == pytest.approx(100 * (2 / 2 + 1 / 2) / 2)


def test_bitext_is_accuracy_each_language_the_same(tmp_path):
    rows = ("de|Sonne|sun", "de|Mond|moon", "de|Licht|light", "fr|lune|moon")
    path = write_tsv(tmp_path / "a.tsv", "lang|text|english", *rows)
    vectors = {"sun": (1, 0), "moon": (0, 1), "light": (1, 1)}
    vectors |= {"Sonne": (2, 0), "Mond": (0, 3), "Licht": (1, 0.1), "lune": (-1, -1)}
    assert score_bitext(path, lookup_model(vectors)).value == pytest.approx(100 * (2 / 3 + 1) / 2)


def test_speed_counts_texts_and_leaves_the_cores_as_they_were(tmp_path):
    cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    seen = []

    class Slow:
        def encode(self, texts):
            end = time.process_time() + len(texts) / 4096
            while time.process_time() < end:
                pass
            seen.append((len(texts), cores and len(os.sched_getaffinity(0))))
            return np.zeros((len(texts), 1))

    tasks = find_speed(write_data(tmp_path))
    model = lookup_model({})
    object.__setattr__(model, "encoder", Slow())
    scores = {task.name: task.score(model) for task in tasks}
    assert {n for n, _ in seen} == {64, 2048}
    assert all(0 < score.value <= 4096 and score.low is None for score in scores.values())
    assert list(scores) == ["speed/one_core", "speed/all_cores"]
    if cores is not None:
        assert seen[0][1] == 1
        assert seen[-1][1] == len(cores)
        assert os.sched_getaffinity(0) == cores


def test_nearest_takes_the_first_of_equals_and_directions_alone():
    targets = np.array([[5, 0], [0, 0.1], [0, 7]], np.float32)
    assert nearest(np.array([[0, 3], [1, 0.2], [0, 0]], np.float32), targets).tolist() == [1, 0, 0]


def test_the_bootstrap_interval_is_that_of_a_coin():
    score = mean_score(np.arange(400) % 2 == 0)
    assert score.value == 50
    assert score.high - score.low == pytest.approx(2 * 1.96 * 50 / 400**0.5, rel=0.15)
    assert bootstrapped(np.mean, np.ones(3)).low == 100
    assert bootstrapped(np.mean, np.ones(1)).low is None


@pytest.mark.parametrize(
    ("rows", "measure", "message"),
    [
        (
            ("score|sentence1|sentence2", "1|a|b", "x|c|d"),
            "similarity",
            "a number in line 3 of .*a.tsv, found 'x'",
        ),
        (
            ("score|sentence1|sentence2", "1|a|b", "1|c"),
            "similarity",
            "3 fields .* in line 3 of .*a.tsv, found 2",
        ),
        (("score|sentence1|sentence2", "1|a|b", "", "1|c|d"), "similarity", "in line 3 of .*a.tsv, found 1"),
        (("score|sentence1|sentence2",), "similarity", "a row below the header in .*a.tsv"),
        (("score|first|second", "1|a|b"), "similarity", "no sentence1, sentence2 among score, first, second"),
        ((), "similarity", "no score, sentence1, sentence2 among"),
        (("label|sentence1|sentence2", "0|a|b"), "pairs", "a pair with label 1 in .*a.tsv"),
        (("label|sentence1|sentence2", "yes|a|b"), "pairs", "0 or 1 in line 2 of .*a.tsv, found 'yes'"),
        (
            ("label|query|candidate", "1|a|b"),
            "reranking",
            "a query with candidates of both labels in .*a.tsv",
        ),
        (("label|text", "a|b", "a|c"), "clustering", "a second label in .*a.tsv"),
        (("label|text", "a|b", "a|c"), "split", "two labels or more to tell apart, found 'a' alone"),
        (("label|text", *(f"{n}|x" for n in range(9))), "split", "the four fifths to learn from, found '"),
        (
            ("task|side|id|title|gold_left_id", "J|left|0|x|", "J|right|0|y|7"),
            "joins",
            "'7' in the join J.* line 3",
        ),
        (("task|side|id|title|gold_left_id", "J|left|0|x|"), "joins", "a right title with a gold_left_id in"),
    ],
)
def test_bad_data_are_named(tmp_path, rows, measure, message):
    path = write_tsv(tmp_path / "a.tsv", *rows)
    measures = {
        "similarity": lambda model: score_similarity(path, SENTENCES, model),
        "pairs": lambda model: score_pairs(path, model),
        "reranking": lambda model: score_reranking(path, model),
        "clustering": lambda model: score_clustering(path, model),
        "split": lambda model: score_split(path, model),
        "joins": lambda model: score_joins(path, model),
    }
    with pytest.raises(DataError, match=message):
        measures[measure](lookup_model({}))


def test_a_label_that_never_occurs_in_train_is_named(tmp_path):
    train = write_tsv(tmp_path / "a_train.tsv", "label|text", "s|sun", "m|moon")
    test = write_tsv(tmp_path / "a_test.tsv", "label|text", "s|sun", "r|rain")
    with pytest.raises(DataError, match=r"labels that .*a_train.tsv holds.* found 'r' in line 3 of .*a_test"):
        score_classification(train, test, lookup_model({}))
    train.unlink()
    write_tsv(tmp_path / "classification/a_test.tsv", "label|text", "s|sun")
    with pytest.raises(DataError, match=r"one file a_train.tsv beside .*a_test.tsv, found 0"):
        find_classification(tmp_path)


@pytest.mark.parametrize(
    ("qrels", "message"),
    [
        ("q1|d9|1", "the document 'd9' in line 2"),
        ("q9|d1|1", "the query 'q9' in line 2"),
        ("q1|d1|0", "a relevant document, with a grade above 0, in"),
    ],
)
def test_bad_qrels_are_named(tmp_path, qrels, message):
    write_retrieval(tmp_path / "retrieval/a", qrels)
    (task,) = find_retrieval(tmp_path)
    with pytest.raises(DataError, match=message):
        task.score(lookup_model({}))


@pytest.mark.parametrize(
    "line", ['{"_id": "d4"}', '{"_id": 4, "text": "x"}', '{"_id": "d1", "text": "x"}', "[", "[]"]
)
def test_a_broken_document_is_named(tmp_path, line):
    folder = write_retrieval(tmp_path / "retrieval/a", "q1|d1|1")
    with (folder / "corpus.jsonl").open("a", encoding="utf-8") as file:
        file.write(line)
    (task,) = find_retrieval(tmp_path)
    with pytest.raises(DataError, match=r"expected (a JSON object|JSON) .*in line 4 of .*corpus.jsonl"):
        task.score(lookup_model({}))
    (folder / "qrels.tsv").unlink()
    with pytest.raises(DataError, match="expected qrels.tsv or qrels/test.tsv beside"):
        find_retrieval(tmp_path)


def test_a_file_of_other_bytes_is_named(tmp_path):
    path = tmp_path / "a.tsv"
    path.write_bytes(b"score\tsentence1\tsentence2\n1\t\xff\tb\n")
    with pytest.raises(DataError, match=r"UTF-8 text in .*a.tsv"):
        score_similarity(path, SENTENCES, lookup_model({}))
