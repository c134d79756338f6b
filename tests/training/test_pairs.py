"""Search learned from pairs of texts."""

from __future__ import annotations

import numpy as np
import pytest

from m2v_onnx.errors import ArgumentError
from m2v_onnx.tokenizer.token_ids import TokenIds
from m2v_onnx.training import PairOptions, train_pairs
from m2v_onnx.training.contrast import contrast, reciprocal_ranks
from m2v_onnx.training.pairs import train_and_score_pairs
from m2v_onnx.training.token_batches import drop, mean_shares, to_unit, unit_gradient
from tests.training.builders import WORDS, word_model


def pairs(n_pairs: int) -> tuple[list[str], list[str]]:
    """Give texts of two words, whose partner has two others in their place."""
    places = np.random.default_rng(0).integers(6, size=(n_pairs, 2))
    return tuple(
        [f"{words[one]} {words[other]}" for one, other in places] for words in (WORDS[:6], WORDS[6:])
    )


def test_partners_are_found_better_than_before():
    texts, others = pairs(300)
    trained = train_and_score_pairs(word_model(), texts, others, options=PairOptions(n_epochs=40))
    assert trained.mrr_after > trained.mrr_before + 0.1
    assert (trained.n_pairs, trained.n_held_out) == (270, 30)
    before, after = (
        (model.encode(texts[:50]) * model.encode(others[:50])).sum(axis=1).mean()
        for model in (word_model(), trained.model)
    )
    assert after > before


def test_what_is_no_better_stays_as_it_is(caplog):
    model = word_model()
    words = [f"{one} {other}" for one in WORDS[:6] for other in WORDS[6:]]
    assert train_pairs(model, words, words) is model  # every text is its own partner, and found already
    assert "are not found better (MRR 1.000, was 1.000)" in caplog.text


def test_the_same_pairs_and_seed_give_the_same_bytes():
    one, other = (train_pairs(word_model(), *pairs(100), options=PairOptions(seed=4)) for _ in range(2))
    assert one.table.tobytes() == other.table.tobytes()


def test_only_rows_that_texts_show_move():
    model = word_model()
    trained = train_pairs(model, *pairs(300), options=PairOptions(n_epochs=40, dims=(4, 2)))
    token = model.tokenizer.token_to_id
    np.testing.assert_array_equal(trained.table[token("##s")], model.table[token("##s")])
    assert not np.array_equal(trained.table[token("the")], model.table[token("the")])
    assert trained.config.recipe is None


@pytest.mark.parametrize(
    ("texts", "others", "message"),
    [
        (["a"], ["b", "c"], "expected a partner for each text, found 1 texts and 2 partners"),
        (["a", None], ["b", "c"], "expected two texts in row 1, found None"),
        (["a", "b"], ["b", 3], "expected two texts in row 1, found 3"),
        ("a", ["b"], "texts must be a list of texts, found one text"),
        ([], [], "expected 20 pairs or more to learn from, found 0"),
        (["good"] * 30, ["comet"] * 15 + ["bad"] * 15, "expected 20 pairs or more to learn from, found 15"),
    ],
)
def test_bad_pairs_are_refused(texts, others, message):
    with pytest.raises(ArgumentError, match=message):
        train_pairs(word_model(), texts, others)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_epochs": 0}, "n_epochs must be 1 or more"),
        ({"dims": (0,)}, "dims must be 1 or more"),
        ({"held_out": 1.0}, "held_out must lie between 0 and 1, found 1.0"),
        ({"seed": -1}, "seed must be a whole number"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ArgumentError, match=message):
        PairOptions(**options)


def test_more_columns_than_there_are_is_refused():
    with pytest.raises(ArgumentError, match="dims must be 8 columns or fewer, found 9"):
        train_pairs(word_model(), *pairs(30), options=PairOptions(dims=(4, 9)))


def loss(first, second, is_same):
    cosines = first @ second.T / 0.05
    cosines[(is_same | is_same.T) & ~np.eye(len(first), dtype=bool)] = -np.inf
    both = [
        np.log(np.exp(z - z.max(axis=1, keepdims=True)).sum(axis=1)) + z.max(axis=1)
        for z in (cosines, cosines.T)
    ]
    return (sum(both) / 2 - cosines.diagonal()).mean()


def test_the_slope_is_that_of_the_loss():
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(2, 4, 3)) / 4
    is_same = np.zeros((4, 4), bool)
    is_same[0, 2] = True
    slopes = contrast(first.copy(), second.copy(), is_same)
    for which, slope in enumerate(slopes):
        for place in np.ndindex(4, 3):
            step = np.zeros((2, 4, 3))
            step[which][place] = 1e-6
            moved = loss(first + step[0], second + step[1], is_same) - loss(first, second, is_same)
            assert slope[place] == pytest.approx(moved / 1e-6, abs=1e-3)


def test_ranks_by_hand():
    first = np.array([[1, 0], [0, 1], [0.6, 0.8]], np.float32)
    second = np.array([[0.6, 0.8], [0, 1], [1, 0]], np.float32)
    assert reciprocal_ranks(first, second, np.arange(3)).tolist() == [1 / 2, 1, 1 / 3]
    assert reciprocal_ranks(first, second, np.array([0, 1, 0])).tolist() == [1, 1, 1 / 2]


def test_the_gradient_of_a_unit_vector_by_hand():
    unit, lengths = to_unit(np.array([[3, 4], [0, 0]], np.float32))
    np.testing.assert_allclose(unit, [[0.6, 0.8], [0, 0]], rtol=1e-6)
    assert lengths.tolist() == [[5], [1]]
    found = unit_gradient(np.array([[1, 0], [1, 2]], np.float32), unit, lengths)
    np.testing.assert_allclose(found, [[(1 - 0.36) / 5, -0.48 / 5], [1, 2]], rtol=1e-6)


def test_dropout_leaves_one_token_of_each_text():
    tokens = TokenIds.of([[5], [], [6, 7, 8, 9], [10]])
    for seed in range(20):
        left = drop(tokens, 0.999, np.random.default_rng(seed))
        assert left.lengths.tolist() == [1, 0, 1, 1]
        assert (left.to_lists()[0], left.to_lists()[3]) == ([5], [10])
        assert left.to_lists()[2][0] in (6, 7, 8, 9)
    assert drop(tokens, 0.0, np.random.default_rng(0)).to_lists() == tokens.to_lists()


def test_means_as_a_product():
    shares, used = mean_shares(TokenIds.of([[3, 5, 3], [9], []]).take(np.array([2, 0])))
    assert used.tolist() == [3, 5]
    np.testing.assert_allclose(shares.toarray(), [[0, 0], [2 / 3, 1 / 3]], rtol=1e-6)
