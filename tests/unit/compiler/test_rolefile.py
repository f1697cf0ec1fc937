"""Anybody's role file: the shapes of the wild are read unmodified, and each repair is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from orgruntime.compiler import read_role_files
from orgruntime.compiler.rolefile import RoleFile, keep_found, read_role, slug_of
from orgruntime.diagnostics.diagnostic import Findings


def read(tmp_path: Path, text: str) -> tuple[RoleFile, list[str]]:
    path = tmp_path / "scout.md"
    path.write_text(text)
    findings = Findings()
    role = read_role(path, "scout.md", "scout")
    keep_found(role, findings)
    return role, [found.code for found in findings.sorted()]


def tools(role: RoleFile) -> list[str] | None:
    return None if role.tools is None else [node.text for node in role.tools]


@pytest.mark.parametrize(
    ("line", "wanted", "found"),
    [
        ("tools: Read, Grep", ["Read", "Grep"], []),
        ("tools: [Read, 'Grep']", ["Read", "Grep"], []),
        ("tools:\n  - Read\n  - Bash(git *)", ["Read", "Bash(git *)"], []),
        ("tools: Agent(a, b), Bash(git log, git diff)", ["Agent(a, b)", "Bash(git log, git diff)"], []),
        ("tools: Read", ["Read"], []),
        ("tools: []", [], []),
        ("tools:", None, []),
        ("tools: '*'", ["*"], []),
        ("tools: *", ["*"], ["ORG109"]),
        ("tools: {read: true, bash: false}", ["read"], []),
        ("color: red", None, ["ORG114"]),
    ],
)
def test_tools_as_they_are_written(tmp_path: Path, line: str, wanted: list[str] | None, found: list[str]) -> None:
    role, codes = read(tmp_path, f"---\nname: Scout\n{line}\n---\n\nWords.\n")
    assert tools(role) == wanted
    assert codes == found


@pytest.mark.parametrize(
    ("description", "read_as", "found"),
    [
        ("Use it: often. Example: a survey.", "Use it: often. Example: a survey.", ["ORG109"]),
        ("**BOLD**: first", "**BOLD**: first", ["ORG109"]),
        ("First.\\n\\n<example>x: y</example>", "First.", ["ORG109"]),
        ("First. <example>much</example>", "First.", []),
        ("@all of them", "@all of them", ["ORG109"]),
        ("plain words", "plain words", []),
        ('"quoted: words"', "quoted: words", []),
    ],
)
def test_descriptions_are_repaired_line_by_line(
    tmp_path: Path, description: str, read_as: str, found: list[str]
) -> None:
    role, codes = read(tmp_path, f"---\nname: Scout\ndescription: {description}\ntools: Read\n---\n\nWords.\n")
    assert role.description == read_as
    assert role.name == "Scout"
    assert tools(role) == ["Read"]
    assert codes == found


def test_a_description_that_goes_on_without_indentation(tmp_path: Path) -> None:
    text = "---\nname: Scout\ndescription: First: line\nand the rest of it\n\ntools: Read\n---\nWords."
    role, codes = read(tmp_path, text)
    assert role.description == "First: line and the rest of it"
    assert codes == ["ORG126"]


def test_what_stands_before_front_matter(tmp_path: Path) -> None:
    role, codes = read(tmp_path, "\n<!-- a comment -->\n\n---\nname: Scout\n---\n\n# Heading\n\n---\n\nWords.\n")
    assert (role.name, role.has_front_matter, codes) == ("Scout", True, ["ORG127"])
    assert role.body == "# Heading\n\n---\n\nWords."


def test_no_front_matter_takes_heading_and_first_paragraph(tmp_path: Path) -> None:
    role, codes = read(tmp_path, "# The Scout\n\nLooks for\npapers.\n\nMore.\n")
    assert (role.name, role.description, codes) == ("The Scout", "Looks for papers.", ["ORG128"])


def test_title_stands_in_for_a_description(tmp_path: Path) -> None:
    role, codes = read(tmp_path, "---\nname: Scout\ntitle: Finder of papers\nreportsTo: ceo\n---\n\nWords.\n")
    assert role.description == "Finder of papers"
    assert codes == ["ORG128", "ORG114"]


def test_our_own_key_is_strict_wherever_it_stands(tmp_path: Path) -> None:
    for key in ("org: {kind: agnt, colour: x}", "metadata: {org: {kind: agnt, colour: x}}"):
        _, codes = read(tmp_path, f"---\nname: Scout\n{key}\n---\n\nWords.\n")
        assert sorted(codes) == ["ORG113", "ORG117"]


def test_our_own_key_is_not_repaired(tmp_path: Path) -> None:
    role, codes = read(tmp_path, "---\nname: Scout\norg: [1\n---\n\nWords.\n")
    assert role.broken
    assert codes == ["ORG108"]


def test_a_key_that_nobody_knows_breaks_nothing_else(tmp_path: Path) -> None:
    role, codes = read(tmp_path, "---\nname: Scout\nunheard: [1\ntools: Read\n---\n\nWords.\n")
    assert (role.name, tools(role)) == ("Scout", ["Read"])
    assert sorted(codes) == ["ORG114", "ORG126"]


@pytest.mark.parametrize(
    ("path", "slug"),
    [
        ("a.md", "a"),
        ("team/a.md", "team/a"),
        ("a/AGENTS.md", "a"),
        ("AGENTS.md", "AGENTS"),
        ("a.agent.md", "a"),
        ("team/a.chatmode.md", "team/a"),
        (".agent.md", ".agent"),
    ],
)
def test_slugs(path: str, slug: str) -> None:
    assert slug_of(path) == slug


def test_a_folder_says_of_each_file_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("# Roles")
    (tmp_path / "notes.md").write_text("no front matter")
    (tmp_path / "scout.md").write_text("---\nname: Scout\n---\n\nWords.\n")
    (tmp_path / "empty.md").write_text("---\nname: Empty\n---\n")
    result = read_role_files([tmp_path, tmp_path / "scout.md"])
    assert [(Path(one.path).name, one.kind, one.slug) for one in result.files] == [
        ("README.md", "not-a-role", None),
        ("empty.md", "role", "empty"),
        ("notes.md", "not-a-role", None),
        ("scout.md", "role", "scout"),
    ]
    assert all(one.why for one in result.files)
    assert [found.code for found in result.diagnostics] == ["ORG129", "ORG120", "ORG129"]
    named = read_role_files([tmp_path / "notes.md", tmp_path / "README.md", tmp_path / "absent.md"])
    assert [one.kind for one in named.files] == ["role", "not-a-role"]
    assert sorted(found.code for found in named.diagnostics) == ["ORG101", "ORG128", "ORG129"]
