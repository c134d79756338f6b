"""Try random texts, folders, inputs and kills, and print a table: `python -m checks.fuzz`.

The exit code is 1 when anything came out that must not: a signal, a hang, a traceback, a wrong vector, NaN,
or a draft that the next write leaves. A seed gives the same tries again, but for the moments of kills.
Ctrl-C ends a driver with what it has found, and the next one begins.
"""

from __future__ import annotations

import argparse
import logging
import secrets
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from checks.fuzz.folders import fuzz_folders, fuzz_inputs
from checks.fuzz.kills import fuzz_kills
from checks.fuzz.outcomes import Outcomes
from checks.fuzz.texts import fuzz_texts


def main() -> None:
    """Run the drivers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=int, default=100_000, help="for each of three tokenizers")
    parser.add_argument("--folders", type=int, default=500)
    parser.add_argument("--inputs", type=int, default=2000)
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**32))
    parser.add_argument("--shared", type=Path, help="folder with real tokenizers, in tokenizers/")
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    print(
        f"seed {arguments.seed}\n\n| tried | times | came out | wrong |\n| --- | --- | --- | --- |",
        flush=True,
    )
    found = []
    for outcomes in _try_all(arguments):
        print(outcomes.row(), flush=True)
        found.append(outcomes)
    wrong = [line for outcomes in found for line in outcomes.wrong]
    print("\n".join(wrong[:50]))
    sys.exit(1 if wrong else 0)


def _try_all(arguments: argparse.Namespace) -> Iterator[Outcomes]:
    seed = arguments.seed
    if arguments.texts:
        yield from fuzz_texts(arguments.texts, seed=seed, shared=arguments.shared)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        if arguments.folders:
            yield fuzz_folders(arguments.folders, seed=seed, place=place)
        if arguments.inputs:
            yield fuzz_inputs(arguments.inputs, seed=seed, place=place)
        if arguments.kills:
            yield from fuzz_kills(arguments.kills, seed=seed, place=place)


if __name__ == "__main__":
    main()
