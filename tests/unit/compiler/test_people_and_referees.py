"""What people may hand off, and the one tool that a verifier can have."""

from __future__ import annotations

from pathlib import Path

import pytest

from orgruntime.compiler import compile_org
from orgruntime.model.ids import RoleSlug


def with_person(org: Path, *edges: str) -> None:
    (org / "roles" / "pi.md").write_text("---\nname: PI\norg: {kind: human}\n---\n\nWords.\n")
    program = org / "program.md"
    program.write_text(program.read_text() + "".join(f"{n}. {edge}\n" for n, edge in enumerate(edges, 3)))


def codes(org: Path) -> list[str]:
    return [found.code for found in compile_org(org).diagnostics]


@pytest.mark.parametrize(
    "edges",
    [
        (
            "[Trainer](roles/trainer.md) → [PI](roles/pi.md): `result`, when crashed",
            "[PI](roles/pi.md) → [Researcher](roles/researcher.md): `note`",
        ),
        (
            "[Trainer](roles/trainer.md) → [PI](roles/pi.md): `result`, when kept",
            "[PI](roles/pi.md) → [Referee](roles/referee.md): `result`",
        ),
    ],
)
def test_a_person_writes_notes_and_passes_on_what_arrives(org: Path, edges: tuple[str, ...]) -> None:
    with_person(org, *edges)
    assert codes(org) == []


def test_a_person_cannot_make_what_does_not_arrive(org: Path) -> None:
    with_person(
        org,
        "[Trainer](roles/trainer.md) → [PI](roles/pi.md): `result`, when crashed",
        "[PI](roles/pi.md) → [Trainer](roles/trainer.md): `proposal`",
    )
    assert codes(org) == ["ORG208"]


@pytest.mark.parametrize(
    ("asks", "grants", "gets", "found"),
    [
        ("[Ablate]", "[Read, Edit, Ablate]", ("Ablate",), []),
        ("[Ablate, Bash]", "[Read, Edit, Ablate, Bash]", ("Ablate",), []),
        ("[Ablate]", "[Read, Edit]", (), ["ORG501"]),
        ("'*'", "[Read, Edit, Ablate]", (), []),
        ("[]", "[Read, Edit, Ablate]", (), []),
    ],
)
def test_a_referee_gets_the_tool_that_it_asks_for(
    org: Path, asks: str, grants: str, gets: tuple[str, ...], found: list[str]
) -> None:
    program = org / "program.md"
    program.write_text(program.read_text().replace("models: {default", f"tools: {grants}\nmodels: {{default"))
    (org / "roles" / "referee.md").write_text(f"---\nname: Referee\ntools: {asks}\n---\n\nWords.\n")
    result = compile_org(org)
    assert result.manifest is not None or found
    if result.manifest is not None:
        assert result.manifest.role(RoleSlug("referee")).tools == gets
        assert result.manifest.role(RoleSlug("trainer")).tools == ()
    assert [one.code for one in result.diagnostics] == found
