"""Sizes of files and functions: the tail stays short, without exemptions."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "orgruntime").rglob("*.py"))
LINES, FUNCTION_LINES, PARAMETERS = 500, 60, 7
MEDIAN = 12

Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(text: str) -> Iterator[Function]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, Function):
            yield node


def length(function: Function) -> int:
    """Lines from `def` to the end; decorators are not counted."""
    return (function.end_lineno or function.lineno) - function.lineno + 1


def parameters(function: Function) -> int:
    given = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    return sum(argument.arg not in ("self", "cls") for argument in given)


def excesses(text: str) -> list[str]:
    """What of a file is above a limit."""
    found = [f"{len(text.splitlines())} lines"] if len(text.splitlines()) > LINES else []
    for function in functions(text):
        if length(function) > FUNCTION_LINES:
            found.append(f"{function.name}: {length(function)} lines")
        if parameters(function) > PARAMETERS:
            found.append(f"{function.name}: {parameters(function)} parameters")
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_file_is_within_the_limits(path: Path) -> None:
    assert excesses(path.read_text(encoding="utf-8")) == []


def test_functions_are_short_on_the_whole() -> None:
    lengths = [length(function) for path in FILES for function in functions(path.read_text(encoding="utf-8"))]

    assert len(lengths) > 500
    assert median(lengths) <= MEDIAN


def test_every_module_says_what_it_is() -> None:
    modules = [path for path in FILES if path.read_text(encoding="utf-8").strip()]
    bare = [path.name for path in modules if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))]

    assert bare == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("x = 1\n" * 501, ["501 lines"]),
        ("def f():\n" + "    x = 1\n" * 60, ["f: 61 lines"]),
        ("def f(a, b, c, d, e, f, g, *, h): pass", ["f: 8 parameters"]),
        ("class A:\n    def f(self, a, b, c, d, e, f, g): pass", []),
    ],
)
def test_the_limits_can_be_passed(text: str, found: list[str]) -> None:
    assert excesses(text) == found
