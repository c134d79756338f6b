"""Cut small samples out of what model2vec itself gave: `python -m checks.make_goldens SHARED`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

from checks.parity import CASES, read_rows

DATA = Path(__file__).parents[1] / "tests/data"
N_ROWS = 60
N_TEXTS = 60


def main() -> None:
    shared = Path(sys.argv[1])
    goldens = shared / "fixtures/model2vec-goldens"
    for case in CASES:
        if case.name not in ("peer_minilm_256", "minilm_vocabulary", "minilm_release_0.2"):
            continue
        ids, rows, tokens = read_rows(case, shared)
        chosen = np.linspace(0, len(ids) - 1, N_ROWS).astype(int)
        arrays = {"ids": ids[chosen], "rows": rows[chosen].astype(np.float32)}
        named = {"tokens": [tokens[i] for i in chosen], "choices": case.choices}
        if (goldens / f"{case.name}_encode.npz").exists():
            texts = json.loads((goldens / "texts.json").read_text())
            some = np.linspace(0, len(texts) - 1, N_TEXTS).astype(int)
            with np.load(goldens / f"{case.name}_encode.npz") as golden:
                arrays["vectors"] = golden["emb"][some]
            named["texts"] = [texts[i] for i in some]
        words_path = goldens / f"{case.name}.words.json"
        if words_path.exists():
            named["vocabulary"] = json.loads(words_path.read_text())
        np.savez_compressed(DATA / f"{case.name}.npz", **arrays)
        content = json.dumps(named, indent=1, ensure_ascii=False, sort_keys=True)
        (DATA / f"{case.name}.json").write_text(content + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
