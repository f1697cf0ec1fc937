"""Plain, remembered, and remembered from a disk that lies: the answers are the same."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from orgruntime.api import remembering
from orgruntime.api.checking import Checked, check_paths
from orgruntime.api.remembering import WORTH_KEEPING, Store
from orgruntime.compiler import compile_org
from orgruntime.orgfile.memory import Memory

sys.path.insert(0, str(Path(__file__).parents[2]))
sys.path.insert(0, str(Path(__file__).parents[2] / "spec"))

from test_spec import CASES, Section, compiled
from warm import Orgrun


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORGRUN_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("section", CASES, ids=[f"{case.page.stem}: {case.title}" for case in CASES])
def test_the_whole_book_reads_the_same_from_memory(section: Section, tmp_path: Path) -> None:
    (tmp_path / "org").mkdir()
    os.chdir(tmp_path / "org")
    plain = compiled(section, tmp_path / "org")
    memory = Memory()
    for _ in range(2):
        with memory.in_use():
            again = compiled(section, tmp_path / "org")
        assert again == plain
    assert memory.made == 0


@pytest.fixture
def large(tmp_path: Path, org: Path) -> Path:
    """An org with so many role files that its memory is worth keeping; some have faults."""
    for number in range(WORTH_KEEPING + 5):
        fault = "tols: [Read]\n" if number % 7 == 0 else ""
        (org / "roles" / f"extra-{number}.md").write_text(f"---\nname: Extra {number}\n{fault}---\n\nWords.\n")
    (org / "roles" / "broken.md").write_bytes(b"---\nname: x\n\xff")
    return Path("lab")


def check(path: Path, on_disk: bool = True) -> Checked:
    with Store([path], on_disk=on_disk).in_use():
        return check_paths([path])


def stores(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "cache").glob("*")) if (tmp_path / "cache").exists() else []


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files whose front matter is parsed from now on."""
    from orgruntime.compiler import rolefile

    found: list[str] = []
    parse = rolefile.parse_document
    monkeypatch.setattr(
        rolefile, "parse_document", lambda source, *a, **k: found.append(source.file) or parse(source, *a, **k)
    )
    return found


@pytest.mark.parametrize("folder", [False, True], ids=["org", "folder of roles"])
def test_what_has_not_changed_is_not_read_again(large: Path, parsed: list[str], folder: bool) -> None:
    path = large / "roles" if folder else large
    plain = check_paths([path])
    parsed.clear()
    assert check(path) == plain
    assert len(parsed) > WORTH_KEEPING
    parsed.clear()
    assert check(path) == plain
    assert parsed == []
    (large / "roles" / "extra-3.md").write_text("---\nname: Other\ntoolss: x\n---\n\nWords.\n")
    changed = check(path)
    assert set(parsed) == {"lab/roles/extra-3.md"}
    assert changed == check_paths([path])


@pytest.mark.parametrize("on_disk", [True, False])
def test_words_that_change_in_between_make_nothing_forgotten(large: Path, parsed: list[str], on_disk: bool) -> None:
    staying = Store([large], on_disk=False)

    def look() -> Checked:
        if on_disk:
            return check(large)
        with staying.in_use():
            return check_paths([large])

    def more(file: str) -> list[str]:
        (large / file).write_text((large / file).read_text() + "\nMore.\n")
        plain = check_paths([large])
        parsed.clear()
        assert look() == plain
        return parsed

    look()
    for _ in range(3):
        assert more("roles/extra-3.md") == ["lab/roles/extra-3.md"]
        parsed.clear()
        look()
        assert parsed == []
        assert set(more("program.md")) <= {"lab/roles/extra-3.md"}


def test_a_small_org_leaves_nothing_behind(org: Path, tmp_path: Path) -> None:
    check(Path("lab"))
    assert stores(tmp_path) == []


def test_a_store_is_not_made_where_none_is_wanted(large: Path, tmp_path: Path) -> None:
    check(large, on_disk=False)
    assert stores(tmp_path) == []


def damaged(content: bytes) -> Iterator[tuple[str, bytes]]:
    yield "empty", b""
    yield "cut", content[: len(content) // 2]
    yield "one bit", content[:-9] + bytes([content[-9] ^ 1]) + content[-8:]
    yield "another compiler", content[:20] + bytes([content[20] ^ 1]) + content[21:]
    yield "words", b"words" * 1000


@pytest.mark.parametrize("kind", [name for name, _ in damaged(b"x" * 99)])
def test_a_damaged_store_is_read_anew(large: Path, tmp_path: Path, parsed: list[str], kind: str) -> None:
    plain = check(large)
    found, files = stores(tmp_path)
    for damage in ((found,), (files,), (found, files)):
        for store in damage:
            store.write_bytes(dict(damaged(store.read_bytes()))[kind])
        parsed.clear()
        assert check(large) == plain
        assert (len(parsed) > WORTH_KEEPING) is (files in damage and found in damage)
        (large / "program.md").write_text((large / "program.md").read_text() + "\n")
        plain = check_paths([large])
        assert check(large) == plain
        parsed.clear()
        assert check(large) == plain
        assert parsed == [], "the damaged store was replaced"


def test_a_store_that_others_can_write_is_not_trusted(large: Path, tmp_path: Path, parsed: list[str]) -> None:
    check(large)
    for store in stores(tmp_path):
        assert store.stat().st_mode & 0o777 == 0o600
        assert store.parent.stat().st_mode & 0o777 == 0o700
        store.chmod(0o666)
    parsed.clear()
    check(large)
    assert len(parsed) > WORTH_KEEPING


def test_another_compiler_reads_anew(
    large: Path, tmp_path: Path, parsed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    check(large)
    monkeypatch.setattr(remembering, "compiler_hash", lambda: b"\0" * 32)
    parsed.clear()
    check(large)
    assert len(parsed) > WORTH_KEEPING


def test_a_place_that_cannot_be_written_costs_nothing_but_time(large: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where a folder is wanted")
    assert check(large) == check_paths([large])


def test_a_cache_folder_that_is_no_full_path_is_not_used(
    large: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORGRUN_CACHE", "cache")
    check(large)
    assert stores(tmp_path) == []


def test_other_paths_and_folders_have_other_stores(
    large: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = check(large)
    monkeypatch.chdir(large)
    here = check(Path())
    assert len(stores(tmp_path)) == 4
    assert check(Path()) == here
    monkeypatch.chdir(tmp_path)
    assert check(large) == first


def test_stores_nobody_has_used_for_a_month_are_removed(large: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    old, other = tmp_path / "cache" / "check-0", tmp_path / "cache" / "words"
    for file in (old, other):
        file.write_bytes(b"x")
        os.utime(file, (1, 1))
    check(large)
    assert not old.exists()
    assert other.exists()


def test_two_at_once_leave_one_whole_store(large: Path, tmp_path: Path, parsed: list[str]) -> None:
    words = ("check", "lab", "--format", "concise")
    many = [Orgrun(*words, cwd=tmp_path, stdout=subprocess.PIPE) for _ in range(4)]
    said = {one.communicate(timeout=120)[0] for one in many}
    assert len(said) == 1
    assert len(stores(tmp_path)) == 2
    parsed.clear()
    check(large)
    assert parsed == []


def test_a_manifest_is_the_same_from_memory(large: Path) -> None:
    (large / "roles" / "broken.md").unlink()
    for number in range(0, WORTH_KEEPING + 5, 7):
        (large / "roles" / f"extra-{number}.md").unlink()
    plain = compile_org(large)
    assert plain.manifest is not None
    for _ in range(2):
        with Store([large], on_disk=True).in_use():
            assert compile_org(large) == plain
