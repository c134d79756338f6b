"""Shares, targets, map, matching, ridge and scaling: against numbers by hand, and dense algebra."""

from __future__ import annotations

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from m2v_onnx.fit.features import TokenFeatures
from m2v_onnx.fit.linear_map import fit_map
from m2v_onnx.fit.matching import encode, match_lengths
from m2v_onnx.fit.ridge import refine_rows
from m2v_onnx.fit.shares import Shares
from m2v_onnx.fit.table import fit_table
from m2v_onnx.fit.targets import reduce_targets
from m2v_onnx.tokenizer.token_ids import TokenIds


def shares_of(*texts: list[int], n_tokens: int) -> Shares:
    return Shares(TokenIds.of(texts), n_tokens)


def dense(shares: Shares) -> np.ndarray:
    return np.concatenate([block.toarray() for _, block in shares.blocks()])


def random_shares(n_texts: int, n_tokens: int, *, seed: int = 0) -> Shares:
    """Make texts of 1 to 6 of the tokens but the last one, which none holds."""
    rng = np.random.default_rng(seed)
    texts = [rng.integers(n_tokens - 1, size=rng.integers(1, 7)).tolist() for _ in range(n_texts)]
    return Shares(TokenIds.of(texts), n_tokens)


def normals(*shape: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


class TestShares:
    def test_a_row_holds_the_share_of_each_token(self):
        shares = shares_of([0, 1, 1, 3], [2], n_tokens=4)
        assert dense(shares).tolist() == [[0.25, 0.5, 0, 0.25], [0, 0, 1, 0]]
        assert len(shares) == 2

    def test_squared_sums(self):
        shares = shares_of([0, 1, 1, 3], [1, 0], n_tokens=4)
        assert shares.squared_sums().tolist() == [0.0625 + 0.25, 0.25 + 0.25, 0, 0.0625]

    def test_the_texts_stay_as_they_are(self):
        shares = shares_of([3, 1, 1, 0], [1, 0], n_tokens=4)
        shares.squared_sums()
        assert shares.token_ids.ids.tolist() == [3, 1, 1, 0, 1, 0]

    def test_blocks_cover_every_text(self):
        shares = random_shares(9000, 5)
        assert [rows.stop - rows.start for rows, _ in shares.blocks()] == [4096, 4096, 808]
        assert dense(shares).sum(axis=1) == pytest.approx(np.ones(9000))


class TestTargets:
    # Around (1, 1): 3 from it along the first axis, 1 along the second.
    vectors = np.array([[4, 1], [-2, 1], [1, 2], [1, 0]], np.float32)

    def test_centred_and_on_the_components(self):
        targets = reduce_targets(self.vectors, None)
        assert targets.variances.tolist() == pytest.approx([4.5, 0.5])
        assert targets.vectors == pytest.approx(np.array([[3, 0], [-3, 0], [0, 1], [0, -1]]))

    @pytest.mark.parametrize(("asked", "found"), [(1, 1), (2, 2), (0.5, 1), (0.9, 1), (0.91, 2), (None, 2)])
    def test_columns(self, asked, found):
        targets = reduce_targets(self.vectors, asked)
        assert targets.vectors.shape == (4, found)
        assert len(targets.variances) == found


class TestMap:
    def test_by_hand(self):
        # X is [[1, 1], [-0.5, 0.5]], and each text one token: w1 + w2 = 2 and -0.5 w1 + 0.5 w2 = 0.
        features = TokenFeatures.of(np.array([[1.0], [-1.0]], np.float16), np.array([1, 0.5]))
        targets = np.array([[2], [0]], np.float32)
        matrix = fit_map(shares_of([0], [1], n_tokens=2), features, targets, damping=0)
        assert matrix.tolist() == pytest.approx(np.array([[1], [1]]))
        assert features.map(matrix) == pytest.approx(targets)

    def test_as_dense_algebra_gives_it(self):
        shares, targets = random_shares(5000, 40), normals(5000, 3)
        states, weights = normals(40, 7, seed=2), np.linspace(0.1, 1, 40)
        matrix = fit_map(shares, TokenFeatures.of(states, weights), targets, damping=0.01)
        rows = np.concatenate([states - states.mean(axis=0), np.ones((40, 1))], axis=1) * weights[:, None]
        sums = dense(shares).astype(np.float64) @ rows
        gram = sums.T @ sums
        expected = np.linalg.solve(gram + 0.01 * np.trace(gram) / 8 * np.eye(8), sums.T @ targets)
        assert matrix == pytest.approx(expected, rel=1e-3, abs=1e-4)


class TestMatching:
    def test_by_hand(self):
        # <Y, Z> / <Z, Z> = 6 / 4; the text's vector of length 2 becomes 3 long, and so must its target.
        targets = np.array([[3, 4], [1, 0]], np.float32)
        match_lengths(targets, np.array([[2, 0], [0, 0]], np.float32))
        assert targets == pytest.approx(np.array([[1.8, 2.4], [0, 0]]))

    def test_encode_is_the_mean_of_the_rows(self):
        table = np.array([[1, 2], [3, 4]], np.float32)
        assert encode(shares_of([0, 1], [1], n_tokens=2), table).tolist() == [[2, 3], [3, 4]]


class TestRidge:
    def test_by_hand(self):
        # One token, two texts of it, targets 2 and 4: E0 = 3; nothing to gain.
        table = np.array([[1.0]], np.float32)
        refine_rows(shares_of([0], [0], n_tokens=1), np.array([[2], [4]], np.float32), table, strength=0.5)
        assert table.tolist() == [[3]]

    def test_a_step_between_map_and_target(self):
        # E0 = (1, 1); A'A = I, so that each row moves 1 / (1 + 0.5) of its way.
        table = np.ones((2, 1), np.float32)
        refine_rows(shares_of([0], [1], n_tokens=2), np.array([[4], [-2]], np.float32), table, strength=0.5)
        assert table.tolist() == pytest.approx(np.array([[3], [-1]]))

    def test_as_dense_algebra_gives_it(self):
        shares, targets, table = random_shares(300, 30), normals(300, 70), normals(30, 70, seed=2)
        matrix = dense(shares).astype(np.float64)
        texts = matrix @ table
        start = table * (texts * targets).sum() / (texts * texts).sum()
        normal = matrix.T @ matrix + 0.5 * np.eye(30)
        expected = np.linalg.solve(normal, matrix.T @ targets + 0.5 * start)
        refine_rows(shares, targets, table, strength=0.5)
        assert table == pytest.approx(expected, abs=2e-3)

    def test_a_token_in_no_text_keeps_its_row(self):
        shares, targets, table = random_shares(300, 30), normals(300, 3), normals(30, 3, seed=2)
        texts = encode(shares, table)
        factor = np.float32((texts * targets).sum(dtype=np.float64) / (texts * texts).sum(dtype=np.float64))
        last = table[-1].copy()
        others = table[:-1].copy()
        refine_rows(shares, targets, table, strength=0.5)
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
        table = fit_table(shares, reduce_targets(vectors, None), features, ridge=ridge, scaling=0)
        found = encode(shares, table)
        wanted = reduce_targets(vectors, None).vectors
        lengths = np.linalg.norm(found, axis=1) * np.linalg.norm(wanted, axis=1)
        assert float(((found * wanted).sum(axis=1) / lengths).mean()) > 0.98

    def test_the_same_bytes_on_any_number_of_threads(self):
        shares, vectors, features = self.teacher()
        tables = []
        for n_threads in (1, 2):
            with threadpool_limits(n_threads, user_api="blas"):
                tables.append(
                    fit_table(shares, reduce_targets(vectors, 5), features, ridge=0.5, scaling=0.25)
                )
        assert tables[0].shape == (50, 5)
        assert tables[0].tobytes() == tables[1].tobytes()

    def test_columns_are_scaled_by_their_variance(self):
        shares, vectors, features = self.teacher()
        plain, scaled = (
            fit_table(shares, reduce_targets(vectors, 4), features, ridge=0.5, scaling=exponent)
            for exponent in (0, 0.25)
        )
        variances = reduce_targets(vectors, 4).variances
        assert scaled == pytest.approx(plain * variances**-0.25, rel=1e-4)
