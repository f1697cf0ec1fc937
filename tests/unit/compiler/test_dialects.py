"""Names of tools across programs, and what a role gets that asks in another program's words."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orgruntime.compiler import compile_org
from orgruntime.compiler.authority import held_back
from orgruntime.compiler.dialects import (
    FOREIGN,
    KNOWN_TOOLS,
    READ,
    TOLERANCE,
    called_here,
    canonical_tool,
    grant_for,
)
from orgruntime.diagnostics.span import Span
from orgruntime.model.tools import BUILT_IN, plain_name
from orgruntime.orgfile.tree import ScalarNode


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
        ("mcp__papers__find", ("mcp__papers",), "mcp__papers__find"),
        ("mcp__papers__*", ("mcp__papers",), "mcp__papers"),
        ("mcp__papers", ("mcp__papers__find",), None),
        ("mcp__papers__find", ("mcp__paper",), None),
        ("papers/find", ("mcp__papers",), "mcp__papers__find"),
        ("papers/*", ("mcp__papers",), "mcp__papers"),
        ("papers", ("mcp__papers",), None),
        ("LS", ("Glob",), "Glob"),
        ("AskUserQuestion", ("AskHuman",), "AskHuman"),
        ("notebook", ("Notebook",), None),
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
        ("tools: '*'", ("Read", "Grep", "Edit", "Ledger")),
        ("disallowedTools: Edit", ("Read", "Grep", "Ledger")),
        ("tools:\n  edit: false", ("Read", "Grep", "Ledger")),
        ("permission: {edit: deny, bash: ask}", ("Read", "Grep", "Ledger")),
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


@pytest.mark.parametrize(
    ("denied", "left"),
    [
        ("mcp__papers", ()),
        ("mcp__papers__drop", ("mcp__papers__find",)),
        ("mcp__wiki", ("mcp__papers__find", "mcp__papers")),
        ("mcp__papers__find", ()),
    ],
)
def test_a_denied_tool_of_a_server_is_never_left_in_a_grant_of_all_of_them(denied: str, left: tuple[str, ...]) -> None:
    tools = ("mcp__papers__find", "mcp__papers")
    assert held_back(tools, (ScalarNode(Span("x"), denied),)) == left


@settings(deadline=None)
@given(st.sampled_from(sorted(KNOWN_TOOLS)), st.sampled_from(["", "(git *)"]))
def test_a_grant_in_another_programs_words_is_called_as_it_is_here(name: str, pattern: str) -> None:
    tool = called_here(name + pattern)
    assert plain_name(tool) in BUILT_IN or tool == name + pattern
    assert tool.endswith(pattern)
    assert called_here(tool) == tool


def test_built_in_tools_are_nobodys_alias_for_another() -> None:
    assert all(canonical_tool(name) == name == called_here(name) for name in BUILT_IN)
