"""The plan of a call: by its own size and options, and by what is loaded."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from m2v_onnx.errors import ArgumentError
from m2v_onnx.runtime.parts import PartStore
from m2v_onnx.runtime.plan import Batching, Plan, plan_stream, plan_texts
from m2v_onnx.runtime.row_mean import CompiledMean, NumpyMean
from m2v_onnx.static_model import StaticModel
from tests.builders import ROWS, tiny_model
from tests.runtime.test_choice import MODELS

FEW, COLD, MANY = ["s" * 1000], ["s" * 2500] * 2, ["s" * 5001]


def make_store(model: StaticModel) -> PartStore:
    return PartStore(model, graph_path=model.graph_path, precision=model.precision)


def plan(texts: list[str], store: PartStore, batch_size: int = 1024, n_threads: int | None = 2) -> Plan:
    return plan_texts(texts, Batching(batch_size, "model", n_threads), store, model_limit=512)


@pytest.mark.parametrize("name", MODELS)
def test_the_tokenizer_follows_the_size_of_the_call(name):
    store = make_store(MODELS[name]())
    names = [plan(texts, store).tokenizer.name for texts in ([], FEW, COLD, MANY, COLD, FEW, [])]
    best_for_few = name if name == "compiled C" else "tokenizers"
    assert names == ["tokenizers", "tokenizers", "tokenizers", name, name, best_for_few, best_for_few]


def test_a_thousand_calls_of_few_texts_load_nothing():
    store = make_store(tiny_model())
    before = plan(COLD, store)
    assert all(plan(COLD, store) == before for _ in range(1000))
    plan(MANY, store)
    after = plan(COLD, store)
    assert after.tokenizer.name == "compiled C"
    assert all(plan(COLD, store) == after for _ in range(1000))


def test_threads_that_begin_at_once_load_once():
    store = make_store(tiny_model(table=ROWS.astype(np.float16)))
    with ThreadPoolExecutor(8) as threads:
        plans = list(threads.map(plan, [MANY] * 8, [store] * 8))
    assert {(id(one.tokenizer), id(one.row_mean)) for one in plans} == {
        (id(plans[0].tokenizer), id(plans[0].row_mean))
    }


def test_a_stream_is_planned_as_many_texts():
    store = make_store(tiny_model())
    found = plan_stream(Batching(7, None, 3), store, model_limit=512)
    assert (found.tokenizer.name, found.batch_size, found.n_workers, found.max_length) == (
        "compiled C",
        7,
        3,
        None,
    )


def test_the_mean_loads_no_table_for_few_texts():
    is_compiled = CompiledMean.is_available()
    for table in (ROWS.astype(np.float16), np.asfortranarray(ROWS)):
        store = make_store(tiny_model(table=table))
        assert isinstance(plan(COLD, store).row_mean, NumpyMean)
        assert isinstance(plan(MANY, store).row_mean, CompiledMean) == is_compiled
        assert isinstance(plan(FEW, store).row_mean, CompiledMean) == is_compiled
    store = make_store(tiny_model())
    assert isinstance(plan(FEW, store).row_mean, CompiledMean) == is_compiled
    assert plan(FEW, store).row_mean is plan(MANY, store).row_mean


def test_a_precision_has_its_own_mean_for_few_texts_too(folder):
    store = make_store(StaticModel.from_pretrained(folder, precision="int8"))
    assert plan(FEW, store).row_mean is plan(MANY, store).row_mean


@pytest.mark.parametrize(
    ("n_texts", "n_characters", "batch_size", "n_threads", "expected"),
    [
        (0, 0, 1024, 4, (1, 1)),
        (1, 50_000_000, 1024, 4, (1, 1)),
        (10, 10, 1024, 4, (10, 1)),
        (10, 10, 3, 4, (3, 1)),  # batches of 3, 3, 3, 1
        (10, 19_999, 1024, 4, (10, 1)),
        (10, 20_000, 1024, 4, (5, 2)),  # worth two workers
        (10, 35_000, 1024, 4, (4, 3)),  # three batches: 4, 4, 2
        (10, 100_000, 1024, 4, (3, 4)),
        (10, 100_000, 2, 4, (2, 4)),  # eight batches of 2 at most
        (10, 100_000, 1024, 1, (10, 1)),
        (10, 100_000, 1024, 2, (5, 2)),
    ],
)
def test_batches_are_equal_and_every_worker_has_enough_to_do(
    n_texts, n_characters, batch_size, n_threads, expected
):
    found = plan(["s" * n_characters] * n_texts, make_store(tiny_model()), batch_size, n_threads)
    assert (found.batch_size, found.n_workers) == expected


def test_the_limit_is_the_calls_or_the_models():
    store = make_store(tiny_model())
    limits = [
        plan_texts([], Batching(1, max_length, 1), store, model_limit=7).max_length
        for max_length in ("model", None, 3)
    ]
    assert limits == [7, None, 3]


@pytest.mark.parametrize(
    ("batching", "message"),
    [((0, None, 1), "batch_size must be 1 or more, found 0"), ((1, None, -1), "n_threads must be 1 or more")],
)
def test_numbers_out_of_range(batching, message):
    with pytest.raises(ArgumentError, match=message):
        Batching(*batching)


def test_what_is_no_text_is_left_to_the_tokenizer():
    assert plan([*MANY, 3], make_store(tiny_model())).n_workers == 1


@pytest.mark.parametrize("name", MODELS)
def test_a_vector_depends_on_what_came_before_by_rounding_alone(name):
    texts = ["sun moon", "moon sun é 日!", "", "comet sunlight"] * 20
    fresh, used = MODELS[name](), MODELS[name]()
    used.encode(["sun"] * 3000)
    for n in (1, 3, len(texts)):
        np.testing.assert_allclose(used.encode(texts[:n]), fresh.encode(texts[:n]), rtol=0, atol=1e-6)
