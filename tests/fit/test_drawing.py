"""Words, frequencies and random sequences."""

from __future__ import annotations

import numpy as np
import pytest

from m2v_onnx.errors import ArgumentError
from m2v_onnx.fit.frequencies import PUNCTUATION, count_tokens, token_frequencies
from m2v_onnx.fit.sequences import Lengths, draw_bags, draw_mixed_bags, draw_tokens
from m2v_onnx.fit.words import WordList, packaged_words, read_word_counts
from m2v_onnx.tokenizer.token_ids import TokenIds
from tests.builders import word_piece


def words(*entries: tuple[str, float]) -> WordList:
    return WordList(tuple(word for word, _ in entries), np.array([frequency for _, frequency in entries]))


class TestWords:
    def test_the_lists_of_the_package(self):
        lists = packaged_words()
        assert len(lists) == 42
        assert len(lists["en"]) == 30_000
        assert lists["en"].words[:2] == ("the", "to")
        assert lists["en"].frequencies[0] == pytest.approx(0.0537, abs=1e-4)
        assert {len(found) for language, found in lists.items() if language != "en"} == {3_000}
        assert all((np.diff(found.frequencies) <= 0).all() for found in lists.values())

    def read(self, tmp_path, content):
        path = tmp_path / "counts.tsv"
        path.write_bytes(content)
        return read_word_counts(path)

    def test_counts_of_ones_own(self, tmp_path):
        found = self.read(tmp_path, b"\xef\xbb\xbfsun\t1\nmoon\t6.5\nsun\t2.5\n")
        assert found.words == ("moon", "sun")
        assert found.frequencies.tolist() == [0.65, 0.35]

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (b"", "expected word<TAB>count in each line of .*counts.tsv, found an empty file"),
            (b"sun\t1\nmoon\n", "count from 0 to 1e[+]18 in line 2 of .*counts.tsv, found 'moon'"),
            (b"sun\tmany\n", "count from 0 to 1e[+]18 in line 1 of .*, found 'sun.*many'"),
            (b"sun\t-3\n", "-3.*: mend the line, or take it out"),
            (b"sun\t0\n", "in each line of .*, found no count above 0"),
            (b"sun\tinf\n", "line 1 of .*inf"),
            (b"sun\tnan\n", "line 1 of .*nan"),
            (b"sun\t1e30\n", "line 1 of .*1e30"),
            (b"s\xffn\t1\n", "expected UTF-8 text in .*counts.tsv, found other bytes"),
        ],
    )
    def test_bad_files(self, tmp_path, content, message):
        with pytest.raises(ArgumentError, match=message):
            self.read(tmp_path, content)

    def test_no_file(self, tmp_path):
        with pytest.raises(ArgumentError, match="expected to read .*counts.tsv, found No such file"):
            read_word_counts(tmp_path / "counts.tsv")


class TestFrequencies:
    def test_by_hand(self):
        # Ids: 2 sun, 3 moon, 4 ##light, 5 the exclamation mark.
        lists = {
            "en": words(("sunlight", 0.5), ("sun", 0.25), ("moon", 0.1)),
            "fr": words(("moon", 0.5), ("sun", 0.5), ("light", 0.9)),
        }
        found = token_frequencies(word_piece(), lists, 6)
        unknown = max(0.3 * 0.9, *(PUNCTUATION[mark] for mark in PUNCTUATION if mark != "!"))
        assert found.tolist() == pytest.approx([0, unknown, 0.75, 0.15, 0.5, PUNCTUATION["!"]])

    def test_of_a_corpus(self):
        found = count_tokens(word_piece(), ["sun sunlight", "sun moon"], 6)
        assert found.tolist() == [0, 0, 0.6, 0.2, 0.2, 0]

    def test_of_a_corpus_without_a_token(self):
        with pytest.raises(ArgumentError, match="expected texts to count tokens in, found none with a token"):
            count_tokens(word_piece(), ["", " "], 6)


class TestSequences:
    def test_lengths_are_log_uniform(self):
        drawn = Lengths(4, 31).draw(40_000, np.random.default_rng(0))
        assert (drawn.min(), drawn.max()) == (4, 31)
        shares = [float(np.mean((low <= drawn) & (drawn < 2 * low))) for low in (4, 8, 16)]
        assert shares == pytest.approx([1 / 3] * 3, abs=0.01)

    def test_one_length(self):
        assert Lengths(7, 7).draw(5, np.random.default_rng(0)).tolist() == [7] * 5

    def test_each_token_is_as_frequent(self):
        drawn = draw_tokens(np.array([3, 5, 9]), 20_000, Lengths(2, 4), np.random.default_rng(0))
        counts = np.bincount(drawn.ids, minlength=10) / len(drawn.ids)
        assert counts[[3, 5, 9]] == pytest.approx([1 / 3] * 3, abs=0.01)
        assert counts.sum() == pytest.approx(counts[[3, 5, 9]].sum())
        assert set(np.diff(drawn.offsets).tolist()) == {2, 3, 4}

    def test_chance_comes_from_the_seed(self):
        def draw(seed):
            return draw_tokens(np.arange(100), 10, Lengths(), np.random.default_rng(seed)).ids.tolist()

        assert draw(1) == draw(1) != draw(2)

    def test_words_by_the_root_of_their_frequency(self):
        drawn = draw_bags(words(("a", 0.09), ("b", 0.01)), 20_000, Lengths(4, 4), np.random.default_rng(0))
        text = " ".join(drawn)
        assert text.count("a") / (text.count("a") + text.count("b")) == pytest.approx(0.75, abs=0.01)
        assert sum(bag.endswith(".") for bag in drawn) / len(drawn) == pytest.approx(0.6, abs=0.01)
        assert {len(bag.rstrip(".").split(" ")) for bag in drawn} == {4}

    def test_bags_of_two_languages(self):
        lists = {name: words((name, 0.1)) for name in ("en", "de", "fr")}
        drawn = draw_mixed_bags(lists, 10_000, Lengths(4, 12), np.random.default_rng(0))
        bags = [bag.rstrip(".").split(" ") for bag in drawn]
        assert not any({"de", "fr"} <= set(bag) for bag in bags)
        n_words = {name: sum(bag.count(name) for bag in bags) for name in lists}
        assert n_words["en"] / sum(n_words.values()) == pytest.approx(0.4, abs=0.01)
        assert n_words["de"] / n_words["fr"] == pytest.approx(1, abs=0.05)
        assert any(bag[0] == "en" for bag in bags)
        assert any(bag[0] == "de" for bag in bags)

    def test_a_bag_is_a_text_of_one_length_at_least(self):
        drawn = draw_tokens(np.array([1]), 3, Lengths(1, 1), np.random.default_rng(0))
        assert drawn == TokenIds(drawn.ids, drawn.offsets)
        assert drawn.offsets.tolist() == [0, 1, 2, 3]
