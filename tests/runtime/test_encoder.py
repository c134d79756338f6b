"""Batches side by side: in order, whole, and stopped cleanly."""

from __future__ import annotations

import itertools
import multiprocessing
import subprocess
import sys
import threading

import numpy as np
import pytest

from m2v_onnx import StaticModel
from m2v_onnx.errors import ArgumentError, FolderError
from m2v_onnx.runtime import parts
from tests.builders import ROWS, tiny_model

TEXTS = ["sun", "moonlight", "sun moon!", "", "comet", "sunlight " * 30, "moon " * 600]


@pytest.fixture(scope="module")
def many() -> list[str]:
    rng = np.random.default_rng(0)
    return [TEXTS[index] for index in rng.integers(0, len(TEXTS), 5000)]


@pytest.mark.parametrize("n_threads", [1, 2, 8])
def test_the_order_is_the_callers_and_the_bits_are_the_same(many, n_threads):
    model = tiny_model(normalize=True)
    by_text = dict(zip(TEXTS, model.encode_reference(TEXTS), strict=True))
    expected = np.array([by_text[text] for text in many])
    vectors = model.encode(many, n_threads=n_threads, batch_size=100)
    np.testing.assert_allclose(vectors, expected, atol=1e-6)
    np.testing.assert_array_equal(vectors, model.encode(many, n_threads=1, batch_size=5000))
    np.testing.assert_array_equal(vectors[::-1], model.encode(many[::-1], n_threads=n_threads))


def test_a_million_empty_strings():
    assert not tiny_model().encode([""] * 1_000_000).any()


def test_a_text_of_50_megabytes_among_short_ones():
    texts = ["sun"] * 20 + ["moon " * 10_000_000] + ["sun"] * 20
    vectors = tiny_model().encode(texts, batch_size=5)
    np.testing.assert_allclose(vectors[20], ROWS[3])
    np.testing.assert_array_equal(np.delete(vectors, 20, axis=0), np.repeat(ROWS[[2]], 40, axis=0))


def test_a_stream_gives_the_same_vectors_in_blocks(many):
    model = tiny_model()
    blocks = list(model.encode_stream(iter(many), batch_size=300))
    assert [len(block) for block in blocks] == [300] * 16 + [200]
    np.testing.assert_array_equal(np.concatenate(blocks), model.encode(many))
    assert list(model.encode_stream([])) == []


def test_a_stream_reads_a_few_batches_ahead():
    n_read = 0

    def source():
        nonlocal n_read
        for _ in range(10_000):
            n_read += 1
            yield "sun"

    blocks = tiny_model().encode_stream(source(), batch_size=10, n_threads=2)
    next(blocks)
    assert n_read <= 60
    blocks.close()
    assert n_read <= 60


def test_a_source_that_fails_passes_its_error_on():
    def source():
        yield from ["sun"] * 1000
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        list(tiny_model().encode_stream(source(), batch_size=10, n_threads=2))
    assert threading.active_count() < 10


def test_what_is_no_text_is_named_by_its_index_in_the_stream():
    stream = tiny_model().encode_stream([*["sun"] * 25, None], batch_size=10, n_threads=2)
    with pytest.raises(ArgumentError, match=r"texts\[25\] must be a string, found NoneType"):
        list(stream)
    with pytest.raises(ArgumentError, match="must be an iterable of strings, found one string"):
        tiny_model().encode_stream("sun")
    with pytest.raises(ArgumentError, match="n_threads must be 1 or more, found 0"):
        tiny_model().encode(["sun"], n_threads=0)


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8", "int4"])
def test_a_precision_is_that_graphs(tmp_path, many, precision):
    tiny_model(normalize=True).save_pretrained(tmp_path / "m", precisions=(precision,))
    model = StaticModel.from_pretrained(tmp_path / "m", precision=precision)
    assert model.graph_path == next((tmp_path / "m/onnx").iterdir())
    expected = tiny_model(normalize=True).encode(many)
    vectors = model.encode(many)
    cosines = (vectors * expected).sum(axis=1)[expected.any(axis=1)]
    assert cosines.min() > {"fp32": 0.999999, "fp16": 0.99999, "int8": 0.999, "int4": 0.95}[precision]
    np.testing.assert_allclose(model.encode(many[0]), vectors[0], atol=1e-6)  # a single text, too
    if precision == "int4":
        assert np.abs(vectors - expected).max() > 1e-4


def test_more_tokens_than_an_int8_graph_can_add(folder):
    text = "sun " * 133_001
    with pytest.raises(ArgumentError, match="up to 133,000 tokens for .*, found 133,001: set max_length"):
        StaticModel.from_pretrained(folder, precision="int8").encode(text, max_length=None)
    vector = StaticModel.from_pretrained(folder, precision="int8").encode(text)
    np.testing.assert_allclose(vector, ROWS[2], atol=0.05)


def test_a_precision_that_is_not_there(folder):
    with pytest.raises(
        FolderError,
        match="graph of precision int4 in .*, found fp32, int8: .*export .*/model .*/model --precision int4",
    ):
        StaticModel.from_pretrained(folder, precision="int4")


@pytest.mark.usefixtures("_no_compiled_mean")
def test_without_the_c_code_a_large_encode_says_so_once(folder, caplog):
    parts._say_what_is_missing.cache_clear()
    StaticModel.from_pretrained(folder).encode("sun")
    assert caplog.messages == []
    for _ in range(2):
        StaticModel.from_pretrained(folder).encode(["sun"] * 5000)
    (message,) = caplog.messages
    assert "without its compiled parts" in message
    assert "install a C compiler" in message


def test_without_the_c_code_the_graph_averages_and_without_a_graph_numpy(folder):
    for remove in ("", "(p / 'onnx/model.onnx').unlink();"):
        script = (
            "import pathlib, sys; sys.modules['m2v_onnx.native._row_sums'] = None; import numpy as np\n"
            f"from m2v_onnx import StaticModel; p = pathlib.Path(sys.argv[1]); {remove}\n"
            "model = StaticModel.from_pretrained(p)\n"
            "texts = ['sun', 'moonlight', '', 'sun moon!'] * 500\n"
            "print(np.abs(model.encode(texts) - model.encode_reference(texts)).max() < 1e-6,\n"
            "      'onnxruntime' in sys.modules)"
        )
        result = subprocess.run(
            [sys.executable, "-c", script, folder], capture_output=True, text=True, check=True
        )
        assert result.stdout.split() == ["True", str(remove == "")]


def encode_in_child(model, texts, queue):
    queue.put(model.encode(texts))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")
@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
def test_a_forked_process_encodes(folder, many):
    for precision in (None, "fp32"):
        model = StaticModel.from_pretrained(folder, precision=precision)
        expected = model.encode(many)  # tokenizer and graph are loaded, threads have run
        context = multiprocessing.get_context("fork")
        queue = context.Queue()
        child = context.Process(target=encode_in_child, args=(model, many, queue))
        child.start()
        np.testing.assert_array_equal(queue.get(timeout=60), expected)
        child.join()


def test_a_reader_that_stops_leaves_no_thread_at_work():
    taken = itertools.count()
    texts = ("sun" for _ in iter(taken.__next__, 10**9))
    stream = tiny_model().encode_stream(texts, batch_size=1000, n_threads=2)
    next(stream)
    stream.close()
    assert next(taken) < 20_000
