"""A user's texts: read once, sifted, tokenised for both models; ids and vectors on the disk."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from m2v_onnx.errors import ArgumentError, FolderError
from m2v_onnx.fit.spooled_ids import SpooledIds
from m2v_onnx.fit.stored_rows import StoredRows
from m2v_onnx.fit.texts import Examples, TokenizerPair, open_texts, read_examples
from m2v_onnx.fit.vector_cache import VectorCache
from m2v_onnx.tokenizer.special_tokens import find_masked_ids
from m2v_onnx.tokenizer.token_ids import TokenIds
from tests.builders import TEACHER_TOKENS, word_piece


def pair(*, limit: int | None = None, prompt: str | None = None) -> TokenizerPair:
    static, teacher = word_piece(), word_piece(TEACHER_TOKENS, affixes=True)
    return TokenizerPair.of(static, teacher, masked_ids=find_masked_ids(static), prompt=prompt, limit=limit)


def tokens(ids: list[int], *, of_teacher: bool = False) -> list[str]:
    tokenizer = word_piece(TEACHER_TOKENS) if of_teacher else word_piece()
    return [tokenizer.id_to_token(token_id) for token_id in ids]


def rows(examples: Examples) -> list[list[int]]:
    return examples.token_ids.block(0, len(examples.token_ids)).to_lists()


def all_of(n: int) -> list[str]:
    """Give n texts of twelve words, all different."""
    return [" ".join("moon" if bit == "0" else "sun" for bit in f"{index:012b}") for index in range(n)]


class TestPair:
    def test_both_see_the_same_text(self):
        ((ids, fed, n_unknown),) = pair().encode(["sun moon xyz"])
        assert tokens(ids) == ["sun", "moon"]
        assert tokens(fed, of_teacher=True) == ["[CLS]", "sun", "moon", "[UNK]", "[SEP]"]
        assert n_unknown == 1

    def test_what_the_teacher_does_not_read_is_cut_for_both(self):
        ((ids, fed, _),) = pair(limit=4).encode(["sun moon sun sun"])
        assert tokens(fed, of_teacher=True) == ["[CLS]", "sun", "moon", "[SEP]"]
        assert tokens(ids) == ["sun", "moon"]

    def test_a_prompt_is_the_teachers_alone(self):
        ((ids, fed, _),) = pair(limit=5, prompt="moon ").encode(["sun sun sun"])
        assert tokens(fed, of_teacher=True) == ["[CLS]", "moon", "sun", "sun", "[SEP]"]
        assert tokens(ids) == ["sun", "sun"]

    def test_a_prompt_that_fills_the_limit_leaves_no_text(self):
        ((ids, fed, _),) = pair(limit=4, prompt="moon moon moon ").encode(["sun sun sun"])
        assert tokens(fed, of_teacher=True) == ["[CLS]", "moon", "moon", "[SEP]"]
        assert ids == []


class TestReading:
    def test_what_is_of_no_use_is_left_out_and_counted(self, caplog):
        texts = ["", " \t", "sun", "sun moon", "sun moon", "xyz zyx", *all_of(39)]
        with caplog.at_level(logging.WARNING, "m2v_onnx"):
            fitted, held = read_examples(texts, pair(), show=False)
        assert "40 used; left out: 2 empty, 1 of one word, 1 repeated, 1 without a token" in caplog.text
        assert "2,000 or more are worth a fit" in caplog.text
        assert len(fitted.token_ids) + len(held.token_ids) == 40
        assert len(fitted.teacher_ids) == len(fitted.token_ids)

    def test_a_twentieth_is_held_out_by_its_content(self):
        texts = all_of(3000)
        fitted, held = read_examples(texts, pair(), show=False)
        assert 100 < len(held.token_ids) < 200
        again, held_again = read_examples(reversed(texts), pair(), show=False)
        assert sorted(rows(held_again)) == sorted(rows(held))
        assert len(again.token_ids) == len(fitted.token_ids)

    def test_repeated_texts_are_found_across_blocks(self, caplog):
        with caplog.at_level(logging.INFO, "m2v_onnx"):
            read_examples(all_of(2500) * 2, pair(), show=False)
        assert "2,500 used" in caplog.text
        assert "2,500 repeated" in caplog.text

    def test_a_script_without_spaces_has_more_than_one_word(self, caplog):
        with pytest.raises(ArgumentError, match=r"found 0 used; .*1 of one word, 0 repeated, 1 without"):
            read_examples(["今日は天気がいい", "天気"], pair(), show=False)

    @pytest.mark.parametrize("texts", [[], ["sun", "moon", ""]])
    def test_texts_of_no_use_at_all(self, texts):
        with pytest.raises(ArgumentError, match="expected texts of two words or more to fit to, found 0"):
            read_examples(texts, pair(), show=False)

    def test_texts_in_no_language_of_the_vocabulary(self):
        texts = [f"zyx{' yxz' * index} sun" for index in range(12, 60)]
        with pytest.raises(ArgumentError, match=r"found that 9\d% of their tokens are unknown"):
            read_examples(texts, pair(), show=False)

    def test_texts_that_are_no_strings(self):
        with pytest.raises(ArgumentError, match="expected texts to be strings, found int: 7"):
            read_examples(["sun moon", 7], pair(), show=False)

    def test_a_file(self, tmp_path):
        path = tmp_path / "texts.jsonl"
        path.write_text('{"body": "sun moon"}\n{"body": "moon sun"}\n')
        assert list(open_texts(path, column="body")) == ["sun moon", "moon sun"]
        assert open_texts(["sun"]) == ["sun"]

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (b"sun moon\nsun \xff\n", "expected UTF-8 text in .*, found other bytes in line 2"),
            (b"sun moon" * (1 << 21) + b" ", "expected lines of up to 16 MiB"),
            (b"", "found an empty file"),
        ],
    )
    def test_a_file_of_something_else(self, tmp_path, content, message):
        path = tmp_path / "texts.txt"
        path.write_bytes(content)
        with pytest.raises(ArgumentError, match=message):
            read_examples(open_texts(path), pair(), show=False)


class TestSpool:
    def test_blocks_come_back(self):
        spool = SpooledIds()
        spool.append([[1, 2], [3]])
        spool.append([])
        spool.append([[4, 5, 6]])
        assert len(spool) == 3
        assert spool.block(1, 3).to_lists() == [[3], [4, 5, 6]]
        assert spool.block(0, 1).to_lists() == [[1, 2]]


class TestRows:
    def test_stretches_across_blocks_and_files(self, tmp_path):
        array = np.arange(20, dtype=np.float16).reshape(10, 2)
        np.save(tmp_path / "b.npy", array[3:5])
        stored = StoredRows((array[:3], tmp_path / "b.npy", array[5:]), (3, 2, 5), 2)
        assert len(stored) == 10
        assert stored.rows(2, 6).tolist() == array[2:6].tolist()
        assert stored.rows(2, 6).dtype == np.float32
        assert np.concatenate(list(stored.each(4))).tolist() == array.tolist()

    def test_joined(self):
        array = np.ones((2, 3), np.float32)
        joined = StoredRows.joined([StoredRows.of(array), StoredRows.of(2 * array)])
        assert joined.rows(1, 4).tolist() == [[1] * 3, [2] * 3, [2] * 3]


class TestCache:
    def test_known_by_kind_and_ids(self, tmp_path):
        cache = VectorCache(tmp_path / "teacher")
        ids = TokenIds.of([[1, 2], [3]])
        path = cache.path("int8", ids)
        assert cache.path("int8", TokenIds.of([[1, 2], [3]])) == path
        others = (cache.path("float32", ids), cache.path("int8", TokenIds.of([[1], [2, 3]])))
        assert path not in others

    def test_a_damaged_file_is_none(self, tmp_path):
        cache = VectorCache(tmp_path / "teacher")
        path = cache.path("int8", TokenIds.of([[1]]))
        assert not cache.holds(path, 2)
        cache.save(path, np.ones((2, 3), np.float16))
        assert cache.holds(path, 2)
        assert not cache.holds(path, 1)
        path.write_bytes(path.read_bytes()[:-4])
        assert not cache.holds(path, 2)

    def test_no_room(self, tmp_path):
        (tmp_path / "file").write_text("")
        cache = VectorCache(tmp_path / "file" / "teacher")
        with pytest.raises(FolderError, match=r"keep a teacher's vectors in .*M2V_ONNX_CACHE"):
            cache.save(cache.path("int8", TokenIds.of([[1]])), np.ones((1, 3), np.float16))
