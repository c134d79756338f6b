"""Random damage to a model's folder, and to files of texts: an error of ours, or the right vectors."""

from __future__ import annotations

import gzip
import json
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

from checks.fuzz.outcomes import Outcomes
from checks.fuzz.supervisor import Supervisor
from tests.builders import tiny_model

_ODD_VALUES: tuple[Any, ...] = (
    *(None, True, False, -1, 0, 1, 2**31, 2**63, 10**30, 1.5, 1e300, "", "512", "é" * 9),
    *([], [[]], {}, {"a": 1}, [None], "[UNK]", ["x"] * 99),
)
_INPUTS = {
    "texts.txt": b"sun\nmoon sun\n\n\xc3\xa9t\xc3\xa9\n",
    "texts.jsonl": b'{"text": "sun"}\n{"text": "moon", "n": [1, 2]}\n',
    "texts.csv": b'id,text\n1,sun\n2,"two\nlines, ""quoted"""\n',
    "texts.txt.gz": gzip.compress(b"sun\nmoon\n" * 9),
    "words.txt": b"sun\t5\nmoon\t3\n",
    "vectors.txt": b"sun 3 4\nmoon 0 2\nstar 1 1\n",
    "vectors.vec": b"3 2\nsun 3 4\nmoon 0 2\nstar 1 1\n",
}


def fuzz_folders(n_folders: int, *, seed: int, place: Path) -> Outcomes:
    """Damage a model's folder in one to three places, and load, run and verify it."""
    outcomes, random = Outcomes("folders"), Random(f"{seed} folders")
    model, whole = tiny_model(normalize=True), [place / "whole ids", place / "whole text"]
    model.save_pretrained(whole[0], graphs=("ids", "tokens"), precisions=("fp32", "int8"))
    model.save_pretrained(whole[1], graphs=("ids", "text", "tokenizer"), precisions=("fp32",))
    with Supervisor() as supervisor, suppress(KeyboardInterrupt):
        for number in range(n_folders):
            damaged = place / "damaged"
            shutil.copytree(random.choice(whole), damaged)
            done = [_damage_folder(damaged, random) for _ in range(random.choice((1, 1, 1, 2, 3)))]
            outcomes.add(*_split(supervisor.run("folder", str(damaged)), f"{number}: {'; '.join(done)}"))
            shutil.rmtree(damaged)
    return outcomes


def fuzz_inputs(n_inputs: int, *, seed: int, place: Path) -> Outcomes:
    """Damage a file of texts, words or word vectors, and read it."""
    outcomes, random = Outcomes("inputs"), Random(f"{seed} inputs")
    with Supervisor() as supervisor, suppress(KeyboardInterrupt):
        for number in range(n_inputs):
            name = random.choice(list(_INPUTS))
            path = place / name
            path.write_bytes(_damage_bytes(_INPUTS[name], random))
            outcomes.add(*_split(supervisor.run("input", str(path)), f"{number}: {path.read_bytes()!r:.300}"))
    return outcomes


def _split(outcome: str, what: str) -> tuple[str, str]:
    name, _, said = outcome.partition(":")
    return name, f"{what} {said}"


def _damage_folder(folder: Path, random: Random) -> str:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    path = random.choice(files)
    ways: list[Callable[[Path, Random], None]] = [_rewrite, _rewrite, _remove, _become_odd, _swap]
    if path.suffix == ".json":
        ways += [_change_json] * 4
    way = random.choice(ways)
    way(path, random)
    return f"{way.__name__} {path.relative_to(folder)}"


def _rewrite(path: Path, random: Random) -> None:
    path.write_bytes(_damage_bytes(path.read_bytes(), random))


def _damage_bytes(content: bytes, random: Random) -> bytes:
    damaged = bytearray(content)
    way = random.randrange(6)
    at = random.randrange(len(damaged) + 1)
    if way == 0:  # bits
        for _ in range(random.choice((1, 1, 4, 32))):
            if damaged:
                damaged[random.randrange(len(damaged))] ^= 1 << random.randrange(8)
    elif way == 1:
        del damaged[at:]
    elif way == 2:
        del damaged[at : at + random.randrange(64)]
    elif way == 3:
        damaged[at:at] = random.randbytes(random.randrange(64))
    elif way == 4:
        damaged[at:at] = random.choice(
            (b"\0", b"\xff\xfe", b'"', b"[" * 50_000, b"\r", b"\t", b"NaN", b"1e999")
        )
    else:
        damaged[at:at] = damaged[: random.randrange(256)]
    return bytes(damaged)


def _remove(path: Path, _random: Random) -> None:
    path.unlink()


def _become_odd(path: Path, random: Random) -> None:
    path.unlink()
    way = random.randrange(4)
    if way == 0:
        path.mkdir()
    elif way == 1 and hasattr(os, "mkfifo"):
        os.mkfifo(path)
    elif way == 2:
        path.symlink_to(path.name)
    else:
        path.touch()


def _swap(path: Path, random: Random) -> None:
    others = sorted(other for other in path.parent.iterdir() if other.is_file() and other != path)
    if others:
        shutil.copy(random.choice(others), path)


def _change_json(path: Path, random: Random) -> None:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):  # damaged before
        _rewrite(path, random)
        return
    node: Any = content
    while True:
        keys = (
            list(node) if isinstance(node, dict) else list(range(len(node))) if isinstance(node, list) else []
        )
        if not keys:
            break
        key = random.choice(keys)
        if isinstance(node[key], dict | list) and random.random() < 0.6:
            node = node[key]
            continue
        if isinstance(node, dict) and random.random() < 0.2:
            del node[key]
        else:
            node[key] = random.choice(_ODD_VALUES)
        break
    path.write_text(json.dumps(content), encoding="utf-8")
