"""Which org a file belongs to, and what may be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.lsp.check import UnitMemory, check_remembering, check_unit
from orgruntime.lsp.session import Session

PROGRAM = "---\nformat: orgruntime/1\n---\n# Lab\n\n## Roles\n\n| role |\n|---|\n| [A](roles/a.md) |\n"


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    folder = tmp_path / "workspace" / "lab"
    (folder / "roles").mkdir(parents=True)
    (folder / "program.md").write_text(PROGRAM, encoding="utf-8")
    (folder / "roles" / "a.md").write_text("---\nname: A\n---\nOn disk.\n", encoding="utf-8")
    return folder


def opened(path: Path, text: str, *folders: Path) -> Session:
    session = Session(folders=folders)
    session.open(path, path.as_uri(), text, 1)
    return session


@pytest.mark.parametrize(
    ("path", "unit"),
    [
        ("lab/program.md", "lab"),
        ("lab/roles/a.md", "lab"),
        ("lab/roles/team/b.md", "lab"),
        ("lab/notes.md", None),
        ("lab/roles/a.txt", None),
        (".claude/agents/x.md", ".claude/agents/x.md"),
        ("roles/trainer.md", "roles/trainer.md"),
        (".github/x.agent.md", ".github/x.agent.md"),
        ("README.md", None),
    ],
)
def test_the_unit_of_a_file(lab: Path, path: str, unit: str | None) -> None:
    root = lab.parent

    assert Session().unit_of(root / path) == (root / unit if unit else None)


def test_settings_beside_the_org_judge_as_they_do_for_check(lab: Path) -> None:
    role = lab / "roles" / "a.md"
    role.write_text("---\nname: A\nlabel: x\nnmae: y\n---\nWords.\n", encoding="utf-8")
    session = Session(folders=(lab,))

    def codes() -> list[tuple[str, str]]:
        return [(one.code, one.severity.value) for one in check_unit(lab, session.reader(lab)).diagnostics[role]]

    assert codes() == [("ORG114", "info"), ("ORG122", "warning")]
    (lab / ".orgrun.toml").write_text('[check.severity]\nORG122 = "error"\n[check.ignore]\n"roles/*" = ["ORG114"]\n')
    assert codes() == [("ORG122", "error")]
    (lab / ".orgrun.toml").write_text("[check\n")
    assert codes() == [("ORG114", "info"), ("ORG122", "warning")]
    assert "is not TOML" in check_unit(lab, session.reader(lab)).fault


def test_an_org_is_remembered_and_a_change_is_seen(lab: Path) -> None:
    for number in range(9):
        (lab / "roles" / f"r{number:02}.md").write_text(f"---\nname: R{number}\n---\nWords.\n", encoding="utf-8")
    session, role, memory = Session(folders=(lab,)), lab / "roles" / "a.md", UnitMemory()

    found = check_remembering(lab, session.reader(lab), memory)
    again = check_remembering(lab, session.reader(lab), memory)
    role.write_text("---\nname: R\nnmae: x\n---\nWords.\n", encoding="utf-8")
    changed = check_remembering(lab, session.reader(lab), memory)

    assert again == found
    assert [one.code for one in changed.diagnostics[role] if one not in found.diagnostics[role]] == ["ORG122"]
    assert changed.diagnostics == check_unit(lab, session.reader(lab)).diagnostics


def test_payloads_of_files_are_known(lab: Path) -> None:
    (lab / "schemas").mkdir()
    (lab / "schemas" / "survey.schema.json").write_text(
        '{"type": "object", "properties": {"done": {"type": "boolean"}}}'
    )
    view = opened(lab / "program.md", PROGRAM, lab).view(lab / "program.md")

    assert view is not None
    assert [field.name for field in view.payloads["survey"].fields] == ["done"]


def test_the_editor_goes_before_the_disk(lab: Path) -> None:
    role = lab / "roles" / "a.md"
    session = opened(role, "---\nname: Editor\nlabel: x\n---\nWords.\n", lab)
    found = check_unit(lab, session.reader(lab))

    assert "label" in found.texts[role]
    assert [one.code for one in found.diagnostics[role]] == ["ORG114"]
    session.close(role)
    assert check_unit(lab, session.reader(lab)).diagnostics[role] == ()


def test_a_snapshot_is_taken(lab: Path) -> None:
    role = lab / "roles" / "a.md"
    session = opened(role, "---\nname: Editor\n---\nWords.\n", lab)
    reader = session.reader(lab)
    session.close(role)

    source = reader(role, "a.md", Findings())
    assert source is not None
    assert "Editor" in source.text


def test_links_that_lead_out_are_not_read(lab: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.md"
    secret.write_text("---\nname: secret\n---\nsecret words\n", encoding="utf-8")
    (lab / "roles" / "a.md").unlink()
    (lab / "roles" / "a.md").symlink_to(secret)
    (lab / "roles" / "unnamed.md").symlink_to(secret)
    session = Session(folders=(lab.parent,))

    found = check_unit(lab, session.reader(lab))

    assert "secret" not in "".join(found.texts.values())
    assert session.buffer(lab / "roles" / "a.md") is None


def test_a_program_that_is_a_link_out_is_not_read(lab: Path, tmp_path: Path) -> None:
    (tmp_path / "other.md").write_text(PROGRAM, encoding="utf-8")
    (lab / "program.md").unlink()
    (lab / "program.md").symlink_to(tmp_path / "other.md")

    found = check_unit(lab, Session(folders=(lab.parent,)).reader(lab))

    assert [one.code for one in found.diagnostics[lab / "program.md"]] == ["ORG102"]
    assert "leads out" in found.diagnostics[lab / "program.md"][0].message


@pytest.mark.parametrize("text", ["x" * ((1 << 20) + 1), "---\n" + "a: " * 400_000])
def test_a_buffer_that_is_too_big_is_said_to_be(lab: Path, text: str) -> None:
    role = lab / "roles" / "a.md"

    found = check_unit(lab, opened(role, text, lab).reader(lab))

    assert [one.code for one in found.diagnostics[role]] == ["ORG102"]


def test_programs_are_found_below_the_opened_folders(lab: Path) -> None:
    (lab.parent / "node_modules" / "x").mkdir(parents=True)
    (lab.parent / "node_modules" / "x" / "program.md").write_text(PROGRAM, encoding="utf-8")
    (lab.parent / ".hidden").mkdir()
    (lab.parent / ".hidden" / "program.md").write_text(PROGRAM, encoding="utf-8")

    assert [view.org for view in Session(folders=(lab.parent,)).views()] == [lab]


def test_a_document_without_front_matter_is_no_role(tmp_path: Path) -> None:
    path = tmp_path / "agents" / "README.md"
    session = opened(path, "# Read me\n", tmp_path)

    assert check_unit(path, session.reader(path)).diagnostics == {path: ()}
