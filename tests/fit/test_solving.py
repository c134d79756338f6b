"""Shares, targets, map, matching, ridge and scaling: against numbers by hand, and dense algebra."""

from __future__ import annotations

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from m2v_onnx.fit.features import TokenFeatures
from m2v_onnx.fit.held_out import TeacherVectors, fit_to_texts
from m2v_onnx.fit.linear_map import fit_map
from m2v_onnx.fit.matching import best_factor, match_lengths, mean_cosine
from m2v_onnx.fit.ridge import refine_rows
from m2v_onnx.fit.shares import Shares
from m2v_onnx.fit.stored_rows import StoredRows
from m2v_onnx.fit.table import FitChoices, fit_table
from m2v_onnx.fit.targets import Targets, column_scales, reduce_targets
from m2v_onnx.tokenizer.token_ids import TokenIds


def shares_of(*texts: list[int], n_tokens: int) -> Shares:
    return Shares((TokenIds.of(texts),), n_tokens)


def dense(shares: Shares) -> np.ndarray:
    return np.concatenate([block.toarray() for _, block in shares.blocks()])


def encode(shares: Shares, table: np.ndarray) -> np.ndarray:
    return (dense(shares) @ table).astype(np.float32)


def plain(vectors: np.ndarray) -> Targets:
    """Make targets that are the vectors themselves."""
    width = vectors.shape[1]
    return Targets(
        StoredRows.of(vectors.astype(np.float32)),
        np.zeros(width, np.float32),
        np.eye(width, dtype=np.float32),
        np.ones(width),
        np.ones(len(vectors), np.float32),
    )


def all_rows(targets: Targets) -> np.ndarray:
    return targets.rows(slice(0, len(targets.sentence_vectors)))


def reduced(vectors: np.ndarray, n_columns: int | float | None) -> Targets:
    return reduce_targets(StoredRows.of(vectors), n_columns)


def random_shares(n_texts: int, n_tokens: int, *, seed: int = 0) -> Shares:
    """Make texts of 1 to 6 of the tokens but the last one, which none holds."""
    rng = np.random.default_rng(seed)
    texts = [rng.integers(n_tokens - 1, size=rng.integers(1, 7)).tolist() for _ in range(n_texts)]
    return Shares((TokenIds.of(texts),), n_tokens)


