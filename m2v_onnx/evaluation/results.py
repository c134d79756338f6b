"""What came out, and the files that it is kept in, so that finished tasks need not run again."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from m2v_onnx.errors import DataError
from m2v_onnx.evaluation.tasks.task import EvaluatedModel, Score, Task
from m2v_onnx.system.drafts import draft_file
from m2v_onnx.system.text_files import read_json

_NO_FILE_NAME = re.compile(r"[^\w.+-]+")


@dataclass(frozen=True)
class ModelResult:
    """The scores of a model.

    Attributes:
        model: its name.
        fingerprint: see `EvaluatedModel`.
        size_bytes: see `EvaluatedModel`.
        scores: by the names of the tasks, in their order.
    """

    model: str
    fingerprint: str
    size_bytes: int | None
    scores: dict[str, Score] = field(default_factory=dict)


def result_path(folder: Path, model: str) -> Path:
    """Give the file that a model's results are kept in.

    >>> result_path(Path("results"), "MiniLM, 256 dims").as_posix()
    'results/MiniLM-256-dims.json'
    """
    return folder / f"{_NO_FILE_NAME.sub('-', model).strip('-.')}.json"


class ResultFile:
    """The finished tasks of one model on disk; those of an older model of this name are forgotten.

    Args:
        folder: the folder of all results; made with the first result.
        model: the model.
        with_intervals: whether a score that was kept without its interval is none.

    Raises:
        DataError: when the file is damaged.
    """

    def __init__(self, folder: Path, model: EvaluatedModel, *, with_intervals: bool = True) -> None:
        self._with_intervals = with_intervals
        self._path = result_path(folder, model.name)
        self._content: dict[str, Any] = {
            "model": model.name,
            "fingerprint": model.fingerprint,
            "size_bytes": model.size_bytes,
            "tasks": {},
        }
        self._path.parent.mkdir(parents=True, exist_ok=True)  # better known before the work than behind it
        if self._path.exists():
            old = _read(self._path)
            if old["fingerprint"] == model.fingerprint:
                self._content["tasks"] = old["tasks"]

    def get(self, task: Task) -> Score | None:
        """Give the score of a task that was finished before, with the same data and the same measure."""
        entry = self._content["tasks"].get(task.name)
        if entry is None or entry["fingerprint"] != task.fingerprint:
            return None
        if self._with_intervals and entry.get("without_interval", False):
            return None
        return Score(entry["value"], entry["low"], entry["high"])

    def put(self, task: Task, score: Score) -> None:
        """Keep a score; a kill at any moment leaves the old file or the new one."""
        entry = {"fingerprint": task.fingerprint, **asdict(score)}
        if not self._with_intervals:
            entry["without_interval"] = True
        self._content["tasks"][task.name] = entry
        content = json.dumps(self._content, indent=2, ensure_ascii=False)
        with draft_file(self._path) as draft:
            draft.write_text(f"{content}\n", encoding="utf-8")


def _read(path: Path) -> dict[str, Any]:
    content = read_json(path, dict, error=DataError)
    if not {"fingerprint", "tasks"} <= content.keys():
        raise DataError(
            f"expected the results of a model in {path}, found the keys {', '.join(content)}: delete the "
            "file, or name another folder with --output"
        )
    return content
