"""The documents: what they link to and name exists, and what is generated is up to date."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NAMES = (
    "README.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "docs/*.md",
    "clients/*/README.md",
    "clients/*/*/README.md",
)
DOCUMENTS = sorted(path for name in NAMES for path in ROOT.glob(name))
CODE_BLOCK = re.compile(r"^ *```.*?^ *```$", re.DOTALL | re.MULTILINE)

every_document = pytest.mark.parametrize(
    "path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix()
)


def run_check(*arguments: object) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, check=False)


def anchors(path: Path) -> set[str]:
    """Give the anchors of a document's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", CODE_BLOCK.sub("", path.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def is_broken(target: str, document: Path) -> bool:
    name, _, anchor = target.partition("#")
    path = document.parent / name if name else document
    return not path.exists() or (bool(anchor) and anchor not in anchors(path))


@every_document
def test_every_relative_link_points_to_something(path):
    text = CODE_BLOCK.sub("", path.read_text(encoding="utf-8"))
    targets = re.findall(r"\]\(([^)]+)\)", text)
    assert [target for target in targets if "://" not in target and is_broken(target, path)] == []


@every_document
def test_every_module_of_ours_that_is_run_exists(path):
    modules = re.findall(r"-m ((?:benchmarks|checks|tests|m2v_onnx)[\w.]*)", path.read_text(encoding="utf-8"))
    places = {module: ROOT / module.replace(".", "/") for module in modules}
    missing = [
        module
        for module, place in places.items()
        if not place.with_suffix(".py").exists() and not (place / "__main__.py").exists()
    ]
    assert missing == []


@every_document
def test_every_target_of_make_exists(path):
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = re.findall(r"(?:^|`)make ([\w-]+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    assert set(named) - targets == set()


def test_the_index_names_every_document():
    index = (ROOT / "docs/README.md").read_text(encoding="utf-8")
    names = {path.name for path in (ROOT / "docs").glob("*.md")} - {"README.md"}
    assert {name for name in names if f"({name}" not in index} == set()


def test_the_reference_of_the_command_line_is_the_commands_own():
    result = run_check("checks.cli_reference")
    assert result.returncode == 0, result.stderr
    written = (ROOT / "docs/cli.md").read_bytes().decode()
    assert result.stdout.decode() == written, "run `make cli-docs`"


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 120


def test_long_sentences_are_found_and_the_rest_is_left_out(tmp_path):
    words = " ".join(["word"] * 25)
    path = tmp_path / "a.md"
    lines = [
        f"# {words} heading",
        f"{words}. `a b` {words}.",  # 25 words; code and 25 words
        f"- [{words}",
        "more](a/b/c) of it",  # 29 words, from the line above
        f"- {words}",
        f"| {words} | table |",
        "```",
        f"{words} of code",
        "```",
    ]
    path.write_text("\n".join(lines), encoding="utf-8")
    result = run_check("checks.prose", path)
    found = [
        line.removeprefix(f"{path}:").split(" words:")[0] for line in result.stdout.decode().splitlines()
    ]
    assert (result.returncode, found) == (1, ["2: 26", "3: 28"])


def test_short_sentences_are_passed_in_silence(tmp_path):
    path = tmp_path / "a.md"
    path.write_text("One sentence. Another sentence.\n", encoding="utf-8")
    result = run_check("checks.prose", path)
    assert (result.returncode, result.stdout) == (0, b"")
