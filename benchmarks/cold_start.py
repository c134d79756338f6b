"""Import, load and encode beside other libraries: `python -m benchmarks.cold_start [ROUNDS]`.

All read the same folder, a distillation of all-MiniLM-L6-v2 (29,525 x 256 float32), and encode one text;
in other processes, a first batch of a hundred.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from benchmarks.measure import interleave, make_environment, markdown, minilm, run

ONE, BATCH = "'hello world'", "[f'hello world {i}' for i in range(100)]"
LIBRARIES = {
    "m2v-onnx": (None, "from m2v_onnx import StaticModel; load = StaticModel.from_pretrained"),
    "model2vec": ("peer", "from model2vec import StaticModel; load = StaticModel.from_pretrained"),
    "laghu": ("laghu", "from laghu import load"),
}


def main() -> None:
    n_rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch, "model")
        # In a process of its own: a child's peak memory begins with its parent's.
        run([sys.executable, "-m", "m2v_onnx", "distill", minilm(), folder, "--recipe", "model2vec-0.10"])
        for title, texts in {"One text": ONE, "A hundred texts": BATCH}.items():
            commands: dict[str, list[str | Path]] = {"Python alone": [sys.executable, "-c", "pass"]}
            for name, (environment, imports) in LIBRARIES.items():
                python = sys.executable if environment is None else make_environment(environment)
                code = f"import sys; {imports}; load(sys.argv[1]).encode({texts})"
                commands[name] = [python, "-c", code, folder]
            print(f"\n{title}\n\n{markdown(interleave(commands, n_rounds=n_rounds), against='model2vec')}")


if __name__ == "__main__":
    main()
