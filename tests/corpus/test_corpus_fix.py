"""`orgrun fix` on the corpus: the same reading, strict YAML afterwards, nothing else touched, and done after once."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from corpus_readings import FILES, meaning, names, read

from orgruntime.api.fixing import as_diff, fix_paths
from orgruntime.diagnostics.diagnostic import Severity

REPAIRS = {"ORG104", "ORG109", "ORG126", "ORG127"}
UNFIXED = {"place/comment.md", "bytes/nul.md", "keys/broken-unheard.md"}
"""What would change the prompt needs `--unsafe`; what YAML cannot write, or nobody here reads, has no fix."""


def _repaired(name: str) -> bool:
    _, diagnostics = read((FILES / name).read_bytes(), name)
    codes = {one.code for one in diagnostics}
    return bool(codes & REPAIRS) and not any(one.severity is Severity.ERROR for one in diagnostics)


REPAIRED = [name for name in names() if _repaired(name)]


@pytest.fixture
def copy(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    path = tmp_path / "role.md"
    path.write_bytes((FILES / request.param).read_bytes())
    return path


@pytest.mark.parametrize("copy", names(), indirect=True)
def test_a_fix_keeps_the_reading_and_is_done_after_once(copy: Path) -> None:
    before = copy.read_bytes()
    role, _ = read(before)
    previewed = as_diff(fix_paths([copy], write=False))
    assert copy.read_bytes() == before
    fixed = fix_paths([copy])
    after, _ = read(copy.read_bytes())
    assert (role is None) == (after is None)
    if role is not None and after is not None:
        assert meaning(after) == meaning(role)
    assert bool(previewed) == bool(fixed.files) == (copy.read_bytes() != before)
    assert fix_paths([copy]).files == ()


@pytest.mark.parametrize("copy", [name for name in REPAIRED if name not in UNFIXED], indirect=True)
def test_a_repaired_file_is_strict_yaml_afterwards(copy: Path) -> None:
    doubtful = "ORG126" in {one.code for one in read(copy.read_bytes())[1]}
    if doubtful:
        fix_paths([copy])
        assert "ORG126" in {one.code for one in read(copy.read_bytes())[1]}, "a doubtful reading waits for `--unsafe`"
    fixed = fix_paths([copy], unsafe=doubtful)
    _, diagnostics = read(copy.read_bytes())
    assert len(fixed.files) == 1
    assert REPAIRS & {one.code for one in diagnostics} == set()
    front = re.match(r"---\s*\n(.*?)^(?:---|\.\.\.)\s*$", copy.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    assert front is not None
    assert isinstance(yaml.safe_load(front[1]), dict)


@pytest.mark.parametrize("copy", ["values/comments.md"], indirect=True)
def test_comments_and_the_order_of_keys_stay(copy: Path) -> None:
    fix_paths([copy], unsafe=True)
    assert copy.read_text() == (
        '---\n# who\nname: commented\ndescription: "Has comments: they stay.   # in the line"\n# what\n'
        'tools: ["*"]   # all\n# end\n---\n\nYou read what others wrote, and you say what follows from it.\n'
    )


@pytest.mark.parametrize("copy", ["bytes/windows-colon.md"], indirect=True)
def test_line_ends_stay_and_the_mark_goes(copy: Path) -> None:
    before = copy.read_bytes()
    fix_paths([copy])
    wanted = before.removeprefix(b"\xef\xbb\xbf").replace(
        b"description: Has both: a mark and a colon.", b'description: "Has both: a mark and a colon."'
    )
    assert copy.read_bytes() == wanted


@pytest.mark.parametrize("copy", ["values/paragraphs.md"], indirect=True)
def test_paragraphs_become_a_block(copy: Path) -> None:
    fix_paths([copy], unsafe=True)
    lines = copy.read_text().split("\n")
    assert lines[2:6] == [
        "description: |-",
        "  Use it when a survey begins: early.",
        "",
        "  Context: A question is new.",
    ]
    assert lines[9:11] == ["tools: Read, Grep", "color: green"]


@pytest.mark.parametrize("copy", ["place/comment.md", "keys/slips.md"], indirect=True)
def test_what_changes_a_meaning_waits_for_unsafe(copy: Path) -> None:
    before = copy.read_bytes()
    assert fix_paths([copy]).files == ()
    assert copy.read_bytes() == before
    assert len(fix_paths([copy], unsafe=True).files) == 1
    role, diagnostics = read(copy.read_bytes())
    assert role is not None
    assert {one.code for one in diagnostics} <= {"ORG114"}
    if role.name == "slips":
        assert [node.text for node in role.tools or ()] == ["Read"]
        assert [node.text for node in role.model] == ["opus"]
    else:
        assert "<!-- made by hand -->" in role.body


def test_backticks_around_a_name_are_no_part_of_it(tmp_path: Path) -> None:
    path = tmp_path / "ticks.md"
    path.write_text("---\nname: Ticks\nmodel: `opus`\n---\n\nYou look.\n")
    fix_paths([path])
    assert path.read_text() == "---\nname: Ticks\nmodel: [opus]\n---\n\nYou look.\n"
