"""The texts nearest to a query, and `search` as a user runs it."""

from __future__ import annotations

import json

import numpy as np
import pytest

from m2v_onnx.errors import ArgumentError
from m2v_onnx.runtime.nearest import Match, find_nearest
from tests.test_cli import run

TEXTS = ["moon", "sun", "", "moon\n sun", "sun sun", "comet"]


def test_the_largest_cosines_come_first(model):
    blocks = [(part, model.encode(part)) for part in (TEXTS[:2], TEXTS[2:5], TEXTS[5:])]
    found = find_nearest(model.encode("sun"), blocks, top=4)
    # sun is (3, 4), moon (0, 2), and their mean (1.5, 3): cosines 4/5, and 16.5 / (5 * sqrt(11.25))
    assert [(match.number, match.text) for match in found] == [
        (2, "sun"),
        (5, "sun sun"),
        (4, "moon\n sun"),
        (1, "moon"),
    ]
    np.testing.assert_allclose(
        [match.score for match in found], [1, 1, 16.5 / 5 / 11.25**0.5, 0.8], atol=1e-6
    )


def test_zeros_are_near_to_nothing(model):
    found = find_nearest(model.encode(""), [(["sun", ""], model.encode(["sun", ""]))], top=9)
    assert found == [Match(0.0, 1, "sun"), Match(0.0, 2, "")]


def test_blocks_and_one_array_give_the_same():
    vectors = np.random.default_rng(0).normal(size=(5000, 8)).astype(np.float32)
    names = list(map(str, range(5000)))
    whole = find_nearest(vectors[7], [(names, vectors)], top=20)
    cut = [(names[i : i + 99], vectors[i : i + 99]) for i in range(0, 5000, 99)]
    assert [match.text for match in find_nearest(vectors[7], cut, top=20)] == [match.text for match in whole]
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    assert [match.text for match in whole] == [names[i] for i in np.argsort(-(unit @ unit[7]))[:20]]


def test_no_texts_are_asked_for(model):
    with pytest.raises(ArgumentError, match="top must be 1 or more, found 0"):
        find_nearest(model.encode("sun"), [], top=0)


def test_search(folder, tmp_path):
    (tmp_path / "a.jsonl").write_text("".join(json.dumps({"body": text}) + "\n" for text in TEXTS))
    arguments = (folder, tmp_path / "a.jsonl", "sun", "--top", 3, "--text-column", "body")
    result = run("search", *arguments)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == "1.0000\t2\tsun\n1.0000\t5\tsun sun\n0.9839\t4\tmoon sun\n"
    found = json.loads(run("search", *arguments, "--json").stdout)
    assert found[2] == {"score": pytest.approx(0.9839, abs=1e-4), "number": 4, "text": "moon\n sun"}
    (tmp_path / "nulls.jsonl").write_text('{"text": null}\n{"text": "sun"}\n')
    result = run("search", folder, tmp_path / "nulls.jsonl", "sun", "--top", 1)
    assert (result.stdout, result.stderr) == (
        "1.0000\t2\tsun\n",
        "1 texts were null: they count as empty texts\n",
    )
    assert (
        run("search", folder, "-", "moon", stdin="sun\nmoon\n").stdout == "1.0000\t2\tmoon\n0.8000\t1\tsun\n"
    )
