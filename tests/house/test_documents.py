"""What stands beside the code: links that resolve, pages that are listed, words that are counted."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from orgruntime.api.checking import KEY_NOT_SET
from orgruntime.diagnostics.codes import CODES

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "examples").rglob("*.md"), ROOT / "llms.txt"]
)
MOST_WORDS = 800

_LINK = re.compile(r"!?\[[^\]]*\]\(([^()\s]+)\)")
_FENCE = re.compile(r"^(```+).*?^\1", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)


def links(text: str) -> list[str]:
    """Targets of the links of a page, those in fenced blocks left out."""
    return _LINK.findall(re.sub(r"`[^`\n]*`", "", _FENCE.sub("", text)))


def anchors(text: str) -> set[str]:
    """As code hosts make them of headings."""
    titles = _HEADING.findall(_FENCE.sub("", text))
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


def broken(page: Path) -> list[str]:
    """Links of a page that lead nowhere within the repository."""
    found = []
    for link in links(page.read_text(encoding="utf-8")):
        if link.startswith(("http://", "https://", "mailto:")):
            continue
        name, _, anchor = link.partition("#")
        target = page if not name else page.parent / name
        if not target.exists() or (anchor and anchor not in anchors(target.read_text(encoding="utf-8"))):
            found.append(link)
    return found


def tracked() -> list[str]:
    """Files of the repository; those in the folder where there is none (an unpacked archive)."""
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if done.returncode == 0 and done.stdout:
        return [name for name in done.stdout.split("\0") if name and (ROOT / name).is_file()]
    return [path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*.*") if ".venv" not in path.parts]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    assert broken(page) == []


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A title\n[gone](gone.md) [here](#a-title) [not here](#other) `[code](gone.md)`\n")

    assert broken(page) == ["gone.md", "#other"]


def test_every_page_is_in_the_index() -> None:
    listed = set(links((ROOT / "llms.txt").read_text(encoding="utf-8")))
    pages = {f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md")}

    assert pages - listed == set()
    assert {"README.md", "AGENTS.md", "CHANGELOG.md"} <= listed


def test_the_guide_to_the_code_is_short() -> None:
    words = (ROOT / "AGENTS.md").read_text(encoding="utf-8").split()

    assert len(words) <= MOST_WORDS


def test_every_rule_that_a_page_names_exists() -> None:
    named = {code for page in PAGES for code in re.findall(r"\bORG\d{3}\b", page.read_text(encoding="utf-8"))}

    assert named
    assert named - CODES.keys() == {KEY_NOT_SET.id}


def test_the_changelog_begins_with_this_version() -> None:
    from orgruntime import __version__

    first = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert first is not None
    assert first[1] == __version__


def test_the_license_is_there() -> None:
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")

    assert "Apache License" in text
    assert 'license = "Apache-2.0"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


_HOMES = re.compile(r"(?<![\w.])/(?:root|work|home/\w+|Users/\w+)/[\w.]")
_NAMED = ("/home/me/", "/home/user/", "/Users/me/", "/root/.ssh", "/root/x", "/root/secret")
"""Paths that tests use as examples of what must not be reached."""


def test_no_file_names_a_machine() -> None:
    found = []
    for name in tracked():
        if name.endswith((".png", ".txt")) or name == "tests/house/test_documents.py":
            continue
        for number, line in enumerate((ROOT / name).read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            if _HOMES.search(line) and not any(known in line for known in _NAMED):
                found.append(f"{name}:{number}: {line.strip()[:80]}")
    assert found == []
