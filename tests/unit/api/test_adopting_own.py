"""The hints of an org's own roles become lines of its workflow, and nothing else of it changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from orgruntime.api.adopting_own import OwnImport, import_own
from orgruntime.api.errors import UserError
from orgruntime.compiler import compile_org

PROGRAM = """\
---
format: orgruntime/1
objective: {metric: val_loss, direction: minimize}
workspace: {source: lab, editable: [train.py], run: "python train.py --seed {seed}", time_limit: 60s}
budget: {trials: 100}
models: {default: claude-opus-5-5, tuner: search/tpe}
---

# Lab

## Roles

| role | kind | model |
|---|---|---|
| [Lead](roles/lead.md) | agent | |
| [Coder](roles/coder.md) | agent | |
| [Reviewer](roles/reviewer.md) | agent | |
| [Tuner](roles/tuner.md) | agent | tuner |
| [Trainer](roles/trainer.md) | experiment | |

## Workflow

* [Lead](roles/lead.md) → [Coder](roles/coder.md): `note`
* [Coder](roles/coder.md) → [Trainer](roles/trainer.md): `proposal`
* [Lead](roles/lead.md) asks [Tuner](roles/tuner.md): `proposal`
* [Reviewer](roles/reviewer.md) → [Coder](roles/coder.md): `note`
* [Lead](roles/lead.md) → [Reviewer](roles/reviewer.md): `memo`

## Standing orders

Be good.
"""
ROLES = {
    "lead": "handoffs:\n  - {agent: coder}\n  - {agent: codr}\nagents: [reviewer]",
    "coder": "reportsTo: lead\norg: {hands_off_to: [reviewer, trainer]}",
    "reviewer": "org: {produces: [note]}\nhandoffs: trainer",
    "tuner": "handoffs: reviewer",
    "trainer": "description: Runs.",
}
WORDS = "\n## Who you hand off to\n\n- **Lead**: when done\n- **Editor**: now and then\n"


@pytest.fixture
def org(tmp_path: Path) -> Path:
    for folder in ("roles", "lab"):
        (tmp_path / folder).mkdir()
    (tmp_path / "program.md").write_bytes(PROGRAM.replace("\n", "\r\n").encode())
    (tmp_path / "lab" / "train.py").write_text("print('---')\nprint('val_loss: 1')\n")
    for name, front in ROLES.items():
        text = f"---\nname: {name.capitalize()}\n{front}\n---\n\nYou work.\n{WORDS if name == 'coder' else ''}"
        (tmp_path / "roles" / f"{name}.md").write_text(text)
    return tmp_path


def left(made: OwnImport) -> dict[str, tuple[str, str | None]]:
    return {one.hint.name: (one.why, one.nearest) for one in made.left_out if not one.is_covered}


def test_what_is_missing_is_listed_and_nothing_is_written(org: Path) -> None:
    before = (org / "program.md").read_bytes()
    made = import_own(org, adopt=False)
    assert [line for _, line in made.added] == [
        "[Coder](roles/coder.md) → [Reviewer](roles/reviewer.md): `note`, at most 3 times",
        "[Coder](roles/coder.md) → [Lead](roles/lead.md): `for_lead`, at most 3 times",
        "[Tuner](roles/tuner.md) → [Reviewer](roles/reviewer.md): `proposal`",
    ]
    assert (org / "program.md").read_bytes() == before
    assert made.is_settled


def test_adopting_adds_lines_and_reports_the_rest(org: Path) -> None:
    before = (org / "program.md").read_bytes()
    made = import_own(org / "program.md", adopt=True)
    after = (org / "program.md").read_bytes()

    lines = "".join(f"\r\n* {line}" for _, line in made.added).encode()
    assert lines
    assert after.replace(lines, b"", 1) == before
    assert after.index(lines) < after.index(b"## Standing orders")
    assert compile_org(org).manifest is not None
    assert left(made)["codr"] == ("no role has that name", "coder")
    assert left(made)["Editor"][0].startswith("no role has that name")
    assert left(made)["trainer"][0].startswith("the workflow does not take it: `reviewer` says that it produces `note`")
    assert not made.is_settled, "a hint is left to a person"
    covered = {one.hint.name for one in made.left_out if one.is_covered}
    assert {"coder", "trainer", "lead", "reviewer"} <= covered

    again = import_own(org, adopt=True)
    assert again.added == ()
    assert (org / "program.md").read_bytes() == after


def test_a_role_that_nothing_leads_to_is_led_to(org: Path) -> None:
    (org / "roles" / "scribe.md").write_text("---\nname: Scribe\nreportsTo: reviewer\n---\n\nYou write.\n")
    program = org / "program.md"
    program.write_text(PROGRAM.replace("| [Tuner]", "| [Scribe](roles/scribe.md) | agent | |\n| [Tuner]"))
    assert compile_org(org).manifest is None
    made = import_own(org, adopt=True)
    assert "[Reviewer](roles/reviewer.md) asks [Scribe](roles/scribe.md): `note`" in program.read_text()
    assert compile_org(org).manifest is not None
    assert made.as_json()["into"] == str(program)


def test_an_org_with_errors_and_one_without_roles_are_refused(org: Path) -> None:
    role = org / "roles" / "coder.md"
    role.write_text(role.read_text().replace("trainer]", "trainr]"))
    with pytest.raises(UserError, match="trainr"):
        import_own(org, adopt=True)
    role.write_text(role.read_text().replace("trainr]", "trainer]"))
    (org / "program.md").write_text(PROGRAM.split("## Roles")[0])
    for name in ("reviewer", "trainer"):
        (org / "roles" / f"{name}.md").unlink()
    role.unlink()
    with pytest.raises(UserError, match="links to no role"):
        import_own(org, adopt=True)


def test_an_org_without_hints_is_told_so(org: Path) -> None:
    for role in ROLES:
        (org / "roles" / f"{role}.md").write_text(f"---\nname: {role}\n---\n\nWork.\n")
    made = import_own(org, adopt=True)
    assert made.lines() == [f"{org / 'program.md'}: its roles hint at no handoffs, so there is nothing to add"]


def test_a_handoff_that_would_end_a_built_in_one_says_so_and_what_to_write(tmp_path: Path) -> None:
    (tmp_path / "lab").mkdir()
    (tmp_path / "lab" / "train.py").write_text("print('val_loss: 1')\n")
    (tmp_path / "roles").mkdir()
    (tmp_path / "roles" / "lead.md").write_text("---\nname: Lead\n---\n\nYou lead.\n")
    (tmp_path / "roles" / "coder.md").write_text("---\nname: Coder\nhandoffs: [lead]\n---\n\nYou code.\n")
    head = PROGRAM.partition("| role |")[0].replace(", tuner: search/tpe", "")
    workflow = "## Workflow\n\n1. [Lead](roles/lead.md) → [Coder](roles/coder.md): `note`\n"
    (tmp_path / "program.md").write_text(head.replace("## Roles\n", "") + workflow)
    found = import_own(tmp_path, adopt=True)
    assert not found.added
    (left,) = found.left_out
    assert "built-in handoff, coder → trainer: `proposal`" in left.why
    assert "write that one as a line of `## Workflow`" in left.why
