"""What the command may import. `check` must answer at once, and the cluster libraries alone cost seconds of CPU."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

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

_PROBE = """\
import atexit, sys
def tell():
    print("loaded:", *sorted({name.partition(".")[0] for name in sys.modules}), file=sys.stderr)
atexit.register(tell)
from orgruntime.cli.main import main
main(prog_name="orgrun")
"""


def loaded(*words: str) -> set[str]:
    """Top-level names in sys.modules when the command has ended."""
    done = subprocess.run(
        [sys.executable, "-c", _PROBE, *words], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    line = next(line for line in done.stderr.splitlines() if line.startswith("loaded:"))
    return set(line.split()[1:])


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


def test_planning_without_a_cluster_imports_no_cluster():
    assert not loaded("plan", LAB) & (HEAVY - {"numpy", "scipy"})


def test_looking_at_runs_imports_no_cluster(tmp_path):
    assert not loaded("ls", "--runs", str(tmp_path)) & HEAVY
