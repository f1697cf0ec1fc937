"""The shipped orgs and the role library: they compile without a warning, and their words keep to their own rules."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from orgruntime.compiler.compile import compile_org
from orgruntime.diagnostics.diagnostic import Severity
from orgruntime.model.manifest import Manifest, RoleKind
from orgruntime.model.tools import ABLATE

ROOT = Path(__file__).parents[3]
ORGS = sorted(path.parent for path in ROOT.glob("orgs/*/program.md"))
ROLE_FILES = sorted([*ROOT.glob("roles/*.md"), *ROOT.glob("orgs/*/roles/*.md")])


def compiled(org: Path) -> Manifest:
    compilation = compile_org(org)
    assert [d.message for d in compilation.diagnostics if d.severity is not Severity.INFO] == []
    assert compilation.manifest is not None
    return compilation.manifest


def shown(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("org", ORGS, ids=shown)
def test_a_shipped_org_compiles_without_a_warning(org: Path) -> None:
    manifest = compiled(org)
    assert manifest.budget.is_bounded
    assert manifest.workspace.verify is not None
    assert "--split holdout" in manifest.workspace.verify


def test_the_lab_is_three_searchers_a_trainer_a_referee_and_a_scribe() -> None:
    manifest = compiled(ROOT / "orgs" / "microgpt-lab")
    assert {role.slug: role.kind for role in manifest.roles} == {
        "researcher": RoleKind.AGENT,
        "trainer": RoleKind.EXPERIMENT,
        "referee": RoleKind.VERIFIER,
        "scribe": RoleKind.AGENT,
    }
    edges = [(e.source, e.target, e.payload, e.when, e.at_most) for e in manifest.graph.handoffs]
    assert edges == [
        ("researcher", "trainer", "proposal", None, None),
        ("trainer", "referee", "result", "promising", None),
        ("trainer", "researcher", "result", "conflicted", 2),
        ("trainer", "researcher", "result", "crashed", 1),
    ]
    assert [(c.role, c.payload, c.every_trials) for c in manifest.graph.cadences] == [("scribe", "memo", 20)]
    assert manifest.appetite.dry_spell == 0.6


def test_who_may_ask_that_a_proposal_be_taken_apart() -> None:
    """Referees where language models change code, and the runtime can carry it out; not where algorithms search."""
    asks = {
        (manifest.org, role.slug) for manifest in map(compiled, ORGS) for role in manifest.roles if ABLATE in role.tools
    }
    assert asks == {
        ("chief-and-juniors", "chief"),
        ("chief-and-juniors", "referee"),
        ("eight-solos", "referee"),
        ("microgpt-claude", "referee"),
        ("paper-lab", "referee"),
    }


def test_who_asks_and_who_doubts_can_look_up_what_was_tried() -> None:
    roles = {role.slug: set(role.tools) for role in compiled(ROOT / "orgs" / "microgpt-claude").roles}
    assert roles["director"] == {"Read", "Grep", "Ledger", "Notebook"}
    assert roles["critic"] == {"Read", "Grep", "Ledger"}


def test_the_solo_org_is_completed_to_the_classic_loop() -> None:
    manifest = compiled(ROOT / "orgs" / "solo")
    assert {role.kind for role in manifest.roles} == {RoleKind.AGENT, RoleKind.EXPERIMENT, RoleKind.VERIFIER}
    assert sum(role.builtin for role in manifest.roles) == 2
    assert [edge.payload for edge in manifest.graph.handoffs] == ["proposal", "result"]


@pytest.mark.parametrize("path", ROLE_FILES, ids=shown)
def test_a_role_file_works_as_a_prompt_and_in_any_loader(path: Path) -> None:
    _, front, body = path.read_text(encoding="utf-8").split("---\n", 2)
    matter = yaml.safe_load(front)
    assert set(matter) == {"name", "description", "tools"}
    assert matter["name"].lower() == path.stem
    assert 250 <= len(body.split()) <= 700
    headings = set(re.findall(r"^## (.+)$", body, re.MULTILINE))
    assert {"What you hand off", "What you do not do"} <= headings
    if path.parent == ROOT / "roles":
        assert {"What you see", "What you do", "Rules"} <= headings


@pytest.mark.parametrize("path", [*ROLE_FILES, *(org / "program.md" for org in ORGS)], ids=shown)
def test_every_relative_link_leads_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", path.read_text(encoding="utf-8")):
        assert (path.parent / target).is_file(), target
