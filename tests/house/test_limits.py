"""Sizes of files and functions: the tail stays short, without exemptions."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path
from statistics import median
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "orgruntime").rglob("*.py"))
LINES, FUNCTION_LINES, PARAMETERS = 500, 60, 7
MEDIAN = 12

Function = ast.FunctionDef | ast.AsyncFunctionDef


class Sizes(NamedTuple):
    name: str
    lines: int
    """From `def` to the end; decorators are not counted."""
    parameters: int


class Module(NamedTuple):
    docstring: str | None
    functions: list[Sizes]


@cache
def module(text: str) -> Module:
    """Parsed once, whatever is asked of it."""
    tree = ast.parse(text)
    return Module(ast.get_docstring(tree), [sizes(node) for node in ast.walk(tree) if isinstance(node, Function)])


def sizes(function: Function) -> Sizes:
    given = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    lines = (function.end_lineno or function.lineno) - function.lineno + 1
    return Sizes(function.name, lines, sum(argument.arg not in ("self", "cls") for argument in given))


def excesses(text: str) -> list[str]:
    """What of a file is above a limit."""
    found = [f"{len(text.splitlines())} lines"] if len(text.splitlines()) > LINES else []
    for function in module(text).functions:
        if function.lines > FUNCTION_LINES:
            found.append(f"{function.name}: {function.lines} lines")
        if function.parameters > PARAMETERS:
            found.append(f"{function.name}: {function.parameters} parameters")
    return found


def test_every_file_is_within_the_limits() -> None:
    found = {path.relative_to(ROOT).as_posix(): excesses(path.read_text(encoding="utf-8")) for path in FILES}

    assert {path: above for path, above in found.items() if above} == {}


def test_functions_are_short_on_the_whole() -> None:
    lengths = [function.lines for path in FILES for function in module(path.read_text(encoding="utf-8")).functions]

    assert len(lengths) > 500
    assert median(lengths) <= MEDIAN


def test_every_module_says_what_it_is() -> None:
    texts = [(path.name, path.read_text(encoding="utf-8")) for path in FILES]
    bare = [name for name, text in texts if text.strip() and not module(text).docstring]

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
