"""`orgrun import` on role files of other tools, as a person types it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli_cases import assert_one_sentence, orgrun, orgrun_process

ROLES = {
    ".claude/agents/lead.md": """\
---
name: lead
description: Leads: asks the others.
tools: Read, Agent(smith)
model: opus
---

You lead.

## Who you hand off to

- **Smithh**: the iron
""",
    ".claude/agents/smith.md": "---\nname: Smith\n---\n\nYou forge.\n",
    ".claude/agents/README.md": "Words.\n",
    ".claude/agents/go.sh": "#!/bin/sh\ntouch gone\n",
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name, text in ROLES.items():
        path = tmp_path / "forge" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "forge"


def test_roles_and_hints_are_listed_and_nothing_is_written(project: Path) -> None:
    said = orgrun_process("import", "forge", cwd=project.parent)

    assert said.code == 0, said.err
    assert "2 roles in forge" in said.out
    assert "4 found = 2 taken over + 2 left" in said.out
    assert "1 of 2 hints would become 1 handoff" in said.out
    assert "`Smithh`: no role has that name; the nearest is `smith`" in said.out
    assert ".claude/agents/go.sh:1: can be executed; it was neither run nor copied" in said.out
    table = said.out.split("Declared → effective\n")[1].split("\n\n")[0].splitlines()
    assert [line.split()[0] for line in table] == ["role", "lead", "smith"]
    assert "opus → " in table[1]
    assert "Read, Agent(smith) → Read" in table[1]
    assert "asks smith" in table[1]
    assert sorted(path.name for path in project.parent.iterdir()) == ["forge"]


def test_adopt_drafts_an_org_with_its_questions_marked(project: Path) -> None:
    said = orgrun("import", project, "--adopt")

    org = project.parent / "forge-org"
    assert said.code == 1
    assert "answer its questions" in said.out
    assert (org / "roles/lead.md").read_bytes() == (project / ".claude/agents/lead.md").read_bytes()
    assert "[lead](roles/lead.md) asks [Smith](roles/smith.md): `note`" in (org / "program.md").read_text()
    checked = json.loads(orgrun("check", org, "--format", "json").out)
    errors = [one["message"] for one in checked["diagnostics"] if one["severity"] == "error"]
    assert errors == ["`objective` is missing", "`workspace` is missing"]
    assert_one_sentence(orgrun("run", org), 1, "has open questions", "less of it better", "delete its `# ?` line")
    again = orgrun("import", org)
    assert (again.code, "has errors, which are mended before its hints are read" in again.err) == (1, True)
    assert_one_sentence(orgrun("import", org, "--into", "x"), 2, "is an org already")


def test_a_draft_whose_questions_are_answered_is_an_org_that_can_be_planned(project: Path, tmp_path: Path) -> None:
    orgrun("import", project, "--adopt", "--into", tmp_path / "org")
    workspace = tmp_path / "org" / "workspace"
    workspace.mkdir()
    (workspace / "train.py").write_text("RATE = 0.1\nprint('---')\nprint('loss:', RATE)\n")
    program = tmp_path / "org" / "program.md"
    head, body = program.read_text().split("\n---\n", 1)
    kept = [line for line in head.splitlines() if not line.startswith("#")]
    answers = """\
objective: {metric: loss, direction: minimize}
workspace: {source: workspace, editable: [train.py], run: 'python train.py {seed}'}
budget: {trials: 200}"""
    program.write_text("\n".join([*kept, answers, "---", body]))

    assert orgrun("check", tmp_path / "org", env={"ANTHROPIC_API_KEY": "x"}).code == 0
    said = orgrun("plan", tmp_path / "org", "--model", "lead=claude-opus-5-5", "--model", "smith=search/tpe")
    assert "forge (org)" in said.out
    assert "lead → smith" in said.out
    assert "smith → trainer" in said.out


def test_json_holds_every_file_hint_and_role(project: Path) -> None:
    said = orgrun("import", project, "--json")
    found = json.loads(said.out)

    assert found["kind"] == "agents"
    assert found["into"] is None
    assert found["counts"] == {
        "found": 4, "role": 2, "read": 0, "refused": 0, "left": 2,
        "hints": 2, "adopted": 1, "left_out": 1, "covered": 0, "handoffs": 1,
    }  # fmt: skip
    assert found["left_out"][0]["nearest"] == "smith"
    assert found["left_out"][0]["line"] == 12
    assert [one["slug"] for one in found["roles"]] == ["lead", "smith"]
    assert found["roles"][0]["declared"]["tools"] == ["Read", "Agent(smith)"]
    assert found["roles"][0]["effective"]["tools"] == ["Read"]
    assert [one["topic"] for one in found["questions"]] == ["objective", "workspace", "budget"]


def test_a_refused_role_is_a_finding(project: Path) -> None:
    (project / ".claude/agents/bad.md").write_text("---\nname: bad\n\nnever closed\n")

    said = orgrun("import", project)

    assert said.code == 1
    assert (
        "refused  .claude/agents/bad.md: line 1: the front matter begins here and is never closed (ORG106)" in said.out
    )


def test_misuse_is_one_sentence(project: Path, tmp_path: Path) -> None:
    full = tmp_path / "full"
    full.mkdir()
    (full / "x").write_text("")

    assert_one_sentence(orgrun("import", project, "--into", full), 2, "--into needs --adopt")
    assert_one_sentence(orgrun("import", project, "--adopt", "--into", full), 2, "is not empty", "--into")
    assert_one_sentence(orgrun("import", project, "--adopt", "--into", full / "x"), 2, "is a file")
    assert_one_sentence(orgrun("import", project, "--adopt", "--into", project / "org"), 2, "never written to")
    assert_one_sentence(orgrun("import", project, "--adopt", "--into", tmp_path / "no/org"), 2, "is not a folder")
    assert_one_sentence(orgrun("import", project, "--prove"), 2, "--prove is for a bare program.md")
    assert_one_sentence(orgrun("import", project, "--direction", "minimize"), 2, "--direction is for a bare")
    assert_one_sentence(orgrun("import", full), 2, "no role files")
