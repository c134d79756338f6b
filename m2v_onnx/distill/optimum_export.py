"""Export a transformer to ONNX with optimum, and compare the two: `python -m … FOLDER OUTPUT`.

A program of its own, so that torch never enters the process that distils.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from optimum.exporters.onnx import export
from optimum.exporters.tasks import TasksManager
from transformers import AutoModel

# Exports of float32 models differ from torch by 2e-6; anything near this bound is a wrong graph.
_TOLERANCE = 1e-3


def main() -> None:
    """Export, check, and print the largest difference."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--trust-remote-code", action="store_true")
    arguments = parser.parse_args()
    try:
        model = AutoModel.from_pretrained(
            arguments.folder, trust_remote_code=arguments.trust_remote_code, dtype=torch.float32
        ).eval()
        export(model, _onnx_config(model), arguments.output)
        difference = largest_difference(model, arguments.output)
    except (OSError, ValueError, KeyError, RuntimeError, ImportError) as error:
        message = " ".join(str(error).split())
        sys.exit(f"{type(error).__name__}: {message[:500]}")
    if not difference < _TOLERANCE:
        sys.exit(f"the ONNX graph differs from torch by {difference:.2g}, expected less than {_TOLERANCE:g}")
    print(f"largest difference from torch {difference:.2g}")  # noqa: T201  # its parent reads it


def _onnx_config(model: Any) -> Any:  # noqa: ANN401  # transformers and optimum carry no types
    """Give optimum's description of the model's graph, with the pooler's output where there is a pooler."""
    constructor = TasksManager.get_exporter_config_constructor(
        exporter="onnx", model=model, task="feature-extraction", library_name="transformers"
    )
    plain = constructor(model.config, task="feature-extraction")
    if getattr(model, "pooler", None) is None:
        return plain

    class WithPooler(type(plain)):  # type: ignore[misc]
        @property
        def outputs(self) -> dict[str, dict[int, str]]:
            return {**super().outputs, "pooler_output": {0: "batch_size"}}

    return WithPooler(model.config, task="feature-extraction")


def largest_difference(model: Any, path: Path) -> float:  # noqa: ANN401
    """Give the largest absolute difference of the hidden states, torch against ONNX, on one batch of ids."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    n_ids = int(model.get_input_embeddings().weight.shape[0])
    input_ids = np.random.default_rng(0).integers(0, n_ids, (4, 5))
    ones, zeros = np.ones_like(input_ids), np.zeros_like(input_ids)
    positions = np.broadcast_to(np.arange(5), (4, 5)).copy()
    feeds = {
        "input_ids": input_ids,
        "attention_mask": ones,
        "token_type_ids": zeros,
        "position_ids": positions,
    }
    feeds = {entry.name: feeds[entry.name] for entry in session.get_inputs()}
    found = session.run(["last_hidden_state"], feeds)[0]
    with torch.inference_mode():
        expected = model(input_ids=torch.from_numpy(input_ids)).last_hidden_state.numpy()
    return float(np.abs(found - expected).max())


if __name__ == "__main__":
    main()
