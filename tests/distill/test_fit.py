"""Fits to a user's texts, with small teachers."""

from __future__ import annotations

import hashlib
import json
import logging

import numpy as np
import pytest

from m2v_onnx import StaticModel
from m2v_onnx.distill import distill, fit
from m2v_onnx.errors import ArgumentError, FolderError
from m2v_onnx.fit.vector_cache import VectorCache
from tests.distill.test_fitted import WIDTH, WORDS, write_teacher

SMALL = {"sequences": 300, "pca_dims": 3}


def sized_teacher(path, family):
    folder = write_teacher(path, family)
    (folder / "config.json").write_text(json.dumps({"hidden_size": WIDTH}))
    return folder


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("M2V_ONNX_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def teacher(tmp_path):
    return sized_teacher(tmp_path / "teacher", "WordLevel")


@pytest.fixture
def texts():
    rng = np.random.default_rng(3)
    return [" ".join(rng.choice(WORDS, rng.integers(2, 9))) for _ in range(3000)]


def shards(cache) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in cache.glob("vectors/*/*.npy")}


def is_held_out(text: str) -> bool:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") % 20 == 0


def test_the_table_is_nearer_to_the_teacher_on_texts_held_out(teacher, texts, caplog):
    with caplog.at_level(logging.INFO, "m2v_onnx"):
        model = fit(teacher, texts, **SMALL)
    (line,) = [record for record in caplog.records if "held out" in record.message]
    _, before, after = line.args
    assert after > before
    assert model.config.recipe.n_texts > 2000
    assert "no better" not in caplog.text
    assert not np.allclose(model.table, distill(teacher, **SMALL).table)


def test_distill_takes_texts_too(teacher, texts):
    assert (
        distill(teacher, texts=texts, **SMALL).table.tobytes() == fit(teacher, texts, **SMALL).table.tobytes()
    )


def test_what_the_teacher_said_is_read_from_the_cache(teacher, texts, cache):
    first = fit(teacher, texts, **SMALL)
    kept = shards(cache)
    assert fit(teacher, texts, **SMALL).table.tobytes() == first.table.tobytes()
    assert shards(cache) == kept
    fit(teacher, texts, **{**SMALL, "pca_dims": 2, "ridge": 0.1})
    assert shards(cache) == kept  # nothing else was asked
    for path in cache.glob("vectors/*/*.npy"):
        np.save(path, -np.load(path))
    # All that the teacher says turned around: so is the model.
    assert fit(teacher, texts, **SMALL).table == pytest.approx(-first.table, abs=1e-5)


def test_a_fit_that_was_interrupted_goes_on(teacher, texts, cache, monkeypatch):
    save = VectorCache.save

    def interrupted(self, path, vectors):
        if len(shards(cache)) == 2:
            raise KeyboardInterrupt
        save(self, path, vectors)

    with monkeypatch.context() as patched:
        patched.setattr(VectorCache, "save", interrupted)
        with pytest.raises(KeyboardInterrupt):
            fit(teacher, texts, **SMALL)
    kept = shards(cache)
    assert len(kept) == 2
    times = {path.name: path.stat().st_mtime_ns for path in cache.glob("vectors/*/*.npy")}
    model = fit(teacher, texts, **SMALL)
    assert shards(cache).items() > kept.items()
    after = {path.name: path.stat().st_mtime_ns for path in cache.glob("vectors/*/*.npy")}
    assert after.items() > times.items()  # what was there was not asked again
    monkeypatch.setenv("M2V_ONNX_CACHE", str(cache / "other"))
    assert fit(teacher, texts, **SMALL).table.tobytes() == model.table.tobytes()


def test_texts_of_no_use_leave_what_distill_gives(teacher, caplog):
    """Long texts are fitted to, all of which have nearly one vector, and texts of two words are held out."""
    rng = np.random.default_rng(1)
    long = [" ".join(rng.choice(WORDS, rng.integers(100, 120))) for _ in range(400)]
    short = [" ".join(rng.choice(WORDS, 2)) for _ in range(800)]
    texts = [text for text in long if not is_held_out(text)] + [text for text in short if is_held_out(text)]
    model = fit(teacher, texts, **SMALL)
    assert "the texts made it no better" in caplog.text
    assert model.table.tobytes() == distill(teacher, **SMALL).table.tobytes()
    assert model.config.recipe.n_texts == 0


def test_texts_that_the_teacher_cannot_tell_apart_say_nothing_of_the_teacher(teacher):
    assert fit(teacher, ["sun moon", "SUN moon", "sun MOON", "Sun Moon"], **SMALL).dim == 3


def test_a_lone_surrogate(teacher):
    with pytest.raises(ArgumentError, match=r"found the lone surrogate U\+D800 in 'sun \\ud800 moon'"):
        fit(teacher, ["sun moon", "sun \ud800 moon"], **SMALL)


