"""Attempts that an earlier driver left are charged for what they held."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from orgruntime.model.manifest import Resources, RoleKind
from orgruntime.model.trial import Ending, Purpose, TrialOutcome
from orgruntime.runtime.lab import Lab, Ports
from orgruntime.runtime.settlement import settle
from orgruntime.testing.fake_clock import FakeClock
from orgruntime.testing.inline_engine import InlineEngine
from orgruntime.testing.inline_executor import InlineExecutor
from orgruntime.testing.lab import PROGRAM, ROLES, Heard, Program, lab_in, small_org
from orgruntime.testing.memory_workspace import MemoryWorkspace
from orgruntime.testing.scripted_desks import ScriptedDesks, declining

LARGE = Resources(cpus=4, gpus=2)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """The verifier's trials hold four CPUs and two GPUs, the experimenter's one CPU."""
    roles = tuple(r.model_copy(update={"resources": LARGE}) if r.kind is RoleKind.VERIFIER else r for r in ROLES)
    org, workspace, clock = small_org(roles=roles), MemoryWorkspace(PROGRAM), FakeClock()
    executor = InlineExecutor(Program(workspace, lambda constants: 0.0, clock=clock, sd=0.0))
    desks, engine = ScriptedDesks(lambda request: declining("")), InlineEngine(org.graph, {})
    lab = lab_in(tmp_path, org, Ports(clock, workspace, desks, executor, engine), Heard())
    yield lab
    lab.ledger.close()


@pytest.mark.parametrize(("wall_s", "ending"), [(1e9, Ending.INFRASTRUCTURE), (2.0, Ending.CANCELLED)])
def test_a_left_attempt_is_charged_at_its_own_rate(lab: Lab, wall_s: float, ending: Ending) -> None:
    order = lab.order(lab.base, lab.verifier, Purpose.CERTIFY, 1)
    with lab.ledger.transaction() as tx:
        attempt = tx.reserve(
            order.identity, commit=order.commit, purpose=order.purpose, proposal=None, inquiry=None,
            cap=order.resources.cost(order.time_limit_s),
        )  # fmt: skip
        assert attempt is not None
    with lab.ledger.transaction() as tx:
        settle(lab, tx, TrialOutcome(attempt=attempt, ending=ending, wall_s=wall_s))
    held_s = min(wall_s, order.time_limit_s)
    spent = lab.ledger.amounts().spent
    assert (spent.cpu_ms, spent.gpu_ms) == (4000 * held_s, 2000 * held_s)
