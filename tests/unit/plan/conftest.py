"""A small org as the compiler would hand it over, and fleets to plan it on."""

from __future__ import annotations

import pytest

from orgruntime.model.amounts import Budget
from orgruntime.model.appetite import PRESETS, Preset
from orgruntime.model.fleet import Fleet, Node
from orgruntime.model.ids import RoleSlug
from orgruntime.model.manifest import (
    AgentGraph,
    Cadence,
    Direction,
    Handoff,
    Manifest,
    Objective,
    Resources,
    Role,
    RoleKind,
    WorkspaceSpec,
)
from orgruntime.model.payload import BUILTIN_PAYLOADS

RESEARCHER, TRAINER, REFEREE, SCRIBE = map(RoleSlug, ("researcher", "trainer", "referee", "scribe"))


@pytest.fixture
def manifest() -> Manifest:
    handoffs = (
        Handoff(id="e1", source=RESEARCHER, target=TRAINER, payload="proposal", fan_out=2),
        Handoff(id="e2", source=TRAINER, target=REFEREE, payload="result", when="promising"),
        Handoff(id="e3", source=TRAINER, target=RESEARCHER, payload="result", when="crashed", at_most=2),
    )
    return Manifest(
        org="lab",
        title="MicroGPT lab",
        objective=Objective(metric="val_loss", direction=Direction.MINIMIZE, target=2.02, min_effect=0.005),
        workspace=WorkspaceSpec(
            source="/somewhere/microgpt", editable=("train.py",), run="python train.py --seed {seed}", time_limit_s=60
        ),
        appetite=PRESETS[Preset.BALANCED],
        budget=Budget(trials=200, wall_ms=8 * 3_600_000, usd_micro=20_000_000),
        roles=(
            Role(
                slug=RESEARCHER, name="Researcher", kind=RoleKind.AGENT, count=3, tools=("Read", "Edit"),
                species=("search/tpe", "claude-opus-5-5"),
            ),
            Role(slug=TRAINER, name="Trainer", kind=RoleKind.EXPERIMENT, resources=Resources(gpus=1), minutes=6),
            Role(slug=REFEREE, name="Referee", kind=RoleKind.VERIFIER, resources=Resources(gpus=1)),
            Role(slug=SCRIBE, name="Scribe", kind=RoleKind.AGENT, species=("digest/ledger",)),
        ),
        payloads=tuple(BUILTIN_PAYLOADS.values()),
        graph=AgentGraph(
            handoffs=handoffs,
            cadences=(Cadence(id="c1", role=SCRIBE, payload="memo", every_trials=20),),
            entries=(RESEARCHER,),
        ),
    ).sealed()  # fmt: skip


@pytest.fixture
def gpu_fleet() -> Fleet:
    nodes = (
        Node(id="n1", cpus=8, gpus=2, memory_mb=32_000, accelerator="H100"),
        Node(id="n2", cpus=2, memory_mb=8_000),
    )
    return Fleet(nodes=nodes, isolation="strict")
