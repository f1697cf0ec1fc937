"""A slip in a word from a closed or known set never goes unsaid, in role files and in programs.

Some 120 of 2,600 a run; all of them hold, in two and a half minutes.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from corpus_slips import EXEMPT, PROGRAM, ROLE, slips_of_program, slips_of_role

from orgruntime.compiler import compile_org
from orgruntime.compiler.compile import Compilation

_SAMPLE = 60
"""Of each of the two; one costs 20 ms."""


@pytest.fixture
def org(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "roles").mkdir()
    (tmp_path / "lab").mkdir()
    (tmp_path / "lab" / "train.py").write_text("print('---')\nprint('val_loss: 1.0')\n")
    (tmp_path / "program.md").write_text(PROGRAM)
    (tmp_path / "roles" / "researcher.md").write_text(ROLE)
    for name in ("trainer", "referee"):
        (tmp_path / "roles" / f"{name}.md").write_text(f"---\nname: {name}\n---\n\nYou measure.\n")
    return tmp_path


def said(found: Compilation) -> set[tuple[str, str]]:
    return {(one.code, one.message) for one in found.diagnostics}


def unsaid(org: Path, file: str, slips: list[tuple[str, str]], sample: int) -> list[str]:
    path, before = org / file, said(compile_org(Path("."), seal=False))
    original = path.read_text()
    silent = []
    for what, text in random.Random(file).sample(slips, min(sample, len(slips))):
        path.write_text(text)
        if not said(compile_org(Path("."), seal=False)) - before:
            silent.append(what)
    path.write_text(original)
    return silent


def test_the_files_are_sound(org: Path) -> None:
    found = compile_org(Path("."), seal=False)
    assert found.manifest is not None, found.diagnostics
    assert {one.severity.value for one in found.diagnostics} <= {"info"}, found.diagnostics
    assert all(EXEMPT.values())


def test_no_slip_in_a_role_file_is_silent(org: Path) -> None:
    assert unsaid(org, "roles/researcher.md", [tuple(one) for one in slips_of_role()], _SAMPLE) == []


def test_no_slip_in_a_program_is_silent(org: Path) -> None:
    assert unsaid(org, "program.md", [tuple(one) for one in slips_of_program()], _SAMPLE) == []
