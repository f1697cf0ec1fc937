"""What a re-check rests on: no rule reads what an outline leaves out, and the disk is asked in one place."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from orgruntime.compiler import compile_org
from orgruntime.compiler import rules as org_rules
from orgruntime.compiler.diagram import may_be_drawn
from orgruntime.compiler.facts import Facts
from orgruntime.diagnostics.diagnostic import Findings

ROOT = Path(__file__).parents[3]
PACKAGE = ROOT / "orgruntime"


class Unread(str):
    """Words that nobody may look at."""

    __slots__ = ()

    def _refuse(self, *_: object, **__: object) -> None:
        raise AssertionError("a rule reads the words of a role, which the outline of its file leaves out")

    __eq__ = __ne__ = __len__ = __iter__ = __contains__ = __bool__ = __getitem__ = _refuse  # type: ignore[assignment]  # refuses, whatever it is asked
    __hash__ = str.__hash__
    split = splitlines = find = strip = count = lower = casefold = startswith = _refuse  # type: ignore[assignment]  # the same


class Unseen(tuple[str, ...]):
    """Names that nobody may look at."""

    __slots__ = ()

    def _refuse(self, *_: object, **__: object) -> None:
        raise AssertionError("a rule reads wishes or keys of a role's file, which its outline leaves out")

    __eq__ = __ne__ = __len__ = __iter__ = __contains__ = __bool__ = __getitem__ = __hash__ = _refuse  # type: ignore[assignment]  # refuses, whatever it is asked


@pytest.mark.parametrize("name", ["microgpt-lab", "solo"])
def test_no_rule_reads_what_the_outline_leaves_out(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    judged = []

    def judge(facts: Facts, findings: Findings) -> None:
        hidden = {field: Unread("x") for field in ("body", "text", "name", "description", "usage", "sha256")}
        names: dict[str, Any] = {field: Unseen("x") for field in ("tools", "denied", "keys", "model")}
        files = {slug: file._replace(**hidden, **names) for slug, file in facts.files.items()}
        words = {field: Unread("x") for field in ("prompt", "description", "usage")}
        if not may_be_drawn(facts.document):
            words["name"] = Unread("x")
        roles = tuple(role.model_copy(update={**words, "tools": Unseen("x")}) for role in facts.roles)
        judged.append(name)
        seen = Facts(**{**vars(facts), "files": files, "roles": roles})
        org_rules.judge(seen, findings)

    monkeypatch.setattr("orgruntime.compiler.compile.judge", judge)
    compile_org(ROOT / "orgs" / name, seal=False)
    assert judged == [name]


ASKING = re.compile(
    r"os\.(?:path\.(?:exists|lexists|isfile|isdir|islink|ismount|realpath|getsize|getmtime|samefile)"
    r"|listdir|scandir|walk|stat|lstat|access|readlink|open)\b"
    r"|(?<!disk)\.(?:exists|is_file|is_dir|is_symlink|iterdir|rglob|glob|stat|lstat|read_text|read_bytes|readlink|samefile)\("
    r"|\.resolve\(\)|(?<![\w.])open\("
)
MAY_ASK = {"orgfile/disk.py", "orgfile/source.py", "compiler/explain.py", "compiler/schema.py"}
"""Where questions are noted; where files are read; pages and schemas of the package."""


def test_the_disk_is_asked_in_one_place() -> None:
    files = [path for room in ("orgfile", "compiler", "diagnostics") for path in sorted((PACKAGE / room).rglob("*.py"))]
    found = {path.relative_to(PACKAGE).as_posix() for path in files if ASKING.search(path.read_text(encoding="utf-8"))}
    assert found - MAY_ASK == set()
    assert "orgfile/disk.py" in found
