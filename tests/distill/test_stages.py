"""Words, embedding, reduction, weighting: each stage by itself."""

from __future__ import annotations

import numpy as np
import pytest

from m2v_onnx.distill.reduction import reduce_dimensions
from m2v_onnx.distill.words import read_words
from m2v_onnx.errors import ArgumentError
from m2v_onnx.model.recipe import Recipe
from m2v_onnx.teacher.embedding import embed_tokens, pool_hidden_states
from m2v_onnx.teacher.options import Execution
from m2v_onnx.teacher.session import TeacherSession
from m2v_onnx.tokenizer.token_ids import TokenIds
from tests.builders import teacher_rows, tiny_teacher_graph


class TestWords:
    def write(self, tmp_path, content):
        path = tmp_path / "words.txt"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def test_lines_as_they_are(self, tmp_path):
        path = self.write(tmp_path, "\ufeffsun\r\n# no comment\n\n padded \nsun")
        assert read_words(path) == ["sun", "# no comment", "", " padded ", "sun"]

    def test_counts_put_the_most_frequent_first(self, tmp_path):
        assert read_words(self.write(tmp_path, "a\t2\nb\t10\nc\t2.5\nd\t2\n")) == ["b", "c", "a", "d"]

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (b"", "expected one word a line in .*words.txt, found an empty file"),
            (b"\n \n", "found an empty file"),
            (
                b"sun\nmo\xffon\n",
                "expected UTF-8 text in .*words.txt, found other bytes in line 2: convert it",
            ),
            (b"sun\n\x00\x01\n", "found a NUL byte in line 2"),
            (b"x" * 1_000_000, "found 1000000 characters in line 1"),
            (b"sun\t3\nmoon\n", "expected word<TAB>count with .* in line 2 of .*found 'moon'"),
            (b"sun\t3\nmoon\tmany\n", "expected word<TAB>count with .* in line 2"),
        ],
    )
    def test_bad_files(self, tmp_path, content, message):
        with pytest.raises(ArgumentError, match=message):
            read_words(self.write(tmp_path, content))

    def test_no_file(self, tmp_path):
        with pytest.raises(ArgumentError, match="expected to read .*words.txt, found No such file"):
            read_words(tmp_path / "words.txt")


class TestSequences:
    def test_batches_hold_one_length_each(self):
        packed = TokenIds.of([[1, 2], [3], [4, 5], [6], [7, 8]])
        batches = [packed.rows(indices).tolist() for indices in packed.batches(n_positions=4)]
        assert batches == [[[3], [6]], [[1, 2], [4, 5]], [[7, 8]]]

    def test_a_batch_size_of_ones_own(self):
        packed = TokenIds.of([[1], [2], [3]])
        assert [len(indices) for indices in packed.batches(100, batch_size=2)] == [2, 1]


@pytest.fixture
def session(tmp_path):
    def make(**graph):
        path = tmp_path / "model.onnx"
        path.write_bytes(tiny_teacher_graph(**graph).SerializeToString())
        return TeacherSession(path, Execution(provider="cpu"))

    return make


class TestEmbedding:
    def test_rows_are_pooled_in_the_order_of_the_sequences(self, session):
        sequences = TokenIds.of([[3, 7, 4], [3, 4], [3, 8, 9, 4]])
        rows = teacher_rows()
        options = {"execution": Execution(batch_size=1, n_threads=2)}
        mean = embed_tokens(session(), sequences, pooling="mean", **options)
        # Position k, counted from 1, adds 0.01 x k.
        expected = [
            rows[[3, 7, 4]].mean(0) + 0.02,
            rows[[3, 4]].mean(0) + 0.015,
            rows[[3, 8, 9, 4]].mean(0) + 0.025,
        ]
        np.testing.assert_allclose(mean, expected, rtol=1e-5)
        inner = embed_tokens(session(), sequences, pooling="inner", **options)
        np.testing.assert_allclose(inner[[0, 2]], [rows[7] + 0.02, rows[[8, 9]].mean(0) + 0.025], rtol=1e-5)

    def test_threads_and_batches_change_nothing(self, session):
        sequences = TokenIds.of([[3, token, 4] for token in range(12)] * 9)
        one = embed_tokens(session(), sequences, pooling="mean", execution=Execution(n_threads=1))
        for execution in (Execution(n_threads=4, batch_size=5), Execution(batch_size=1)):
            other = embed_tokens(session(), sequences, pooling="mean", execution=execution)
            np.testing.assert_array_equal(one, other)

    def test_values_that_are_not_finite_become_zero_and_are_counted(self, tmp_path, caplog):
        graph = tiny_teacher_graph()
        rows = teacher_rows().copy()
        rows[7, 1], rows[8, 0] = np.nan, np.inf
        graph.graph.initializer[0].raw_data = rows.tobytes()
        (tmp_path / "model.onnx").write_bytes(graph.SerializeToString())
        session = TeacherSession(tmp_path / "model.onnx", Execution(provider="cpu"))
        vectors = embed_tokens(session, TokenIds.of([[6], [7], [8]]), pooling="mean", execution=Execution())
        assert np.isfinite(vectors).all()
        assert vectors[1, 1] == vectors[2, 0] == 0
        np.testing.assert_allclose(vectors[1, 0], rows[7, 0] + 0.01, rtol=1e-6)
        assert "gave NaN or infinity for 2 of 3 tokens (ids 1, 2 …): set to 0 there" in caplog.text

    def test_pooling_of_nothing_inside(self):
        np.testing.assert_array_equal(
            pool_hidden_states(np.ones((1, 2, 3), np.float32), "inner"), [[0, 0, 0]]
        )


