"""On which accelerator a run measures: chosen once, and the same for every later driver."""

from __future__ import annotations

from pathlib import Path

from orgruntime.ledger.store import Ledger
from orgruntime.model.fleet import Fleet, Node
from orgruntime.model.manifest import Resources, RoleKind
from orgruntime.runtime.hardware import SETTLE, settle_hardware, settled_manifest
from orgruntime.runtime.lab import Lab, Ports, hardware_class
from orgruntime.testing.fake_clock import FakeClock
from orgruntime.testing.inline_engine import InlineEngine
from orgruntime.testing.inline_executor import InlineExecutor
from orgruntime.testing.lab import PROGRAM, ROLES, Heard, Program, lab_in, small_org
from orgruntime.testing.memory_workspace import MemoryWorkspace
from orgruntime.testing.scripted_desks import ScriptedDesks, declining

H100, A100 = (Node(id=kind, cpus=8, gpus=2, accelerator=kind) for kind in ("H100", "A100"))


def lab(folder: Path, wish: Resources) -> Lab:
    """A driver of the run in the folder."""
    roles = tuple(
        role if role.kind is RoleKind.AGENT else role.model_copy(update={"resources": wish}) for role in ROLES
    )
    org, workspace, clock = small_org(roles=roles), MemoryWorkspace(PROGRAM), FakeClock()
    executor = InlineExecutor(Program(workspace, lambda constants: 1.0, clock=clock, sd=0.1))
    desks = ScriptedDesks(lambda request: declining("nothing"))
    ports = Ports(clock, workspace, desks, executor, InlineEngine(org.graph, {}))
    return lab_in(folder, org, ports, Heard(), 1)


def classes(lab: Lab) -> list[str]:
    return [hardware_class(role.resources) for role in (lab.experimenter, lab.verifier)]


def test_a_later_driver_keeps_to_the_type_that_the_first_one_settled_on(tmp_path: Path) -> None:
    wish = Resources(gpus=1, accelerator="B200", fallbacks=("A100", "H100"))
    first = lab(tmp_path, wish)
    assert settle_hardware(first, Fleet(nodes=(H100, A100))) == [
        f"{slug} measures on A100, the first of B200 or A100 or H100 that the cluster has room for"
        for slug in ("trainer", "referee")
    ]
    assert classes(first) == ["gpu:1:A100", "gpu:1:A100"]
    declared = first.manifest.hash
    first.ledger.close()
    later = lab(tmp_path, wish)
    assert settle_hardware(later, Fleet(nodes=(H100,))) == []
    assert classes(later) == ["gpu:1:A100", "gpu:1:A100"]
    assert later.manifest.hash == declared
    later.ledger.close()
    with Ledger.open_readonly(tmp_path / "ledger.db") as ledger:
        assert [row.subject for row in ledger.decisions(9, SETTLE)] == ["trainer", "referee"]


def test_nothing_is_compared_across_types_though_none_was_named(tmp_path: Path) -> None:
    one = lab(tmp_path, Resources(gpus=1))
    assert len(settle_hardware(one, Fleet(nodes=(H100, A100, A100.model_copy(update={"id": "more"}))))) == 2
    assert classes(one) == ["gpu:1:A100", "gpu:1:A100"]
    one.ledger.close()


def test_where_nothing_is_to_be_chosen_nothing_is_written(tmp_path: Path) -> None:
    for name, wish in (("cpu", Resources()), ("named", Resources(gpus=1, accelerator="H100"))):
        (tmp_path / name).mkdir()
        one = lab(tmp_path / name, wish)
        assert settle_hardware(one, Fleet(nodes=(H100, A100))) == []
        assert one.ledger.decisions(9, SETTLE) == []
        one.ledger.close()


def test_a_proof_measures_where_a_run_would(tmp_path: Path) -> None:
    one = lab(tmp_path, Resources(gpus=1, accelerator="B200", fallbacks=("H100",)))
    settled = settled_manifest(one.manifest, Fleet(nodes=(H100, A100)))
    assert settled.role(one.experimenter.slug).resources == Resources(gpus=1, accelerator="H100")
    one.ledger.close()
