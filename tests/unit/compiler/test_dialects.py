"""Names of tools across programs, and what a role gets that asks in another program's words."""

from __future__ import annotations

from pathlib import Path

import pytest

from orgruntime.compiler import compile_org
from orgruntime.compiler.dialects import FOREIGN, READ, TOLERANCE, canonical_tool, grant_for


@pytest.mark.parametrize(
    ("asked", "grants", "given"),
    [
        ("Read", ("Read", "Grep"), "Read"),
        ("read_file", ("Read",), "Read"),
        ("execute", ("Bash",), "Bash"),
        ("Bash", ("execute",), "execute"),
        ("run_shell_command", ("Read",), None),
        ("Bash(git *)", ("Bash",), "Bash(git *)"),
        ("shell(git log)", ("Bash",), "Bash(git log)"),
        ("Bash", ("Bash(git *)",), None),
        ("Bash(git *)", ("Bash(git *)",), "Bash(git *)"),
        ("mcp__ledger__read", ("Read",), None),
        ("mcp__ledger__read", ("mcp__ledger__read",), "mcp__ledger__read"),
    ],
)
def test_a_grant_is_never_wider_than_what_was_asked_or_granted(
    asked: str, grants: tuple[str, ...], given: str | None
) -> None:
    assert grant_for(asked, grants) == given


def test_a_key_has_one_place_in_the_tolerance() -> None:
    homes = (TOLERANCE.texts, TOLERANCE.names, TOLERANCE.opaque, TOLERANCE.strict)
    assert sum(len(home) for home in homes) == len(TOLERANCE.keys)
    assert set(READ) | set(FOREIGN) <= TOLERANCE.keys
    assert canonical_tool("nobody's") == "nobody's"


@pytest.mark.parametrize(
    ("front", "tools"),
    [
        ("tools: read, search", ("Read", "Grep")),
        ("tools: '*'", ("Read", "Grep", "Edit")),
        ("disallowedTools: Edit", ("Read", "Grep")),
        ("tools:\n  edit: false", ("Read", "Grep")),
        ("permission: {edit: deny, bash: ask}", ("Read", "Grep")),
        ("permission: {'*': deny}", ()),
        ("tools: [Read, Edit]\ndisallowedTools: [replace]", ("Read",)),
        ("tools: []", ()),
    ],
)
def test_a_role_may_hold_tools_back_from_itself(org: Path, front: str, tools: tuple[str, ...]) -> None:
    (org / "roles" / "researcher.md").write_text(f"---\nname: Researcher\n{front}\n---\n\nWords.\n")
    manifest = compile_org(org).manifest
    assert manifest is not None
    assert manifest.roles[0].tools == tools