def normals(*shape: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


class TestShares:
    def test_a_row_holds_the_share_of_each_token(self):
        shares = shares_of([0, 1, 1, 3], [2], n_tokens=4)
        assert dense(shares).tolist() == [[0.25, 0.5, 0, 0.25], [0, 0, 1, 0]]
        assert len(shares) == 2

    def test_parts_stand_one_behind_the_other(self):
        parts = (TokenIds.of([[0]] * 3), TokenIds.of([[1, 1], [0, 1]]))
        shares = Shares(parts, 2)
        assert dense(shares).tolist() == [[1, 0], [1, 0], [1, 0], [0, 1], [0.5, 0.5]]
        assert [(rows.start, rows.stop) for rows, _ in shares.blocks(2)] == [(0, 2), (2, 3), (3, 5)]

    def test_squared_sums(self):
        shares = shares_of([0, 1, 1, 3], [1, 0], n_tokens=4)
        assert shares.squared_sums().tolist() == [0.0625 + 0.25, 0.25 + 0.25, 0, 0.0625]

    def test_the_texts_stay_as_they_are(self):
        shares = shares_of([3, 1, 1, 0], [1, 0], n_tokens=4)
        shares.squared_sums()
        assert shares.parts[0].ids.tolist() == [3, 1, 1, 0, 1, 0]

    def test_blocks_cover_every_text(self):
        shares = random_shares(9000, 5)
        assert [rows.stop - rows.start for rows, _ in shares.blocks()] == [4096, 4096, 808]
        assert dense(shares).sum(axis=1) == pytest.approx(np.ones(9000))


class TestTargets:
    # Around (1, 1): 3 from it along the first axis, 1 along the second.
    vectors = np.array([[4, 1], [-2, 1], [1, 2], [1, 0]], np.float32)

    def test_centred_and_on_the_components(self):
        targets = reduced(self.vectors, None)
        assert targets.variances.tolist() == pytest.approx([4.5, 0.5])
        assert all_rows(targets) == pytest.approx(np.array([[3, 0], [-3, 0], [0, 1], [0, -1]]))
        assert targets.rows(slice(1, 3), slice(1, 2)) == pytest.approx(np.array([[0], [1]]))

    def test_other_vectors_on_the_same_components(self):
        targets = reduced(self.vectors, None)
        targets.factors[:] = 2
        others = targets.of(StoredRows.of(np.array([[2, 2]], np.float32)))
        assert all_rows(others) == pytest.approx(np.array([[1, 1]]))

    @pytest.mark.parametrize(("asked", "found"), [(1, 1), (2, 2), (0.5, 1), (0.9, 1), (0.91, 2), (None, 2)])
    def test_columns(self, asked, found):
        targets = reduced(self.vectors, asked)
        assert all_rows(targets).shape == (4, found)
        assert len(targets.variances) == found


class TestMap:
    def test_by_hand(self):
        # X is [[1, 1], [-0.5, 0.5]], and each text one token: w1 + w2 = 2 and -0.5 w1 + 0.5 w2 = 0.
        features = TokenFeatures.of(np.array([[1.0], [-1.0]], np.float16), np.array([1, 0.5]))
        targets = np.array([[2], [0]], np.float32)
        matrix, _ = fit_map(shares_of([0], [1], n_tokens=2), features, plain(targets), damping=0)
        assert matrix.tolist() == pytest.approx(np.array([[1], [1]]))
        assert features.map(matrix) == pytest.approx(targets)

    def test_as_dense_algebra_gives_it(self):
        shares, targets = random_shares(5000, 40), normals(5000, 3)
        states, weights = normals(40, 7, seed=2), np.linspace(0.1, 1, 40)
        features = TokenFeatures.of(states, weights)
        _, known = fit_map(shares, features, plain(normals(5000, 3, seed=4)), damping=0.01)
        matrix, gram_found = fit_map(shares, features, plain(targets), damping=0.01)
        rows = np.concatenate([states - states.mean(axis=0), np.ones((40, 1))], axis=1) * weights[:, None]
        sums = dense(shares).astype(np.float64) @ rows
        gram = sums.T @ sums
        expected = np.linalg.solve(gram + 0.01 * np.trace(gram) / 8 * np.eye(8), sums.T @ targets)
        assert matrix == pytest.approx(expected, rel=1e-3, abs=1e-4)
        assert gram_found == pytest.approx(gram, rel=1e-4)
        again, _ = fit_map(shares, features, plain(targets), damping=0.01, gram=known)
        assert again.tobytes() == matrix.tobytes()


class TestMatching:
    # <Y, Z> / <Z, Z> = 6 / 4; the text's vector of length 2 becomes 3 long, and so must its target.
    shares = shares_of([0], [1], n_tokens=2)
    table = np.array([[2, 0], [0, 0]], np.float32)
    vectors = np.array([[3, 4], [1, 0]], np.float32)

    def test_by_hand(self):
        targets = plain(self.vectors)
        match_lengths(targets, self.shares, self.table)
        assert all_rows(targets) == pytest.approx(np.array([[1.8, 2.4], [0, 0]]))

    def test_best_factor_by_hand(self):
        assert best_factor(plain(self.vectors), self.shares, self.table) == 1.5

    def test_mean_cosine_by_hand(self):
        # The second text's vector is zero, and counts as 0.
        assert mean_cosine(plain(self.vectors), self.shares, self.table) == pytest.approx(0.3)


class TestRidge:
    def test_by_hand(self):
        # One token, two texts of it, targets 2 and 4: E0 = 3; nothing to gain.
        table = np.array([[1.0]], np.float32)
        refine_rows(shares_of([0], [0], n_tokens=1), plain(np.array([[2], [4]])), table, strength=0.5)
        assert table.tolist() == [[3]]

    def test_a_step_between_map_and_target(self):
        # E0 = (1, 1); A'A = I, so that each row moves 1 / (1 + 0.5) of its way.
        table = np.ones((2, 1), np.float32)
        refine_rows(shares_of([0], [1], n_tokens=2), plain(np.array([[4], [-2]])), table, strength=0.5)
        assert table.tolist() == pytest.approx(np.array([[3], [-1]]))

    def test_as_dense_algebra_gives_it(self):
        shares, targets, table = random_shares(300, 30), normals(300, 70), normals(30, 70, seed=2)
        matrix = dense(shares).astype(np.float64)
        texts = matrix @ table
        start = table * (texts * targets).sum() / (texts * texts).sum()
        normal = matrix.T @ matrix + 0.5 * np.eye(30)
        expected = np.linalg.solve(normal, matrix.T @ targets + 0.5 * start)
        refine_rows(shares, plain(targets), table, strength=0.5)
        assert table == pytest.approx(expected, abs=2e-3)

    def test_a_token_in_no_text_keeps_its_row(self):
        shares, targets, table = random_shares(300, 30), normals(300, 3), normals(30, 3, seed=2)
        texts = encode(shares, table)
        factor = np.float32((texts * targets).sum(dtype=np.float64) / (texts * texts).sum(dtype=np.float64))
        last = table[-1].copy()
        others = table[:-1].copy()
        refine_rows(shares, plain(targets), table, strength=0.5)
        assert table[-1] == pytest.approx(factor * last, rel=1e-5)
        assert np.abs(table[:-1] - factor * others).min() > 0


class TestTable:
    def teacher(self) -> tuple[Shares, np.ndarray, TokenFeatures]:
        """Make a teacher that is the mean of rows, whose states are a turned copy of the rows."""
        shares, rows = random_shares(2000, 50), normals(50, 12)
        turn = np.linalg.qr(normals(12, 12, seed=3))[0]
        vectors = encode(shares, rows)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return shares, vectors, TokenFeatures.of(rows @ turn, np.ones(50))

    @pytest.mark.parametrize("ridge", [None, 0.5])
    def test_a_teacher_that_is_static_is_found(self, ridge):
        shares, vectors, features = self.teacher()
        targets = reduced(vectors, None)
        table = fit_table(shares, targets, features, ridge=ridge)
        assert mean_cosine(targets, shares, table) > 0.98

    def test_the_same_bytes_on_any_number_of_threads(self):
        shares, vectors, features = self.teacher()
        tables = []
        for n_threads in (1, 2):
            with threadpool_limits(n_threads, user_api="blas"):
                tables.append(fit_table(shares, reduced(vectors, 5), features, ridge=0.5))
        assert tables[0].shape == (50, 5)
        assert tables[0].tobytes() == tables[1].tobytes()

    def test_the_targets_stay_as_they_are(self):
        shares, vectors, features = self.teacher()
        targets = reduced(vectors, 5)
        fit_table(shares, targets, features, ridge=0.5)
        assert targets.factors.tolist() == [1.0] * 2000

    def test_columns_are_scaled_by_their_variance(self):
        assert column_scales(np.array([16.0, 1.0]), 0.25) == pytest.approx(np.array([0.5, 1]))


class TestTexts:
    def answers(self) -> tuple[list[TeacherVectors], TokenFeatures]:
        """Make a teacher that is the mean of rows of which the features say half."""
        rows = normals(50, 12)
        answers = []
        for n_texts, seed in ((200, 0), (4000, 1), (300, 2)):
            shares = random_shares(n_texts, 50, seed=seed)
            answers.append(TeacherVectors(shares.parts[0], StoredRows.of(encode(shares, rows))))
        return answers, TokenFeatures.of(rows[:, :6], np.ones(50))

    @pytest.mark.parametrize("is_base", [False, True])
    def test_texts_bring_a_table_nearer_to_the_teacher(self, is_base):
        answers, features = self.answers()
        fit = fit_to_texts(answers, features, choices=FitChoices(12, 0.5, 0.25), is_base=is_base)
        before, after = fit.cosines
        assert fit.is_better
        assert before < 0.97
        assert after > 0.99
        targets = reduce_targets(StoredRows.joined([part.vectors for part in answers[:2]]), 12)
        unscaled = fit.table / column_scales(targets.variances, 0.25)
        held = Shares((answers[2].token_ids,), 50)
        assert mean_cosine(targets.of(answers[2].vectors), held, unscaled) == pytest.approx(after, abs=1e-6)

    def test_texts_that_mislead_are_of_no_use(self):
        answers, features = self.answers()
        wrong = StoredRows.of(normals(4000, 12, seed=5))
        answers[0], answers[1] = answers[1], TeacherVectors(answers[1].token_ids, wrong)
        fit = fit_to_texts(answers, features, choices=FitChoices(12, 0.5, 0.25))
        assert fit.cosines[0] > fit.cosines[1]
        assert not fit.is_better

    def test_without_held_texts_nothing_is_measured(self, caplog):
        answers, features = self.answers()
        answers[2] = TeacherVectors(TokenIds.of([]), StoredRows((), (), 12))
        fit = fit_to_texts(answers, features, choices=FitChoices(3, 0.5, 0.25))
        assert fit.cosines is None
        assert fit.is_better
        assert "too few texts to hold some out" in caplog.text