class TestReduction:
    # Along (1, 1) these points spread by 2, along (1, -1) by 1.
    POINTS = np.array([[2, 2], [-2, -2], [1, -1], [-1, 1]], np.float32) + 5

    def test_scores_by_hand(self):
        root = np.sqrt(2)
        scores = reduce_dimensions(self.POINTS.copy(), pca_dims=2)
        np.testing.assert_allclose(np.abs(scores[:2, 0]), [2 * root] * 2, rtol=1e-6)
        np.testing.assert_allclose(np.abs(scores[2:, 1]), [root] * 2, rtol=1e-6)
        np.testing.assert_allclose(scores[:2, 1], 0, atol=1e-6)

    def test_the_largest_value_of_each_column_is_positive(self):
        points = np.array([[9, 0.1], [-1, 2], [-2, -3], [-6, 1]], np.float32)
        for signs in ([1, 1], [1, -1], [-1, 1], [-1, -1]):
            scores = reduce_dimensions((points * np.float32(signs)).copy(), pca_dims=2)
            assert (scores.max(axis=0) >= -scores.min(axis=0)).all()

    def test_the_scores_are_the_vectors_cut(self):
        vectors = self.POINTS.copy()
        assert reduce_dimensions(vectors, pca_dims=1) is vectors
        assert vectors.nbytes == 4 * 4  # the memory of the other column is given back

    def test_a_share_of_the_variance(self):
        assert reduce_dimensions(self.POINTS.copy(), pca_dims=0.79).shape == (4, 1)  # the first explains 0.8
        assert reduce_dimensions(self.POINTS.copy(), pca_dims=0.81).shape == (4, 2)

    def test_all_or_none(self):
        assert reduce_dimensions(self.POINTS.copy(), pca_dims="auto").shape == (4, 2)
        assert reduce_dimensions(self.POINTS, pca_dims=None) is self.POINTS

    def test_means_far_from_zero_cost_no_precision(self):
        rng = np.random.default_rng(0)
        points = rng.normal(size=(500, 8)) * np.linspace(1, 0.3, 8)
        near = reduce_dimensions(points.astype(np.float32), pca_dims=4)
        far = reduce_dimensions((points + 100).astype(np.float32), pca_dims=4)
        np.testing.assert_allclose(near, far, atol=1e-4)

    @pytest.mark.parametrize(
        ("pca_dims", "message"),
        [
            (3, "pca_dims must be at most the teacher's width, 2, found 3: choose fewer, or 'auto'"),
            (2, "pca_dims must be less than the number of tokens, 2, found 2"),
        ],
    )
    def test_too_many_components(self, pca_dims, message):
        with pytest.raises(ArgumentError, match=message):
            reduce_dimensions(self.POINTS[:2].copy(), pca_dims=pca_dims)


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"pca_dims": 0}, "pca_dims must be a whole number from 1 .* found 0"),
        ({"pca_dims": -1}, "pca_dims must be .* found -1"),
        ({"pca_dims": 1.5}, "pca_dims must be .* a fraction between 0 and 1 .* found 1.5"),
        ({"pca_dims": 0.0}, "pca_dims must be .* found 0.0"),
        ({"pca_dims": "many"}, "pca_dims must be .* found 'many'"),
        ({"pca_dims": True}, "pca_dims must be .* found True"),
        (
            {"sif_coefficient": 0},
            "sif_coefficient must lie between 0 and 1, found 0: 1e-4 is the usual value",
        ),
        ({"sif_coefficient": 1.0}, "sif_coefficient must lie between 0 and 1, found 1.0"),
        ({"token_remove_pattern": "["}, r"token_remove_pattern must be a regular expression, found '\['"),
        ({"pooling": "max"}, "pooling must be one of mean, first, last, pooler, inner, found 'max'"),
        ({"weighting": "idf"}, "weighting must be one of sif, zipf, none, found 'idf'"),
        ({"dtype": "int8"}, "dtype must be one of float32, float16, found 'int8'"),
        ({"vocabulary_mode": "all"}, "vocabulary_mode must be one of extend, only, found 'all'"),
    ],
)
def test_choices_out_of_range(choice, message):
    with pytest.raises(ArgumentError, match=message):
        Recipe("mine", **choice)
