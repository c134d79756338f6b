"""Models that are pickled, copied, and taken along into other processes, after they have been at work."""

from __future__ import annotations

import copy
import dataclasses
import multiprocessing
import pickle
import sys
import threading
from functools import partial

import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from m2v_onnx import StaticModel, TextGraph
from tests.builders import ROWS, tiny_model
from tests.runtime.test_choice import MODELS

TEXTS = ["sun moon", "moonlight!", "", "comet é 日本", "sunlight " * 30, "\0 😀"] * 500
ROUND_TRIPS = {
    "pickle": lambda model: pickle.loads(pickle.dumps(model)),
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
}

has_fork = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")
pytestmark = pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")


def word_level() -> Tokenizer:
    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0, "sun": 1, "moon": 2}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return tokenizer


FAMILIES = {
    "WordPiece": MODELS["compiled C"],
    "BPE": MODELS["gigatoken"],
    "Unigram": MODELS["tokie"],
    "WordLevel": lambda: tiny_model(
        tokenizer=word_level(), table=np.array([[9, 9], [3, 4], [0, 2]], np.float32)
    ),
}


def used(model: StaticModel) -> tuple[StaticModel, np.ndarray]:
    """Give a model that has loaded everything, run threads, and left a stream half read; and its vectors."""
    vectors = model.encode(TEXTS, n_threads=2, batch_size=100)
    np.testing.assert_array_equal(np.concatenate(list(model.encode_stream(TEXTS))), vectors)
    stream = model.encode_stream(TEXTS, batch_size=10, n_threads=2)
    next(stream)
    stream.close()
    return model, vectors


@pytest.fixture(scope="module", params=FAMILIES)
def at_work(request) -> tuple[StaticModel, np.ndarray]:
    model, vectors = used(FAMILIES[request.param]())
    assert type(model.tokenizer.model).__name__ == request.param
    np.testing.assert_allclose(vectors[:6], model.encode_reference(TEXTS[:6]), atol=1e-6)
    return model, vectors


@pytest.mark.parametrize("how", ROUND_TRIPS)
def test_a_copy_gives_the_same_vectors(at_work, how):
    model, vectors = at_work
    again = ROUND_TRIPS[how](model)
    np.testing.assert_array_equal(again.encode(TEXTS), vectors)
    np.testing.assert_allclose(ROUND_TRIPS[how](model).encode(TEXTS[0]), vectors[0], rtol=0, atol=1e-6)
    np.testing.assert_array_equal(model.encode(TEXTS), vectors)


@pytest.mark.parametrize("start", [pytest.param("fork", marks=has_fork), "spawn"])
def test_a_pool_of_processes_encodes(at_work, start):
    model, vectors = at_work
    chunks = [TEXTS[i : i + 1000] for i in range(0, len(TEXTS), 1000)]
    with multiprocessing.get_context(start).Pool(2) as pool:
        found = pool.map_async(model.encode, chunks).get(timeout=60)
    np.testing.assert_array_equal(np.concatenate(found), vectors)


def encode_into(queue, model):
    queue.put(model.encode(TEXTS))


@has_fork
def test_a_forked_process_goes_on_with_what_is_loaded(at_work):
    model, vectors = at_work
    np.testing.assert_array_equal(run_in_fork(partial(encode_into, model=model)), vectors)
    np.testing.assert_array_equal(model.encode(TEXTS), vectors)


def run_in_fork(work):
    """Give what `work` puts into a queue in a forked process."""
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=work, args=(queue,))
    child.start()
    try:
        return queue.get(timeout=60)
    finally:
        child.kill()
        child.join()


def load_and_encode(queue):
    queue.put(tiny_model().encode(TEXTS, n_threads=2))


