from __future__ import annotations

import re

import pytest

from orgruntime.diagram.graph import Drawing, Edge, EdgeStyle, Node, dot, drawing_of, mermaid
from orgruntime.model.amounts import Budget
from orgruntime.model.appetite import PRESETS, Preset
from orgruntime.model.ids import RoleSlug
from orgruntime.model.manifest import (
    AgentGraph,
    Cadence,
    Direction,
    Handoff,
    HandoffKind,
    Manifest,
    Objective,
    Role,
    RoleKind,
    WorkspaceSpec,
)

HOSTILE = "<script>alert(1)</script>\"'\t\r\n`x` &amp; \u202e\x00\x1b[31m ]]> --> | {y} <img src=x onerror=alert(2)>"
R, T = RoleSlug("researcher"), RoleSlug("trainer")


def lab() -> Manifest:
    return Manifest(
        org="lab", title="Lab",
        objective=Objective(metric="val_loss", direction=Direction.MINIMIZE),
        workspace=WorkspaceSpec(source="/w", editable=("train.py",), run="python train.py", time_limit_s=60),
        appetite=PRESETS[Preset.BALANCED], budget=Budget(trials=10), payloads=(),
        roles=(
            Role(slug=R, name="Researcher", kind=RoleKind.AGENT, count=3,
                 species=("search/tpe", "search/cmaes", "search/tpe")),
            Role(slug=T, name="Trainer", kind=RoleKind.EXPERIMENT),
        ),
        graph=AgentGraph(
            handoffs=(
                Handoff(id="e1", source=R, target=T, payload="proposal", fan_out=3),
                Handoff(id="e2", source=T, target=R, payload="result", when="crashed", at_most=2),
                Handoff(id="e3", source=T, target=R, payload="result", otherwise=True),
                Handoff(id="e4", source=R, target=T, payload="note", kind=HandoffKind.ASK),
            ),
            cadences=(
                Cadence(id="c1", role=R, payload="memo", every_trials=20),
                Cadence(id="c2", role=R, payload="note", every_s=7200),
            ),
            entries=(R,),
        ),
    )  # fmt: skip


def test_a_manifest_becomes_its_roles_handoffs_and_cadences() -> None:
    drawing = drawing_of(lab())
    assert drawing.nodes[0] == Node("researcher", "Researcher", "agent", "search/tpe, search/cmaes", 3)
    assert [(edge.label, edge.style) for edge in drawing.edges] == [
        ("proposal ×3", "transfer"),
        ("result · when crashed · ≤2×", "transfer"),
        ("result · otherwise", "transfer"),
        ("asks note", "ask"),
        ("memo · every 20 trials", "cadence"),
        ("note · every 2 h", "cadence"),
    ]
    assert drawing.entries == ("researcher",)


def test_mermaid_of_a_lab_is_this_text() -> None:
    assert mermaid(drawing_of(lab())) == (
        "flowchart TD\n"
        '    r_researcher("Researcher ×3<br/>agent · search/tpe, search/cmaes")\n'
        '    r_trainer["Trainer<br/>experiment"]\n'
        '    r_researcher -->|"proposal ×3"| r_trainer\n'
        '    r_trainer -->|"result · when crashed · ≤2×"| r_researcher\n'
        '    r_trainer -->|"result · otherwise"| r_researcher\n'
        '    r_researcher <-.->|"asks note"| r_trainer\n'
        '    r_researcher -.->|"memo · every 20 trials"| r_researcher\n'
        '    r_researcher -.->|"note · every 2 h"| r_researcher\n'
    )


NASTY = Drawing(
    nodes=(Node("end", HOSTILE, "agent", HOSTILE), Node("a/b", "1. list", "human"), Node("a-b", "- list", "odd kind")),
    edges=(Edge("end", "a/b", HOSTILE), Edge("a/b", "a-b", "", EdgeStyle.ASK),
           Edge("a-b", "a-b", '"|x', EdgeStyle.CADENCE)),
)  # fmt: skip


def test_no_text_of_an_org_ends_a_mermaid_label_and_ids_never_collide() -> None:
    lines = mermaid(NASTY).splitlines()
    assert len(lines) == 1 + 3 + 3
    for line in lines[1:]:
        assert line.count('"') in (0, 2)
        inside = line.split('"')[1] if '"' in line else ""
        assert not re.search(r"[<>`|{}\[\]\\$;]", re.sub(r"#\d+;|<br/>", "", inside))
    ids = re.findall(r"^ +(\w+)", "\n".join(lines[1:4]), re.MULTILINE)
    assert len(set(ids)) == 3
    assert "end" not in ids


def test_dot_escapes_quotes_and_backslashes_and_holds_each_edge_once() -> None:
    text = dot(NASTY)
    assert text.count(" -> ") == 3
    for line in text.splitlines():
        assert re.sub(r"\\.", "", line).count('"') % 2 == 0


def test_an_edge_to_nowhere_and_a_doubled_node_are_refused() -> None:
    with pytest.raises(ValueError, match="no node"):
        Drawing((Node("a", "A", "agent"),), (Edge("a", "b"),))
    with pytest.raises(ValueError, match="one slug"):
        Drawing((Node("a", "A", "agent"), Node("a", "B", "agent")), ())
