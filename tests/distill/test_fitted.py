"""Tables fitted to the sentence vectors of small teachers."""

from __future__ import annotations

import json

import numpy as np
import pytest
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from m2v_onnx import StaticModel
from m2v_onnx.distill import Execution, distill
from m2v_onnx.errors import ArgumentError, TeacherError
from tests.builders import (
    TEACHER_TOKENS,
    teacher_rows,
    tiny_teacher_graph,
    write_modules,
    write_tiny_teacher,
)

SMALL = {"sequences": 300, "pca_dims": 3}
WORDS = ("sun", "moon", "light", "star", "rain", "wind", "tree", "stone")
SPECIAL = ("<pad>", "<unk>", "<s>", "</s>")
WIDTH = 6


def byte_pair() -> Tokenizer:
    letters = sorted(set("".join(WORDS)))
    vocab = {token: i for i, token in enumerate([*SPECIAL, "Ġ", *letters, "su", "sun", "mo"])}
    merges = [("s", "u"), ("su", "n"), ("m", "o")]
    tokenizer = Tokenizer(models.BPE(vocab, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    return tokenizer


def unigram() -> Tokenizer:
    letters = sorted(set("".join(WORDS)))
    pieces = [*((token, 0.0) for token in SPECIAL), *((f"▁{word}", -2.0) for word in WORDS)]
    tokenizer = Tokenizer(models.Unigram([*pieces, ("▁", -5.0), *((c, -6.0) for c in letters)], unk_id=1))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    return tokenizer


def word_level() -> Tokenizer:
    vocab = {token: i for i, token in enumerate([*SPECIAL, *WORDS])}
    tokenizer = Tokenizer(models.WordLevel(vocab, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return tokenizer


FAMILIES = {"BPE": byte_pair, "Unigram": unigram, "WordLevel": word_level}


def write_teacher(folder, family: str, *, suffix: bool = True):
    """Write a teacher that says of a token its row in the graph, plus 0.01 x its position."""
    if family == "WordPiece":
        return write_tiny_teacher(folder, tiny_teacher_graph(WIDTH))
    tokenizer = FAMILIES[family]()
    write_tiny_teacher(folder, tiny_teacher_graph(WIDTH, n_tokens=tokenizer.get_vocab_size()))
    tokenizer.add_special_tokens(list(SPECIAL))
    tokenizer.post_processor = processors.TemplateProcessing(
        single=["<s>", "$A", "</s>"] if suffix else ["<s>", "$A"],
        special_tokens=[("<s>", 2), ("</s>", 3)],
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "special_tokens_map.json").write_text(json.dumps({"pad_token": "<pad>", "unk_token": "<unk>"}))
    return folder


@pytest.fixture(params=["WordPiece", *FAMILIES])
def family(request):
    return request.param


@pytest.fixture
def folder(tmp_path, family):
    path = write_teacher(tmp_path / "teacher", family)
    (path / "config.json").write_text(json.dumps({"model_type": "bert", "hidden_size": WIDTH}))
    return path


def likeness(model: StaticModel, teacher_tokenizer: Tokenizer) -> float:
    """Correlate the cosines of texts by a static model with those of the teacher's centred vectors."""
    rng = np.random.default_rng(1)
    words = [token.replace("##", "").replace("Ġ", "") for token in teacher_tokenizer.get_vocab()]
    words = sorted({word for word in words if word.isalpha()})
    texts = [" ".join(rng.choice(words, 5)) for _ in range(80)]
    rows = teacher_rows(WIDTH, teacher_tokenizer.get_vocab_size())
    sentences = []
    for text in texts:
        ids = teacher_tokenizer.encode(text).ids
        hidden = rows[ids] + 0.01 * np.arange(1, len(ids) + 1)[:, None]
        sentences.append(hidden.mean(axis=0) / np.linalg.norm(hidden.mean(axis=0)))
    wanted = np.array(sentences) - np.mean(sentences, axis=0)
    wanted /= np.linalg.norm(wanted, axis=1, keepdims=True)
    found = model.encode(texts)
    upper = np.triu_indices(len(texts), 1)
    return float(np.corrcoef((wanted @ wanted.T)[upper], (found @ found.T)[upper])[0, 1])


def test_texts_are_compared_as_the_teacher_compares_them(folder):
    own = Tokenizer.from_file(str(folder / "tokenizer.json"))
    fitted = distill(folder, sequences=300, scaling=0, pca_dims=None)
    plain = distill(folder, recipe="model2vec-0.10", pca_dims=None)
    assert fitted.config.recipe.name == "m2v-onnx-1"
    assert likeness(fitted, own) > likeness(plain, own) + 0.05


@pytest.mark.parametrize(("pca_dims", "dim"), [(None, 6), (2, 2), (0.5, None), ("auto", 6)])
def test_the_number_of_columns(tmp_path, pca_dims, dim):
    folder = write_teacher(tmp_path / "teacher", "WordLevel")
    (folder / "config.json").write_text(json.dumps({"hidden_size": WIDTH}))
    model = distill(folder, sequences=100, pca_dims=pca_dims)
    assert model.dim == dim if dim else 1 <= model.dim < 6
    assert np.isfinite(model.table).all()


def test_the_first_columns_are_the_fit_of_fewer(tmp_path):
    folder = write_teacher(tmp_path / "teacher", "WordLevel")
    (folder / "config.json").write_text(json.dumps({"hidden_size": WIDTH}))
    two, five = (distill(folder, sequences=100, pca_dims=dims, ridge=None, scaling=0) for dims in (2, 5))
    cosines = [
        np.dot(a, b) / np.linalg.norm(a) / np.linalg.norm(b)
        for a, b in zip(two.table.T, five.table.T, strict=False)
    ]
    assert min(cosines) > 0.99  # matching has the lengths of all columns


@pytest.mark.parametrize("mode", ["extend", "only"])
def test_words_of_ones_own_are_fitted_too(teacher, mode):
    words = ["sunlight", "star", "moon sun"]
    model = distill(teacher, vocabulary=words, vocabulary_mode=mode, **SMALL)
    vocab = model.tokenizer.get_vocab()
    assert set(words) <= set(vocab)
    rows = model.table[[vocab[word] for word in words]]
    assert np.isfinite(rows).all()
    assert np.linalg.norm(rows, axis=1).min() > 0
    assert model.tokenize(["the moon sun starless sunlight"])[0][-1] == vocab["sunlight"]


def test_the_teacher_pools_as_its_modules_say(teacher):
    write_modules(teacher, "Transformer", "Pooling", Pooling={"pooling_mode": "lasttoken"})
    by_last = distill(teacher, **SMALL)
    write_modules(teacher, "Transformer", "Pooling", Pooling={"pooling_mode": "mean"})
    by_mean = distill(teacher, **SMALL)
    assert not np.allclose(by_last.table, by_mean.table)


def test_a_decoder_that_pools_its_last_token(tmp_path):
    """Behind no special token, the last position is the last token: rows point where the tokens' own do."""
    folder = write_teacher(tmp_path / "teacher", "WordLevel", suffix=False)
    (folder / "config.json").write_text(json.dumps({"hidden_size": WIDTH}))
    write_modules(folder, "Transformer", "Pooling", Pooling={"pooling_mode": "lasttoken"})
    model = distill(folder, sequences=2000, pca_dims=None, scaling=0, frequencies="zipf")
    vocab = model.tokenizer.get_vocab()
    rows = teacher_rows(WIDTH, 12)[4:]
    wanted = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    wanted -= wanted.mean(axis=0)
    found = model.table[[vocab[word] for word in WORDS]]
    found = found - found.mean(axis=0)
    similar = np.corrcoef((wanted @ wanted.T)[np.triu_indices(8)], (found @ found.T)[np.triu_indices(8)])
    assert similar[0, 1] > 0.9


def test_the_same_bytes_on_any_number_of_threads_and_others_by_another_seed(teacher):
    one, two = (distill(teacher, execution=Execution(n_threads=n), **SMALL).table for n in (1, 2))
    assert one.tobytes() == two.tobytes()
    assert distill(teacher, seed=1, **SMALL).table.tobytes() != one.tobytes()


def test_frequencies_of_ones_own(teacher, tmp_path):
    (tmp_path / "counts.tsv").write_text("sun\t1000000\nmoon\t1\n")
    options = {"ridge": None, "scaling": 0, "pca_dims": None, "sequences": 300}
    model = distill(teacher, frequencies=str(tmp_path / "counts.tsv"), **options)
    lengths = np.linalg.norm(model.table, axis=1)
    vocab = model.tokenizer.get_vocab()
    assert lengths[vocab["sun"]] < 0.1 * lengths[vocab["moon"]]


def test_choices_that_would_change_nothing_are_refused(teacher):
    with pytest.raises(
        ArgumentError, match="pooling changes nothing where sequences is 12000, found 'first'"
    ):
        distill(teacher, pooling="first")
    with pytest.raises(ArgumentError, match=r"ridge changes nothing where sequences is None.*--sequences N"):
        distill(teacher, recipe="model2vec-0.10", ridge=1.0)
    with pytest.raises(ArgumentError, match="word_padding is for words of your own, found none"):
        distill(teacher, word_padding="none")
    with pytest.raises(ArgumentError, match="a teacher in int8 is for a fit, found sequences None"):
        distill(teacher, recipe="model2vec-0.10", execution=Execution(precision="int8"))
    with pytest.raises(
        ArgumentError, match="the number of a GPU for CUDA, from 0, found 1 for the provider cpu"
    ):
        Execution("cpu", device_id=1)
    by_tokens = distill(teacher, pooling="inner", sequences=None, pca_dims=2)
    assert by_tokens.config.recipe.pooling == "inner"


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"sequences": 0}, "sequences must be 1 or more, found 0"),
        ({"sequences": 1, "pca_dims": 3}, "pca_dims must be less than the number of texts to fit to, 2"),
        ({"pca_dims": 9}, "pca_dims must be at most the teacher's width, 4, found 9"),
        ({"ridge": -1.0}, "ridge must be above 0"),
        ({"scaling": 2.0}, "scaling must lie between 0 and 1, found 2.0"),
        ({"longest_sequence": 129}, "longest_sequence must be 128 or less, found 129"),
        ({"weighting": "none", "frequencies": "zipf"}, "frequencies changes nothing where weighting is none"),
        ({"shortest_sequence": 9, "longest_sequence": 3}, "longest_sequence must be at least"),
        ({"frequencies": "nowhere.tsv"}, "expected to read nowhere.tsv, found No such file"),
        ({"seed": -1}, "seed must be a whole number from 0"),
        ({"seed": "x"}, "seed must be a whole number from 0"),
    ],
)
def test_bad_choices(teacher, choices, message):
    with pytest.raises(ArgumentError, match=message):
        distill(teacher, **choices)


def test_a_teacher_that_says_the_same_of_all_texts(teacher):
    write_modules(teacher, "Transformer", "Pooling", Pooling={"pooling_mode": "cls"})
    with pytest.raises(
        TeacherError, match="expected sentence vectors that differ, found the same one for all"
    ):
        distill(teacher, **SMALL)


def test_a_teacher_of_numbers_that_are_not_finite(tmp_path):
    graph = tiny_teacher_graph()
    graph.graph.initializer[0].raw_data = np.full((len(TEACHER_TOKENS), 4), np.nan, np.float32).tobytes()
    folder = write_tiny_teacher(tmp_path / "teacher", graph)
    with pytest.raises(TeacherError, match="expected sentence vectors of finite numbers, found NaN"):
        distill(folder, **SMALL)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_hardly_a_sequence(teacher, n):
    assert np.isfinite(distill(teacher, sequences=n, pca_dims=1, recipe="m2v-onnx-1").table).all()