def test_a_file_and_its_column(teacher, texts, tmp_path):
    path = tmp_path / "texts.csv"
    path.write_text("id,body\n" + "".join(f"{index},{text}\n" for index, text in enumerate(texts)))
    by_file = fit(teacher, path, text_column="body", **SMALL)
    assert by_file.table.tobytes() == fit(teacher, texts, **SMALL).table.tobytes()


class TestBase:
    def test_another_tokenizer_comes_nearer_to_the_teacher(self, teacher, texts, tmp_path, caplog):
        base = distill(sized_teacher(tmp_path / "other", "Unigram"), recipe="model2vec-0.10", pca_dims=3)
        base.save_pretrained(tmp_path / "base")
        with caplog.at_level(logging.INFO, "m2v_onnx"):
            model = fit(teacher, texts, base=tmp_path / "base", **SMALL)
        (line,) = [record for record in caplog.records if "held out" in record.message]
        _, before, after = line.args
        assert after > before
        assert model.tokenizer.get_vocab() == base.tokenizer.get_vocab()
        assert model.config.teacher == "teacher"
        assert model.dim == 3
        model.save_pretrained(tmp_path / "model")
        loaded = StaticModel.from_pretrained(tmp_path / "model")
        assert loaded.encode(texts[:9]) == pytest.approx(model.encode(texts[:9]), abs=1e-6)

    def test_a_base_that_the_texts_cannot_help(self, teacher, texts, tmp_path, caplog):
        """A ridge so strong that nothing moves is no better."""
        base = distill(teacher, recipe="model2vec-0.10", pca_dims=3)
        model = fit(teacher, texts, base=base, ridge=1e30, **SMALL)
        assert model is base
        assert "the base model stays as it is" in caplog.text

    def test_choices_that_would_change_nothing(self, teacher, texts, folder):
        with pytest.raises(ArgumentError, match="normalize changes nothing where a base model brings"):
            fit(teacher, texts, base=folder, normalize=False)

    def test_a_fit_needs_sequences(self, teacher, texts, folder):
        with pytest.raises(ArgumentError, match=r"a fit needs sequences: .*--sequences N"):
            fit(teacher, texts, base=folder, sequences=None)

    def test_a_weight_of_zero(self, teacher, texts, caplog):
        base = distill(teacher, recipe="model2vec-0.10", pca_dims=3)
        model = fit(teacher, texts, base=base, weighting="zipf", **SMALL)
        assert np.isfinite(model.table).all()
        assert "no better" not in caplog.text

    def test_a_tokenizer_that_does_not_fit(self, teacher, folder):
        with pytest.raises(ArgumentError, match=r"expected texts .* found"):
            fit(teacher, ["xyz abc def", "uvw rst opq"], base=folder, **SMALL)


def test_texts_need_a_fit(teacher, texts):
    with pytest.raises(ArgumentError, match=r"texts need a fit: leave sequences out.*--sequences N"):
        distill(teacher, texts=texts, recipe="model2vec-0.10")


def test_a_cache_that_cannot_be_written(teacher, texts, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("M2V_ONNX_CACHE", str(tmp_path / "file"))
    with pytest.raises(FolderError, match=r"keep a teacher's vectors in .*M2V_ONNX_CACHE"):
        fit(teacher, texts, **SMALL)
    assert distill(teacher, **SMALL).dim == 3  # without texts, nothing needs to be kept


def test_a_vocabulary_with_counts_brings_its_frequencies(teacher, tmp_path):
    (tmp_path / "words.tsv").write_text("starry\t999999\nrainy\t1\n")
    options = {"ridge": None, "scaling": 0, "pca_dims": None, "sequences": 300}
    model = distill(teacher, vocabulary=tmp_path / "words.tsv", **options)
    lengths = np.linalg.norm(model.table, axis=1)
    vocab = model.tokenizer.get_vocab()
    assert lengths[vocab["starry"]] < 0.1 * lengths[vocab["rainy"]]


def test_frequencies_of_a_corpus(teacher, tmp_path):
    (tmp_path / "corpus.txt").write_text("sun sun sun sun\n" * 100 + "sun moon\n")
    options = {"ridge": None, "scaling": 0, "pca_dims": None, "sequences": 300}
    model = distill(teacher, frequencies=f"corpus:{tmp_path / 'corpus.txt'}", **options)
    lengths = np.linalg.norm(model.table, axis=1)
    vocab = model.tokenizer.get_vocab()
    assert lengths[vocab["sun"]] < 0.1 * lengths[vocab["star"]]


def test_frequencies_are_kept_for_a_tokenizer(teacher, cache):
    first = distill(teacher, **SMALL)
    (path,) = cache.glob("frequencies/*.npy")
    assert distill(teacher, **SMALL).table.tobytes() == first.table.tobytes()
    np.save(path, np.load(path)[::-1])
    assert distill(teacher, **SMALL).table.tobytes() != first.table.tobytes()
    path.write_bytes(b"damaged")
    assert distill(teacher, **SMALL).table.tobytes() == first.table.tobytes()
