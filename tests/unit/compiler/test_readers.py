"""The compiler takes its texts through a reader, so that an editor's buffers can stand before the disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from orgruntime.compiler import compile_org
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.orgfile.source import Source, decode, read_source

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    "org", sorted(path.parent for path in ROOT.glob("orgs/*/program.md")), ids=lambda path: path.name
)
def test_every_text_comes_through_the_reader(org: Path) -> None:
    read: list[Path] = []

    def remember(path: Path, shown: str, findings: Findings) -> Source | None:
        read.append(path)
        return read_source(path, shown, findings)

    through, plain = compile_org(org, remember), compile_org(org)

    assert through == plain
    assert {path.resolve() for path in read} == {Path(name).resolve() for name in plain.texts}


def test_a_reader_stands_before_the_disk() -> None:
    org = ROOT / "orgs" / "solo"

    def other(path: Path, shown: str, findings: Findings) -> Source | None:
        if path.name != "scientist.md":
            return read_source(path, shown, findings)
        return decode(b"---\nname: Somebody else\n---\nOther words.\n", shown, findings)

    manifest = compile_org(org, other).manifest

    assert manifest is not None
    assert next(role for role in manifest.roles if role.slug == "scientist").prompt == "Other words."


def test_what_the_reader_refuses_is_a_finding() -> None:
    assert compile_org(ROOT / "orgs" / "solo", lambda path, shown, findings: None).manifest is None
