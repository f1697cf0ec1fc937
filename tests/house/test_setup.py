"""The way in: make's targets, the pinned versions, the script that CI runs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def pins() -> dict[str, Version]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pairs = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {normal(name): Version(version) for name, version in pairs}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("text", [*PROJECT["project"]["dependencies"], *PROJECT["dependency-groups"]["dev"]])
def test_a_requirement_is_pinned_within_its_range(text: str) -> None:
    requirement = Requirement(text)

    assert normal(requirement.name) in pins(), "run `make lock`"
    assert pins()[normal(requirement.name)] in requirement.specifier


def test_constraints_name_versions_and_nothing_of_a_machine() -> None:
    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")

    assert "file:" not in text
    assert "@" not in text
    assert "orgruntime" not in pins()


@pytest.mark.parametrize("target", ["help", "demo", "setup", "setup-dev", "test", "check", "lock", "clean"])
def test_make_knows_the_target(target: str) -> None:
    done = subprocess.run(["make", "--dry-run", target], cwd=ROOT, capture_output=True, text=True, timeout=120)

    assert done.returncode == 0, done.stderr


def test_a_set_up_that_fails_leaves_no_stamp(tmp_path: Path) -> None:
    for _ in range(2):
        done = subprocess.run(
            ["make", "setup", f"VENV={tmp_path}/venv", "PYTHON=/bin/false"],
            cwd=ROOT, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert done.returncode != 0
        assert "Python >= 3.11" in done.stderr
        assert not list(tmp_path.rglob(".*-ready"))


def test_a_python_that_is_too_old_is_passed_over(tmp_path: Path) -> None:
    """Nothing is made, and the sentence says what is wanted."""
    for name in ("python3.12", "python3.11", "python3.13", "python3", "python"):
        fake = tmp_path / name
        fake.write_text("#!/bin/sh\nexit 1\n")
        fake.chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}:/usr/bin:/bin", "VENV": str(tmp_path / "venv"), "PYTHON": ""}

    done = subprocess.run(
        ["/bin/bash", str(ROOT / ".ci" / "venv")], env=environment, capture_output=True, text=True, timeout=120
    )

    assert done.returncode == 1
    assert "no Python >= 3.11" in done.stderr
    assert not (tmp_path / "venv").exists()


@pytest.mark.parametrize("name", ["run", "venv"])
def test_scripts_parse_and_are_executable(name: str) -> None:
    script = ROOT / ".ci" / name

    assert os.access(script, os.X_OK)
    assert script.read_text(encoding="utf-8").startswith("#!/usr/bin/env bash\n")
    assert subprocess.run(["bash", "-n", str(script)], timeout=120).returncode == 0


FAILS = "def test_{n}():\n    assert False\n"
FAILS_ONCE = """
from pathlib import Path

def test_{n}():
    seen = Path("seen-{n}")
    if not seen.exists():
        seen.touch()
        raise AssertionError
"""
PASSES = "def test_one_more():\n    pass\n"


@pytest.mark.parametrize(
    ("texts", "code", "words"),
    [
        ([], 0, ["ci: passed"]),
        ([FAILS_ONCE], 0, ["ci: flaky, mend it: tests/test_0.py::test_0", "ci: passed"]),
        ([FAILS_ONCE, FAILS_ONCE, FAILS_ONCE], 0, ["ci: flaky, mend it: tests/test_2.py::test_2", "ci: passed"]),
        ([FAILS], 2, ["ci: failed (exit code 2)"]),
        ([FAILS_ONCE, FAILS], 2, ["ci: failed (exit code 2)"]),
        ([FAILS_ONCE] * 4, 2, ["ci: failed (exit code 2)"]),
        ([FAILS_ONCE, "import nothing_of_this_name\n"], 2, ["ci: failed (exit code 2)"]),
    ],
    ids=["none fails", "one fails once", "three fail once", "one fails twice", "one of two fails twice",
         "four fail once", "one cannot be read"],
)  # fmt: skip
def test_few_tests_that_fail_are_asked_once_more_and_named(
    tmp_path: Path, texts: list[str], code: int, words: list[str]
) -> None:
    """The script of CI itself, with tests of its own."""
    (tmp_path / "tests").mkdir()
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "run", tmp_path / ".ci" / "run")
    for n, text in enumerate([*texts, PASSES]):
        (tmp_path / "tests" / f"test_{n}.py").write_text(text.replace("{n}", str(n)))
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = -ra --continue-on-collection-errors\n")
    (tmp_path / "Makefile").write_text(f"check:\n\t@{sys.executable} -m pytest tests $(ARGS)\n")
    done = subprocess.run(["bash", ".ci/run"], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == code, done.stdout + done.stderr
    assert done.stdout.splitlines()[-len(words) :] == words, done.stdout


def test_no_two_test_files_share_a_name() -> None:
    """There are no packages in tests, so pytest tells files apart by their names alone."""
    names = [path.name for path in (ROOT / "tests").rglob("*.py") if path.name != "conftest.py"]

    assert sorted(name for name in set(names) if names.count(name) > 1) == []
