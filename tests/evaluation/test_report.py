"""Tables and plots."""

from __future__ import annotations

import matplotlib as mpl
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from m2v_onnx.evaluation import ModelResult, Score, leaderboard, summarize
from m2v_onnx.evaluation.command import write_report
from m2v_onnx.evaluation.leaderboard import family_tables, scores_csv
from m2v_onnx.evaluation.plots import plot_speed, plot_tasks

RESULTS = [
    ModelResult(
        "small|er",
        "1",
        2_500_000,
        {
            "sts/a": Score(60.04, 58.0, 62.0),
            "sts/b": Score(70.0),
            "pair/c": Score(40.0),
            "speed/one_core": Score(12345.6),
        },
    ),
    ModelResult("larger", "2", None, {"sts/a": Score(80.0), "sts/b": Score(90.0), "pair/c": Score(50.0)}),
]


def test_the_mean_is_one_of_families():
    larger, smaller = summarize(RESULTS)
    assert (larger.model, larger.mean, larger.texts_per_second) == ("larger", (85 + 50) / 2, None)
    assert smaller.families == {"sts": (60.04 + 70) / 2, "pair": 40}
    assert smaller.texts_per_second == 12345.6


def test_a_model_that_lacks_a_task_has_no_mean():
    partial = ModelResult("partial", "3", None, {"sts/a": Score(99.0)})
    rows = summarize([partial, *RESULTS])
    assert [(row.model, row.mean) for row in rows][1:] == [("small|er", 52.51), ("partial", None)]


def test_the_leaderboard():
    assert leaderboard(RESULTS).split("\n") == [
        "| model | MB | texts/s | mean | sts | pair |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
        "| larger |  |  | 67.5 | 85.0 | 50.0 |",
        r"| small\|er | 2.5 | 12,346 | 52.5 | 65.0 | 40.0 |",
    ]
    assert family_tables(RESULTS).split("\n")[:6] == [
        "## sts",
        "",
        "| model | a | b |",
        "| --- | ---: | ---: |",
        "| larger | 80.0 | 90.0 |",
        r"| small\|er | 60.0 ±2.0 | 70.0 |",
    ]
    assert "| small\\|er | 12,346 |" in family_tables(RESULTS)


def test_csv_keeps_all_digits():
    assert scores_csv(RESULTS).split("\n")[:3] == [
        "model,size_bytes,task,value,low,high",
        "small|er,2500000,sts/a,60.04,58.0,62.0",
        "small|er,2500000,sts/b,70.0,,",
    ]


def test_a_report_is_the_same_twice(tmp_path):
    for folder in ("a", "b"):
        write_report(RESULTS, tmp_path / folder)
    names = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert names == ["leaderboard.md", "scores.csv", "speed.png", "speed.svg", "tasks.png", "tasks.svg"]
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert ">small|er (52.5, 2 MB)<" in (tmp_path / "a/speed.svg").read_text()
    assert "larger" not in (tmp_path / "a/speed.svg").read_text()  # its speed is not known


def test_without_speed_there_is_no_plot_of_it(tmp_path):
    assert plot_speed(RESULTS[1:], tmp_path / "speed") == []
    only_speed = ModelResult("x", "3", 1, {"speed/one_core": Score(1.0)})
    assert plot_tasks([only_speed], tmp_path / "tasks") == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("fastest", [1020.0, 40_000.0, 400_000.0])
def test_no_labels_overlap(tmp_path, monkeypatch, fastest):
    """Twenty models of nearly the same score, with long names."""
    saved = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *_, **__: saved.append(figure))
    results = [
        ModelResult(
            f"a model with a long name, number {n}",
            str(n),
            10**6 * 4**n,
            {"sts/a": Score(70 + n / 100), "speed/one_core": Score(1000.0 + n * (fastest - 1000) / 19)},
        )
        for n in range(20)
    ]
    plot_speed(results, tmp_path / "speed")
    plot_tasks(results, tmp_path / "tasks")
    for figure in (saved[0], saved[2]):
        (axes,) = figure.axes
        renderer = FigureCanvasAgg(figure).get_renderer()
        figure.draw(renderer)
        left, right = axes.get_xlim()
        speeds = [label for label in axes.get_xticklabels() if left <= label.get_position()[0] <= right]
        texts = [*axes.texts, *(speeds if figure is saved[0] else axes.get_yticklabels())]
        boxes = [mpl.text.Text.get_window_extent(text, renderer) for text in texts]
        assert len(boxes) > 20
        assert not [1 for i, a in enumerate(boxes) for b in boxes[:i] if a.overlaps(b)]
