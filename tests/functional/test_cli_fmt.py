"""`orgrun fmt`: what it writes, what it only says, its exit codes."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli_cases import assert_one_sentence, orgrun


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An org with a workflow that is not in its normal form, seen from the folder above."""
    monkeypatch.chdir(tmp_path)
    assert orgrun("init", "lab", "--template", "lab").code == 0
    program = Path("lab/program.md")
    text = program.read_text()
    assert "→" in text
    program.write_text(text.replace(" → ", "  ->  "))
    return Path("lab")


def test_it_writes_once_and_then_has_nothing_to_do(lab: Path) -> None:
    said = orgrun("fmt", lab)
    assert (said.code, said.out) == (0, "lab/program.md formatted\n")
    text = (lab / "program.md").read_text()
    assert "  ->  " not in text
    assert "<!-- orgrun:graph -->\n```mermaid\nflowchart TD\n" in text
    assert orgrun("check", lab, "--strict").code == 0
    assert orgrun("fmt", lab).out == "1 program in order\n"
    assert orgrun("fmt", lab, "--check").code == 0
    assert (lab / "program.md").read_text() == text


def test_the_diagram_is_that_of_the_graph(lab: Path) -> None:
    orgrun("fmt", lab)
    text = (lab / "program.md").read_text()
    inner = text.split("```mermaid\n")[1].split("```")[0]
    assert inner == orgrun("graph", lab).out


@pytest.mark.parametrize("option", ["--check", "--diff"])
def test_it_can_only_say_what_it_would_do(lab: Path, option: str) -> None:
    before = (lab / "program.md").read_bytes()
    said = orgrun("fmt", lab, option)
    assert said.code == 1
    assert "lab/program.md" in said.out
    assert (lab / "program.md").read_bytes() == before
    orgrun("fmt", lab)
    said = orgrun("fmt", lab, option)
    assert (said.code, "lab/program.md" in said.out) == (0, False)


def test_the_difference_can_be_applied(lab: Path) -> None:
    said = orgrun("fmt", lab, "--diff")
    assert "+<!-- orgrun:graph -->" in said.out
    assert said.out.startswith("--- lab/program.md\n+++ lab/program.md (formatted)\n@@ ")


def test_faults_of_an_org_are_shown_and_nothing_is_written(lab: Path) -> None:
    program = lab / "program.md"
    program.write_text(program.read_text().replace("objective:", "objectiv:"))
    before = program.read_bytes()
    assert_one_sentence(orgrun("fmt", lab), 1, "lab is not formatted before its errors are mended", "ORG113")
    assert program.read_bytes() == before


def test_one_faulty_org_of_two_leaves_both_as_they_are(lab: Path) -> None:
    before = (lab / "program.md").read_bytes()
    assert_one_sentence(orgrun("fmt", lab, "nowhere"), 1, "nowhere", "does not exist")
    assert (lab / "program.md").read_bytes() == before


def test_a_folder_of_roles_has_nothing_to_format(lab: Path) -> None:
    assert_one_sentence(orgrun("fmt", lab / "roles"), 1, "program.md")
    assert_one_sentence(orgrun("fmt"), 2, "orgrun fmt --help")
