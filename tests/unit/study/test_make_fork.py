"""What a fork is made of: the same bytes, a title, what the org leads to, and a lock that says so."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))

from test_meaning import LAB

from orgruntime.study.fork import Draft, ForkError, Moved, make_fork
from orgruntime.study.lock import LOCK, Entry, Lock, Origin, authority_of, lock_bytes, read_lock, tree_hash
from orgruntime.study.words import Lead, Leads

PROGRAM = b"""---
workspace: {source: ../lab}
imports: [lib/trainer]
---
# Theirs

1. [A](roles/a.md) \xe2\x86\x92 [T](../roles/trainer.md): `proposal`
2. [T](../roles/trainer.md) \xe2\x86\x92 [A](roles/a.md): `result`
"""
ROLE = Entry("roles/a.md", b"---\r\nname: A\r\n---\r\nWords.\r\n", True)
TRAINER = Entry("roles/trainer.md", b"Trains.\n")
ORG = (Entry("program.md", PROGRAM), ROLE)


def stays(lead: Lead) -> None:
    return None


def elsewhere(lead: Lead) -> Moved | None:
    if lead.kind is Leads.WORKSPACE:
        return Moved("workspace", (Entry("workspace/x.py", b"x"), Entry("workspace/y.py", b"y")), "../lab", "workspace")
    if lead.kind is Leads.IMPORT:
        return Moved("roles/trainer", (TRAINER,), "lib/trainer")
    return Moved("roles/trainer.md", (TRAINER,), lead.text) if lead.text.startswith("..") else None


def origin(**update: object) -> Origin:
    return Origin(source="../theirs", tree=tree_hash(ORG), forked_at="2026-01-01T00:00:00+00:00").model_copy(
        update=update
    )


def bytes_of(draft: Draft) -> dict[str, bytes]:
    return {file.path: file.data for file in draft.files}


def test_an_org_that_leads_nowhere_gets_a_title_and_no_other_byte():
    draft = make_fork(ORG, "Ours", stays)
    assert bytes_of(draft) == {"program.md": PROGRAM.replace(b"# Theirs", b"# Ours"), "roles/a.md": ROLE.data}
    assert [file.executable for file in draft.files] == [False, True]
    assert [(edit.what, edit.before, edit.after) for edit in draft.edits] == [("title", "Theirs", "Ours")]
    assert draft.brought == ()


def test_the_same_title_is_no_edit():
    draft = make_fork(ORG, "Theirs", stays)
    assert draft.files == tuple(sorted(ORG))
    assert draft.edits == ()


def test_what_it_leads_to_comes_along_once_and_is_written_down():
    draft = make_fork(ORG, "Ours", elsewhere)
    text = bytes_of(draft)["program.md"].decode()
    assert "source: workspace}" in text
    assert "imports: [roles/trainer]" in text
    assert text.count("(roles/trainer.md)") == 2
    assert "../" not in text
    assert [(one.source, one.path, one.files) for one in draft.brought] == [
        ("lib/trainer", "roles/trainer.md", 1),
        ("../lab", "workspace", 2),
    ]
    assert [edit.what for edit in draft.edits] == ["title", "workspace.source", "import", "role"]


def test_a_file_of_that_name_with_other_bytes_stops_it():
    with pytest.raises(ForkError, match=r"needs lib/trainer, which would be roles/trainer\.md"):
        make_fork((*ORG, Entry("roles/trainer.md", b"Other.\n")), "Ours", elsewhere)
    assert "roles/trainer.md" not in {one.path for one in make_fork((*ORG, TRAINER), "Ours", elsewhere).brought}


def test_without_a_program_there_is_no_fork():
    with pytest.raises(ForkError, match=r"holds no program\.md"):
        make_fork((ROLE,), "Ours", stays)


class TestLicence:
    def test_its_own_is_named(self):
        draft = make_fork((*ORG, Entry("LICENCE.txt", b"Free.")), "Ours", stays, Entry("LICENSE", b"Repository's."))
        assert draft.licence is not None
        assert draft.licence.path == "LICENCE.txt"
        assert len(draft.licence.sha256) == 64

    def test_that_of_the_repository_comes_along(self):
        draft = make_fork(ORG, "Ours", stays, Entry("LICENSE", b"Free."))
        assert bytes_of(draft)["LICENSE"] == b"Free."
        assert [one.path for one in draft.brought] == ["LICENSE"]

    def test_that_of_the_repository_that_the_fork_lies_in_does_not(self):
        draft = make_fork(ORG, "Ours", stays, Entry("../../LICENSE", b"Free."))
        assert draft.licence is not None
        assert draft.licence.path == "../../LICENSE"
        assert draft.brought == ()


class TestLock:
    def test_it_is_read_as_it_was_written_and_its_bytes_are_the_same_each_time(self):
        lock = make_fork(ORG, "Ours", elsewhere).lock(origin(authority=authority_of(LAB)))
        assert read_lock(lock_bytes(lock)) == lock
        assert lock_bytes(lock) == lock_bytes(Lock.model_validate_json(lock_bytes(lock)))
        keys = list(json.loads(lock_bytes(lock)))
        assert keys == sorted(keys)

    def test_the_lock_of_the_source_becomes_the_lineage(self):
        first = make_fork(ORG, "Ours", stays).lock(origin(source="https://host/first"))
        second = make_fork((*ORG, Entry(LOCK, lock_bytes(first))), "Third", stays)
        assert [one.source for one in second.lineage] == ["https://host/first"]
        assert LOCK not in bytes_of(second)
        third = make_fork((*ORG, Entry(LOCK, lock_bytes(second.lock(origin(source="second"))))), "Fourth", stays)
        assert [one.source for one in third.lineage] == ["second", "https://host/first"]

    @given(
        st.binary(max_size=60) | st.sampled_from([b"{}", b'{"schema_version": 2}', b"[" * 50_000, b"NaN", b"x" * 2**20])
    )
    def test_a_lock_that_is_none_is_left_out(self, data):
        assert make_fork((*ORG, Entry(LOCK, data)), "Ours", stays).lineage == ()

    def test_every_path_mode_and_byte_is_in_the_hash_of_the_tree(self):
        entries = [Entry("a", b"1"), Entry("b", b"2")]
        others = [[Entry("a", b"1")], [Entry("a", b"1", True), entries[1]], [Entry("a", b"2"), Entry("b", b"1")],
                  [Entry("a", b"1"), Entry("c", b"2")]]  # fmt: skip
        hashes = {tree_hash(files) for files in (entries, *others)}
        assert len(hashes) == 5
        assert tree_hash(entries) == tree_hash(entries[::-1])

    def test_the_authority_of_an_org(self):
        authority = authority_of(LAB)
        assert authority.tools == ("Edit", "Read")
        assert authority.models == ("a/b", "digest/ledger", "search/tpe")
        assert authority.servers == ("http://h",)
        assert authority.commands[0] == "python prepare.py"
        assert (authority.desks, authority.gpus_of_a_trial) == (5, 1.0)
        assert authority.budget["wall_ms"] == 60_000