@has_fork
def test_a_fork_while_other_threads_load_models():
    expected = tiny_model().encode(TEXTS)
    is_over = threading.Event()

    def load_again_and_again():
        while not is_over.is_set():
            tiny_model().encode(TEXTS, n_threads=1)

    threads = [threading.Thread(target=load_again_and_again) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(5):
            np.testing.assert_array_equal(run_in_fork(load_and_encode), expected)
    finally:
        is_over.set()
        for thread in threads:
            thread.join()


@pytest.mark.parametrize("how", ROUND_TRIPS)
@pytest.mark.parametrize("precision", [None, "fp32", "fp16", "int8", "int4"])
def test_graph_and_precision_stay(tmp_path, how, precision):
    tiny_model(normalize=True).save_pretrained(tmp_path, precisions=(precision or "fp32",), force=True)
    model, vectors = used(StaticModel.from_pretrained(tmp_path, precision=precision))
    again = ROUND_TRIPS[how](model)
    assert (again.precision, again.graph_path) == (precision, model.graph_path)
    np.testing.assert_array_equal(again.encode(TEXTS), vectors)


@pytest.mark.parametrize("precision", [None, "int8"])
def test_a_model_of_a_folder_is_pickled_by_its_path(tmp_path, monkeypatch, precision):
    tiny_model(table=np.ones((6, 2000), np.float32)).save_pretrained(
        tmp_path / "model", precisions=("fp32", "int8")
    )
    monkeypatch.chdir(tmp_path)
    model = StaticModel.from_pretrained("model", precision=precision)
    monkeypatch.chdir("/")
    assert len(pickle.dumps(model)) < 500
    again = pickle.loads(pickle.dumps(model))
    assert (again.precision, again.graph_path is None) == (precision, model.graph_path is None)
    np.testing.assert_array_equal(again.encode(TEXTS), model.encode(TEXTS))
    half = dataclasses.replace(model, table=model.table / 2)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(half)).encode(TEXTS), half.encode(TEXTS))


def test_what_was_asked_for_when_it_was_loaded_is_pickled_too(folder):
    model = StaticModel.from_pretrained(folder, dims=1, normalize=True, max_length=2)
    assert len(pickle.dumps(model)) < 600
    again = pickle.loads(pickle.dumps(model))
    assert (again.dim, again.config.normalize, again.config.max_length) == (1, True, 2)
    np.testing.assert_array_equal(again.encode(TEXTS), model.encode(TEXTS))


@pytest.mark.parametrize("change", ["exchanged", "gone", "not mapped"])
def test_a_model_whose_folder_has_changed_is_pickled_with_its_data(folder, change):
    model = StaticModel.from_pretrained(folder, memory_map=change != "not mapped")
    vectors = model.encode(TEXTS)
    if change == "exchanged":
        tiny_model(normalize=True, table=ROWS[::-1].copy()).save_pretrained(folder)
    elif change == "gone":
        folder.rename(folder.with_name("gone"))
    for round_trip in ROUND_TRIPS.values():
        np.testing.assert_array_equal(round_trip(model).encode(TEXTS), vectors)


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_a_pool_of_processes_encodes_by_the_graph(folder, precision):
    model, vectors = used(StaticModel.from_pretrained(folder, precision=precision))
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        found = pool.map_async(model.encode, [TEXTS]).get(timeout=60)
    np.testing.assert_array_equal(found[0], vectors)


def test_a_text_graph_is_pickled_by_its_path(tmp_path, monkeypatch):
    tiny_model().save_pretrained(tmp_path / "model", graphs=("text",))
    monkeypatch.chdir(tmp_path)
    graph = TextGraph.from_pretrained("model")
    vectors = graph.encode(TEXTS[:6])
    monkeypatch.chdir(tmp_path.parent)
    for round_trip in ROUND_TRIPS.values():
        np.testing.assert_array_equal(round_trip(graph).encode(TEXTS[:6]), vectors)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        found = pool.map_async(graph.encode, [TEXTS[:6]]).get(timeout=60)
    np.testing.assert_array_equal(found[0], vectors)
    assert len(pickle.dumps(graph)) < 1000
