"""Every rule has one module, one page and one example: the folder of rules, the table of codes and the book agree."""

from __future__ import annotations

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import cast

import pytest

from orgruntime.compiler import page
from orgruntime.compiler import reading_rules as of_roles
from orgruntime.compiler.rules import RULES
from orgruntime.compiler.text_rules import TEXT_RULES
from orgruntime.diagnostics.codes import CODES
from orgruntime.diagnostics.diagnostic import Code
from orgruntime.orgfile import reading_rules as of_bytes

ROOT = Path(__file__).parents[2]
FOLDERS = ("compiler/rules", "compiler/text_rules", "compiler/reading_rules", "orgfile/reading_rules")
MODULES = [
    *(cast(ModuleType, rule) for rule in (*RULES, *TEXT_RULES)),
    *(cast(ModuleType, getattr(package, name)) for package in (of_roles, of_bytes) for name in package.__all__),
]
BOOK = "".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "tests" / "spec").glob("*.md")))
FEWEST = 60


@cache
def reporters() -> dict[str, set[str]]:
    """Code → the modules that import its constant."""
    from orgruntime.diagnostics import codes

    names = {name: code.id for name, code in vars(codes).items() if isinstance(code, Code)}
    found: dict[str, set[str]] = {code: set() for code in CODES}
    for path in sorted((ROOT / "orgruntime").rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        # An import can only be where its words are: most files need not be parsed.
        for node in ast.walk(ast.parse(text)) if "diagnostics.codes" in text else ():
            if isinstance(node, ast.ImportFrom) and node.module == "orgruntime.diagnostics.codes":
                for alias in node.names:
                    if alias.name in names:
                        found[names[alias.name]].add(path.relative_to(ROOT / "orgruntime").as_posix())
    return found


def test_there_are_enough_rules() -> None:
    assert len(CODES) >= FEWEST


def test_every_module_of_the_folders_is_listed_once() -> None:
    files = [path.stem for folder in FOLDERS for path in (ROOT / "orgruntime" / folder).glob("*.py")]
    named = [module.__name__.rpartition(".")[2] for module in MODULES]

    assert sorted(named) == sorted(name for name in files if name != "__init__")


def test_every_rule_has_one_module() -> None:
    assert sorted(module.CODE.id for module in MODULES) == sorted(CODES)


def test_a_module_is_called_as_its_rule_and_nobody_else_speaks_for_it() -> None:
    found = reporters()
    for module in MODULES:
        home = f"{module.__name__.removeprefix('orgruntime.').replace('.', '/')}.py"

        assert module.__name__.rpartition(".")[2] == module.CODE.name.replace("-", "_")
        assert {code for code, homes in found.items() if home in homes} == {module.CODE.id}
        assert found[module.CODE.id] == {home}
        assert module.__doc__, home


def test_a_rule_of_reading_is_loaded_when_its_first_fault_is_met() -> None:
    probe = (
        "import sys\n"
        "from orgruntime.compiler import compile_org\n"
        "from pathlib import Path\n"
        "assert compile_org(Path('orgs/microgpt-lab')).manifest\n"
        "print(*[name for name in sys.modules if '.reading_rules.' in name])\n"
        "assert not compile_org(Path('no-such-folder')).manifest\n"
        "print(*[name for name in sys.modules if '.reading_rules.' in name])\n"
    )
    done = subprocess.run([sys.executable, "-c", probe], cwd=ROOT, capture_output=True, text=True, check=True)

    assert done.stdout.split("\n")[:2] == ["", "orgruntime.compiler.reading_rules.not_an_org"]


@pytest.mark.parametrize("package", [of_roles, of_bytes], ids=["compiler", "orgfile"])
def test_an_unknown_rule_of_reading_is_refused(package: ModuleType) -> None:
    with pytest.raises(AttributeError, match="'no_such_rule'"):
        package.no_such_rule  # noqa: B018  # the attribute is what is asked for


def test_every_rule_has_a_page_and_an_example() -> None:
    for code, rule in CODES.items():
        assert page(code).startswith(f"# {code} {rule.name}\n")
        assert f" {code} [{rule.name}] " in BOOK
