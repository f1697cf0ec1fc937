"""What the command may import. `check` must answer at once, and the cluster libraries alone cost seconds of CPU."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = {
    "ray",
    "langgraph",
    "langchain_core",
    "anthropic",
    "optuna",
    "matplotlib",
    "numpy",
    "scipy",
    "pygit2",
    "pygls",
    "mcp",
}
HELP_ONLY = HEAVY | {"pydantic", "mistune", "yaml", "rich", "sqlite3"}
LAB = "orgs/microgpt-lab"
NEEDLESS = {
    "asyncio", "concurrent.futures", "difflib", "email", "http", "importlib.metadata", "importlib.resources", "logging",
    "multiprocessing", "pickle", "socket", "sqlite3", "subprocess", "tempfile", "traceback", "zipfile",
}  # fmt: skip
"""Of the standard library: a clean check of a small org has no use for them, and each costs milliseconds."""
MOST_MODULES, MOST_DATACLASSES = 175, 8
"""Of the package, in a check: 166 and at most 8 as this is written."""

_PROBE = """\
import atexit, json, re, sys
def defined_in(module):
    return [value for value in vars(module).values() if isinstance(value, type) and value.__module__ == module.__name__]
def tell():
    own = [module for name, module in sys.modules.items() if name.partition(".")[0] == "orgruntime"]
    told = {
        "names": sorted(sys.modules),
        "own": len(own),
        "dataclasses": [one.__name__ for module in own for one in defined_in(module)
                        if "__dataclass_fields__" in vars(one)],
        "patterns": [f"{module.__name__}.{name}" for module in own for name, value in vars(module).items()
                     if isinstance(value, re.Pattern)],
    }
    print("loaded:", json.dumps(told), file=sys.stderr)
atexit.register(tell)
from orgruntime.cli.main import main
main(prog_name="orgrun")
"""


def told(*words: str) -> dict[str, Any]:
    """What is there when the command has ended: names of modules, and what the package's own hold."""
    done = subprocess.run(
        [sys.executable, "-c", _PROBE, *words], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    line = next(line for line in done.stderr.splitlines() if line.startswith("loaded:"))
    found: dict[str, Any] = json.loads(line.removeprefix("loaded:"))
    return found


def loaded(*words: str) -> set[str]:
    """Top-level names in sys.modules when the command has ended."""
    return {name.partition(".")[0] for name in told(*words)["names"]}


def test_the_probe_sees_what_is_imported():
    assert {"click", "orgruntime", "mistune", "pydantic", "yaml"} <= loaded("check", LAB)


@pytest.mark.parametrize(
    "words", [("--help",), ("--version",), ("run", "--help"), ("check", "--help"), ("lsp", "--help")]
)
def test_help_imports_click_alone(words):
    assert not loaded(*words) & HELP_ONLY


@pytest.mark.parametrize(
    "words",
    [
        ("check", LAB), ("check", "roles"), ("check", LAB, "--json"), ("explain", "ORG204"), ("graph", LAB),
        ("diff", LAB, LAB),
    ],
)  # fmt: skip
def test_reading_an_org_imports_nothing_that_runs_one(words):
    assert not loaded(*words) & HEAVY


def test_a_role_file_is_read_and_judged_without_the_nouns():
    """What is looked at again after an edit of one role: pydantic takes as long to import as all the rest."""
    probe = (
        "import sys, orgruntime.api.checking, orgruntime.api.remembering\n"
        "from orgruntime.compiler import rolefile, wishes\n"
        "from orgruntime.orgfile.source import Source\n"
        "text = '---\\nname: A\\nmodel: opus\\norg: {count: 2, produces: [idea]}\\n---\\nWords.\\n'\n"
        "file, _ = rolefile.role_in(Source('a.md', text, 'x'), 'a.md', 'a', [])\n"
        "assert file.body and file.model and file.hinted.count == 2\n"
        "print(*{'pydantic', 'click'} & set(sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", probe], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "\n"


def test_planning_without_a_cluster_imports_no_cluster():
    assert not loaded("plan", LAB, "--runs", "none") & (HEAVY - {"numpy", "scipy"})


def test_looking_at_runs_imports_no_cluster(tmp_path):
    assert not loaded("ls", "--runs", str(tmp_path)) & HEAVY


def test_a_clean_check_pays_for_nothing_that_it_does_not_use():
    """Definitions are what a check of a small org spends its time on: compiled patterns, dataclasses, modules."""
    found = told("check", LAB)
    assert not NEEDLESS & set(found["names"])
    assert found["patterns"] == [], "a pattern of the compiler waits until it is used: `diagnostics.pattern`"
    assert 0 < len(found["dataclasses"]) <= MOST_DATACLASSES, (
        "a record that the compiler makes is a NamedTuple, which costs a third of a dataclass to define: "
        + ", ".join(found["dataclasses"])
    )
    assert found["own"] <= MOST_MODULES
