"""Every rule has one module, one page and one example: the folder of rules, the table of codes and the book agree."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import cast

import pytest

from orgruntime.compiler import page
from orgruntime.compiler.rules import RULES
from orgruntime.compiler.text_rules import TEXT_RULES
from orgruntime.diagnostics.codes import CODES
from orgruntime.diagnostics.diagnostic import Code

ROOT = Path(__file__).parents[2]
FOLDERS = [ROOT / "orgruntime" / "compiler" / name for name in ("rules", "text_rules")]
MODULES = [cast(ModuleType, rule) for rule in (*RULES, *TEXT_RULES)]
BOOK = "".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "tests" / "spec").glob("*.md")))
FEWEST = 60


@cache
def reporters() -> dict[str, set[str]]:
    """Code → the modules that import its constant."""
    from orgruntime.diagnostics import codes

    names = {name: code.id for name, code in vars(codes).items() if isinstance(code, Code)}
    found: dict[str, set[str]] = {code: set() for code in CODES}
    for path in sorted((ROOT / "orgruntime").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module == "orgruntime.diagnostics.codes":
                for alias in node.names:
                    if alias.name in names:
                        found[names[alias.name]].add(path.relative_to(ROOT / "orgruntime").as_posix())
    return found


def test_there_are_enough_rules() -> None:
    assert len(CODES) >= FEWEST


def test_the_tuples_hold_every_module_of_the_folders() -> None:
    files = {path.stem for folder in FOLDERS for path in folder.glob("*.py")} - {"__init__"}
    named = [module.__name__.rpartition(".")[2] for module in MODULES]

    assert set(named) == files
    assert len(named) == len(files)


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.CODE.id)
def test_a_module_is_called_as_its_rule_and_reports_it_alone(module: ModuleType) -> None:
    assert module.__name__.rpartition(".")[2] == module.CODE.name.replace("-", "_")
    assert reporters_of(module) == {module.CODE.id}
    assert module.__doc__


def reporters_of(module: ModuleType) -> set[str]:
    path = f"{module.__name__.removeprefix('orgruntime.').replace('.', '/')}.py"
    return {code for code, homes in reporters().items() if path in homes}


def test_a_rule_that_judges_has_one_module_and_a_fault_of_reading_its_readers() -> None:
    judged = {module.CODE.id for module in MODULES}
    for code, homes in reporters().items():
        assert homes, code
        assert len(homes) == 1 or code not in judged, (code, homes)
        assert all(("rules/" in home) == (code in judged) for home in homes), (code, homes)


@pytest.mark.parametrize("code", list(CODES))
def test_a_rule_has_a_page_and_an_example(code: str) -> None:
    assert page(code).startswith(f"# {code} {CODES[code].name}\n")
    assert f" {code} [{CODES[code].name}] " in BOOK
