"""Runs the book of the language: every second-level section of every page is one org and its exact findings.

A page's blocks before the first section are the files that its sections start from. In a section:

* a line `` `path`: `` and a fenced block: the file (`escaped` as the language: with Python's escapes, for odd bytes);
* ``In `path`, instead of``, a block, ``write``, a block: one replacement; ``At the end of `path`, add``, a block;
* ``Without `path` ``: the file is removed;
* a block `diagnostics` (or `role-diagnostics`, for `roles` read as loose files): the concise rendering, exactly;
* a block `manifest`: lines `a.0.b = JSON` that hold in the manifest; a block `files`: `kind path slug` lines.

`SPEC_UPDATE=1` writes the findings into the pages; read the difference before it is kept.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from orgruntime.compiler import Compilation, compile_org, read_role_files
from orgruntime.diagnostics.codes import CODES
from orgruntime.diagnostics.render import concise

BOOK = Path(__file__).parent
UPDATE = bool(os.environ.get("SPEC_UPDATE"))
_FENCE = re.compile(r"^(`{3,})([\w-]*)\n(.*?)^\1$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"^`([^`]+)`:$")
_INSTEAD = re.compile(r"^In `([^`]+)`, instead of$")
_APPEND = re.compile(r"^At the end of `([^`]+)`, add$")
_WITHOUT = re.compile(r"^Without `([^`]+)`", re.MULTILINE)


@dataclass
class Section:
    page: Path
    title: str
    text: str
    files: dict[str, bytes] = field(default_factory=dict)


def sections() -> Iterator[Section]:
    for page in sorted(BOOK.glob("*.md")):
        base, *parts = split(page.read_text(encoding="utf-8"))
        start = Section(page, "", base)
        apply(start)
        for part in parts:
            title = part.split("\n", 1)[0].removeprefix("## ")
            section = Section(page, title, part, dict(start.files))
            apply(section)
            yield section


def split(text: str) -> list[str]:
    """Cuts at second-level headings that are outside of fenced blocks."""
    inside = [(match.start(), match.end()) for match in _FENCE.finditer(text)]
    cuts = [
        match.start()
        for match in re.finditer(r"^## ", text, re.MULTILINE)
        if not any(start < match.start() < end for start, end in inside)
    ]
    return [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]


def apply(section: Section) -> None:
    for match in _WITHOUT.finditer(section.text):
        del section.files[match[1]]
    pending: tuple[str, str] | None = None
    for match in _FENCE.finditer(section.text):
        line = section.text[: match.start()].rstrip("\n").rsplit("\n", 1)[-1]
        if named := _FILE.match(line):
            section.files[named[1]] = content(match[3], match[2])
        elif (named := _INSTEAD.match(line)) and match[3].encode() in section.files[named[1]]:
            pending = (named[1], match[3])
        elif line == "write" and pending:
            path, old = pending
            section.files[path] = section.files[path].replace(old.encode(), match[3].encode(), 1)
            pending = None
        elif named := _APPEND.match(line):
            section.files[named[1]] += match[3].encode()
        else:
            assert match[2] in ("diagnostics", "role-diagnostics", "manifest", "files"), f"{section.title}: {line!r}"


def content(text: str, kind: str) -> bytes:
    return text.encode().decode("unicode_escape").encode("latin-1") if kind == "escaped" else text.encode()


def blocks(section: Section, kind: str) -> list[str]:
    return [match[3] for match in _FENCE.finditer(section.text) if match[2] == kind]


def compiled(section: Section, folder: Path) -> Compilation:
    for path, data in section.files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    if blocks(section, "role-diagnostics"):
        return read_role_files([Path("roles")])
    return compile_org(Path("."))


def look_up(manifest: Any, path: str) -> Any:
    for part in path.split("."):
        manifest = manifest[int(part)] if isinstance(manifest, list) else manifest[part]
    return manifest


def update(section: Section, expected: str, found: str) -> None:
    text = section.page.read_text(encoding="utf-8")
    old = section.text
    assert text.count(old) == 1
    new = re.sub(r"(^```(?:role-)?diagnostics\n).*?(^```$)", lambda m: m[1] + found + m[2], old, flags=re.M | re.S)
    section.page.write_text(text.replace(old, new), encoding="utf-8")


CASES = list(sections())


@pytest.mark.parametrize("section", CASES, ids=[f"{case.page.stem}: {case.title}" for case in CASES])
def test_section(section: Section, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = compiled(section, tmp_path)
    expected = blocks(section, "diagnostics") + blocks(section, "role-diagnostics")
    assert len(expected) == 1, "a section has one block of diagnostics"
    found = concise(result.diagnostics)
    if UPDATE and found != expected[0]:
        update(section, expected[0], found)
        pytest.skip("updated")
    assert found == expected[0]
    for block in blocks(section, "manifest"):
        assert result.manifest is not None
        dump = result.manifest.model_dump(mode="json")
        for line in block.strip().split("\n"):
            path, _, value = line.partition(" = ")
            assert look_up(dump, path) == json.loads(value), path
    for block in blocks(section, "files"):
        assert block == "".join(f"{one.kind} {one.path} {one.slug or '-'}\n" for one in result.files)


def test_every_rule_is_in_the_book() -> None:
    text = "".join("".join(blocks(case, "diagnostics") + blocks(case, "role-diagnostics")) for case in CASES)
    shown = set(re.findall(r" (ORG\d+) \[", text))
    assert shown == set(CODES)
