"""Where role links lead: listed once, answered as the disk would answer each time."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orgruntime.compiler.library import RoleLinks, RoleRef


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    """An org whose `roles/` holds files, links and folders of every kind."""
    org, outside = tmp_path / "lab", tmp_path / "outside"
    (org / "roles" / "team" / "deep").mkdir(parents=True)
    (org / "roles" / ".hidden").mkdir()
    (org / "roles" / "folder.md").mkdir()
    outside.mkdir()
    for name in ("a.md", "b.txt", "team/c.md", "team/deep/AGENTS.md", ".hidden/d.md", "folder.md/e.md"):
        (org / "roles" / name).write_text("words")
    (outside / "o.md").write_text("words")
    (org / "roles" / "inside.md").symlink_to("a.md")
    (org / "roles" / "outside.md").symlink_to(outside / "o.md")
    (org / "roles" / "dangling.md").symlink_to("nowhere.md")
    (org / "roles" / "elsewhere").symlink_to(outside)
    (org / "roles" / "linked.md").symlink_to("team")
    os.mkfifo(org / "roles" / "pipe.md")
    return org


def test_own_files_are_those_that_a_walk_finds(lab: Path) -> None:
    roles = lab / "roles"
    walked = sorted(path for path in roles.rglob("*.md") if path.is_file() or path.is_symlink())
    found = RoleLinks(lab, "lab").own_files()
    assert [ref.path for ref in found] == walked
    assert [ref.source for ref in found] == [path.relative_to(lab).as_posix() for path in walked]
    assert [ref.shown for ref in found] == [f"lab/{ref.source}" for ref in found]


@pytest.mark.parametrize(
    "name", ["a.md", "team/c.md", "team/deep/AGENTS.md", ".hidden/d.md", "folder.md/e.md", "inside.md"]
)
def test_files_below_the_folder_are_found(lab: Path, name: str) -> None:
    found = RoleLinks(lab, "lab").resolve(f"roles/{name}")
    assert isinstance(found, RoleRef)
    assert found.path == lab / "roles" / name


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("outside.md", "leaves the role folder"),
        ("elsewhere/o.md", "leaves the role folder"),
        ("dangling.md", "does not exist"),
        ("pipe.md", "does not exist"),
        ("folder.md", "does not exist"),
        ("linked.md", "does not exist"),
        ("A.md", "does not exist"),
        ("a.md\0.md", "does not exist"),
        ("../../outside/o.md", "neither below"),
    ],
)
def test_what_is_no_role_file_is_said(lab: Path, name: str, said: str) -> None:
    found = RoleLinks(lab, "lab").resolve(f"roles/{name}")
    assert not isinstance(found, RoleRef)
    assert said in found.message


def test_a_role_folder_that_is_a_link_itself(lab: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "roles").symlink_to(lab / "roles")
    found = RoleLinks(other, "other").resolve("roles/a.md")
    assert isinstance(found, RoleRef)
    assert found.shown == "other/roles/a.md"


def test_an_import_counts_also_for_links_that_were_looked_up_before(lab: Path) -> None:
    (lab.parent / "roles").mkdir()
    (lab.parent / "roles" / "shared.md").write_text("words")
    links = RoleLinks(lab, "lab")
    assert not isinstance(links.resolve("roles/shared.md"), RoleRef)
    assert isinstance(links.add_import("lib/shared"), RoleRef)
    found = links.resolve("roles/shared.md")
    assert isinstance(found, RoleRef)
    assert found.path == lab.parent / "roles" / "shared.md"


def test_without_a_folder_there_are_no_files(tmp_path: Path) -> None:
    assert RoleLinks(tmp_path, "x").own_files() == ()
