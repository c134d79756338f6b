"""The rules of the house that no linter knows."""

from __future__ import annotations

import ast
import statistics
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "m2v_onnx"
ROOT_FILES = {
    "__init__.py",
    "__main__.py",
    "version.py",
    "errors.py",
    "static_model.py",
    "classifier.py",
    "shared_models.py",
}
MODULES = sorted(PACKAGE.rglob("*.py"))


def functions(path: Path) -> list[ast.FunctionDef]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]


def n_body_lines(function: ast.FunctionDef) -> int:
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return body[-1].end_lineno - body[0].lineno + 1 if body else 0


def n_parameters(function: ast.FunctionDef) -> int:
    arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    return len([argument for argument in arguments if argument.arg not in ("self", "cls")])


def test_only_these_files_stand_outside_a_room():
    assert {path.name for path in PACKAGE.glob("*.py")} == ROOT_FILES


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_functions_are_short(path):
    long = {function.name: n_body_lines(function) for function in functions(path)}
    assert {name: n_lines for name, n_lines in long.items() if n_lines > 45} == {}
    if "cli" not in path.parts:
        many = {function.name: n_parameters(function) for function in functions(path)}
        assert {name: n for name, n in many.items() if n > 8} == {}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_an_import_inside_a_function_says_why(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    silent = []
    for function in functions(path):
        imports = [node for node in ast.walk(function) if isinstance(node, ast.Import | ast.ImportFrom)]
        block = {n for node in imports for n in range(node.lineno, node.end_lineno + 1)}
        # The reason stands in or before the imports of a function, once.
        around = [lines[n - 1] for n in sorted(block | {min(block) - 1})] if block else []
        if around and not any("# " in line for line in around):
            silent.append(f"{path.name}:{min(block)} {function.name}")
    assert silent == []


def test_modules_are_short():
    assert statistics.median(len(path.read_text().splitlines()) for path in MODULES) <= 130
