"""Run every block of docs/integrations.md: `python -m tests.integrations [NAME …]`."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from tests.integrations.blocks import check_block, write_letters_model
from tests.integrations.environments import ENVIRONMENT_OF


def main() -> int:
    n_failed = 0
    with tempfile.TemporaryDirectory() as place:
        write_letters_model(Path(place) / "my-model")
        for name in sys.argv[1:] or ENVIRONMENT_OF:
            try:
                check_block(name, Path(place))
            except (AssertionError, subprocess.TimeoutExpired) as error:
                n_failed += 1
                print(f"{name}: WRONG\n{error}", flush=True)
            else:
                print(f"{name}: vectors equal", flush=True)
    return min(n_failed, 1)


if __name__ == "__main__":
    sys.exit(main())
