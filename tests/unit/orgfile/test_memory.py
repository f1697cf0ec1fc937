"""What is recalled equals what is made; what is not an entry is made anew and runs nothing."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orgruntime.compiler.rolefile import RoleFile, keep_found, read_role
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.model.manifest import RoleKind
from orgruntime.orgfile.memory import Memory
from orgruntime.orgfile.source import decode, may_hide

ROLE = """---
name: Ann
description: knows: things
tools: Read, Grep
org: {kind: experiment, count: two}
colour: red
---

"""


def read(path: Path) -> tuple[RoleFile, Findings]:
    findings = Findings()
    role = read_role(path, "roles/ann.md", "ann")
    keep_found(role, findings)
    return role, findings


@pytest.fixture
def role(tmp_path: Path) -> Path:
    path = tmp_path / "ann.md"
    path.write_text(ROLE + "Words that are long enough to be stored as a place in the file.\n" * 9)
    return path


def same(left: RoleFile, right: RoleFile) -> bool:
    return left == right


def test_recalled_and_made_are_equal_and_nothing_is_read_twice(role: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain, found = read(role)
    assert found.sorted()
    memory = Memory()
    with memory.in_use():
        first, first_found = read(role)
    assert (memory.made, len(memory.used)) == (1, 1)
    monkeypatch.setattr("orgruntime.compiler.rolefile.parse_document", None)
    with memory.in_use():
        again, again_found = read(role)
    assert memory.made == 0
    assert same(first, plain)
    assert same(again, plain)
    assert first_found.sorted() == again_found.sorted() == found.sorted()


def test_a_recalled_role_has_its_hints_and_what_is_wrong_with_them(role: Path) -> None:
    memory = Memory()
    for _ in range(2):
        with memory.in_use():
            file, findings = read(role)
        assert file.hints.kind is RoleKind.EXPERIMENT
        assert [one.name for one in findings if one.message.startswith("`org.count`")] == ["bad-value"]


def test_an_entry_holds_no_copy_of_the_text(role: Path) -> None:
    memory = Memory()
    with memory.in_use():
        read(role)
    assert b"long enough to be stored" not in b"".join(memory.used.values())


def test_another_content_path_or_name_is_another_entry(role: Path) -> None:
    memory = Memory()
    with memory.in_use():
        read(role)
        read_role(role, "other/ann.md", "ann")
        read_role(role, "roles/ann.md", "anna")
        role.write_text(role.read_text() + "x")
        read(role)
    assert (memory.made, len(memory.used)) == (4, 4)


@given(st.binary(max_size=200))
def test_bytes_that_are_no_entry_are_made_anew(junk: bytes) -> None:
    data = ROLE.encode()
    source = decode(data, "roles/ann.md", Findings())
    assert source is not None
    memory = Memory({"key": junk})
    with memory.in_use():
        assert memory.recall("key", source, Findings(), lambda findings: 7) == 7
    assert memory.made == 1


class _Trap:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (print, ("this must not be called",))


class _OtherRoom:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        from orgruntime.runtime import constants

        return (next(value for value in vars(constants).values() if isinstance(value, type)), ("x",))


@pytest.mark.parametrize("trap", [_Trap(), _OtherRoom(), ((), _Trap()), ((1,), 2), "words", (("x",), "y")])
def test_an_entry_runs_nothing(trap: object, capsys: pytest.CaptureFixture[str]) -> None:
    source = decode(b"words", "p.md", Findings())
    assert source is not None
    memory = Memory({"key": pickle.dumps(trap)})
    with memory.in_use():
        assert memory.recall("key", source, Findings(), lambda findings: 7) == 7
    assert memory.made == 1
    assert capsys.readouterr().out == ""


def test_what_cannot_be_stored_is_made_each_time() -> None:
    source = decode(b"words", "p.md", Findings())
    assert source is not None
    memory = Memory()
    with memory.in_use():
        value = memory.recall("key", source, Findings(), lambda findings: lambda: 3)
    assert value() == 3
    assert memory.used == {}


_ODD = st.sampled_from(
    [chr(point) for point in (0x07, 0x7F, 0xAD, 0x61C, 0x180E, 0x200B, 0x202E, 0x2066, 0xFEFF, 0xE0041)]
)
_EVEN = st.sampled_from(["a", "\n", "\t", "—", "“", "→", "é", "世", "ᠠ", "؟", "\U0001f9ea", "￼", "\u2070"])


@given(st.lists(st.one_of(_ODD, _EVEN), max_size=12).map("".join))
def test_what_may_not_hide_hides_nothing(text: str) -> None:
    from orgruntime.orgfile.source import Source, _report_hidden

    findings = Findings()
    _report_hidden(Source("p.md", text), findings)
    assert may_hide(text.encode()) or not findings.sorted()


@given(st.text(st.characters(max_codepoint=0x2FFF, exclude_categories=["Cc", "Cf", "Cs"]), max_size=20))
def test_common_text_is_not_searched_in_vain(text: str) -> None:
    if all(char.isascii() or char in "—“”→…" for char in text):
        assert not may_hide(text.encode())
