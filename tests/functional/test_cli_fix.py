"""`orgrun fix`: what a person sees, what is on disk afterwards, and what it leaves alone."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from cli_cases import assert_one_sentence, command, orgrun, orgrun_process

BROKEN = "---\nname: Scout\n# kept\ndescription: Use it: first\ntools: *\n---\n\nYou look.\n"
MENDED = '---\nname: Scout\n# kept\ndescription: "Use it: first"\ntools: ["*"]\n---\n\nYou look.\n'


@pytest.fixture
def roles(tmp_path: Path) -> Path:
    folder = tmp_path / "agents"
    folder.mkdir()
    (folder / "scout.md").write_text(BROKEN)
    (folder / "README.md").write_text("# Ours: all\n")
    (folder / "slip.md").write_text("---\nname: Slip\ndescripton: One letter short.\n---\n\nYou look.\n")
    return folder


def test_files_are_mended_once(roles: Path) -> None:
    said = orgrun("fix", roles)
    assert said.code == 0
    assert (roles / "scout.md").read_text() == MENDED
    assert "line 4: write `description` as YAML (ORG109)" in said.out
    assert "1 file fixed; 1 left, see `orgrun check`, 1 of them with --unsafe" in said.out
    again = orgrun("fix", roles)
    assert "nothing to fix" in again.out
    assert (roles / "scout.md").read_text() == MENDED
    assert (roles / "README.md").read_text() == "# Ours: all\n"


def test_a_diff_is_shown_and_nothing_is_written(roles: Path) -> None:
    said = orgrun("fix", roles, "--diff")
    assert said.code == 1
    assert "-description: Use it: first\n-tools: *\n" in said.out
    assert '+description: "Use it: first"\n+tools: ["*"]\n' in said.out
    assert (roles / "scout.md").read_text() == BROKEN
    (roles / "scout.md").write_text(MENDED)
    assert orgrun("fix", roles, "--diff") == (0, "", "")


def test_a_diff_is_a_patch(roles: Path) -> None:
    before = BROKEN.replace("\n", "\r\n").encode().rstrip()
    (roles / "scout.md").write_bytes(before)
    words = command("fix", "agents", "--diff")
    patch = subprocess.run(words, cwd=roles.parent, capture_output=True, timeout=120, check=False).stdout
    orgrun("fix", roles)
    mended = (roles / "scout.md").read_bytes()
    assert mended == MENDED.replace("\n", "\r\n").encode().rstrip()
    (roles / "scout.md").write_bytes(before)
    applied = subprocess.run(["git", "apply", "-p1"], cwd=roles.parent, input=patch, capture_output=True, check=False)
    assert applied.returncode == 0, applied.stderr
    assert (roles / "scout.md").read_bytes() == mended


def test_links_by_a_former_name_are_written_anew_where_that_is_asked_for(tmp_path: Path) -> None:
    assert orgrun("init", tmp_path / "lab").code == 0
    program, role = tmp_path / "lab" / "program.md", tmp_path / "lab" / "roles" / "scientist.md"
    edge = "\n## Workflow\n\n1. [Scientist](roles/scientist.md) → [Trainer](lib/trainer.md): `proposal`\n"
    program.write_text(program.read_text() + edge)
    whole = program.read_text()
    words = role.read_text().replace("---\n", "---\norg: {was: scientist}\n", 1)
    role.unlink()
    role.with_name("analyst.md").write_text(words)

    said = orgrun("check", tmp_path / "lab", "--format", "concise")
    assert "the role file `roles/scientist.md` was renamed; help: it is `roles/analyst.md` now" in said.out
    assert orgrun("fix", tmp_path / "lab").code == 1
    assert program.read_text() == whole
    orgrun("fix", tmp_path / "lab", "--unsafe")

    assert program.read_text() == whole.replace("](roles/scientist.md)", "](roles/analyst.md)")
    assert "ORG204" not in orgrun("check", tmp_path / "lab").out


def test_unsafe_fixes_are_asked_for(roles: Path) -> None:
    assert orgrun("fix", roles, "--unsafe").code == 0
    assert "description: One letter short." in (roles / "slip.md").read_text()


def test_an_unsafe_fix_that_would_break_a_file_is_left_out(roles: Path) -> None:
    both = "---\nname: Slip\nTools: Grep\ntools: Read\ndescripton: One letter short: here\n---\n\nYou look.\n"
    (roles / "slip.md").write_text(both)
    orgrun("fix", roles, "--unsafe")
    mended = both.replace("descripton: One letter short: here", 'description: "One letter short: here"')
    assert (roles / "slip.md").read_text() == mended


def test_machines_get_json(roles: Path) -> None:
    found = json.loads(orgrun("fix", roles, "--json").out)
    (file,) = found["files"]
    assert file["path"].endswith("scout.md")
    first, second = (one["fix"] for one in file["mended"])
    assert second["title"] == "write `tools` as YAML"
    assert first == {
        "title": "write `description` as YAML",
        "safe": True,
        "edits": [{"line": 4, "column": 14, "end_line": 4, "end_column": 27, "text": '"Use it: first"'}],
    }
    assert [one["code"] for one in found["left"]] == ["ORG122"]


def test_an_org_is_mended_and_the_shared_library_is_not(org: Path, tmp_path: Path) -> None:
    role = next((org / "roles").glob("*.md"))
    role.write_bytes(b"\xef\xbb\xbf" + role.read_bytes().replace(b"\n", b"\r\n"))
    (org / "program.md").write_bytes(b"\xef\xbb\xbf" + (org / "program.md").read_bytes())
    shared = org.parent / "roles"
    shared.mkdir()
    (shared / "scout.md").write_text(BROKEN)
    (org.parent / ".git").mkdir()
    (org / "roles" / "spare.md").write_text(BROKEN)
    program = org / "program.md"
    program.write_bytes(program.read_bytes().replace(b"\nbudget:", b"\nimports: [lib/scout]\nbudget:"))
    assert "ORG109" in orgrun("check", org, "--json").out
    orgrun("fix", org)
    assert not role.read_bytes().startswith(b"\xef\xbb\xbf")
    assert b"\r\n" in role.read_bytes()
    assert not program.read_bytes().startswith(b"\xef\xbb\xbf")
    assert (shared / "scout.md").read_text() == BROKEN
    assert (org / "roles" / "spare.md").read_text() != BROKEN, "a role that the program does not name is mended too"


def test_errors_that_stay_are_the_exit_code(roles: Path) -> None:
    (roles / "open.md").write_text("---\nname: Open\n\nWords.\n")
    assert orgrun("fix", roles).code == 1
    assert (roles / "open.md").read_text() == "---\nname: Open\n\nWords.\n"


def test_links_and_modes_stay(roles: Path, tmp_path: Path) -> None:
    (tmp_path / "outside.md").write_text(BROKEN)
    (roles / "outside.md").symlink_to(tmp_path / "outside.md")
    (roles / "inside.md").symlink_to("scout.md")
    os.chmod(roles / "scout.md", 0o640)
    orgrun("fix", roles)
    assert (tmp_path / "outside.md").read_text() == BROKEN
    assert (roles / "inside.md").is_symlink()
    assert (roles / "scout.md").read_text() == MENDED
    assert (roles / "scout.md").stat().st_mode & 0o777 == 0o640
    assert sorted(one.name for one in roles.iterdir() if one.name.startswith(".")) == []


def test_misuse(tmp_path: Path) -> None:
    assert_one_sentence(orgrun("fix", tmp_path / "nowhere"), 2, "nowhere", "does not exist")
    assert_one_sentence(orgrun("fix"), 2, "PATH")
    assert orgrun("fix", "--help").out.count("orgrun fix") >= 3


def test_as_a_process(roles: Path) -> None:
    said = orgrun_process("fix", roles.name, "--diff", cwd=roles.parent)
    assert said.code == 1
    assert said.out.startswith("--- a/agents/scout.md\n+++ b/agents/scout.md\n")
    assert said.err == ""
