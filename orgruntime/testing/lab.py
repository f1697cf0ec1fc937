"""A whole lab without a cluster: a small org in memory, a make-believe program whose metric is a function of its
constants, and everything that a supervisor needs to run them.

Works on fakes and a real ledger. Does not choose engine or desks: they are handed in, so that the same run can be had
on the durable engine or on a dictionary. Invariant: the same folder yields the same run again, so a second lab on it
is what a resumed driver has.
"""

from __future__ import annotations

import hashlib
import io
import random
import re
import tarfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orgruntime.ledger.store import Ledger
from orgruntime.model.amounts import Budget
from orgruntime.model.appetite import PRESETS, Preset
from orgruntime.model.ids import RoleSlug, RunId, TreeId
from orgruntime.model.manifest import (
    AgentGraph,
    Direction,
    Handoff,
    Manifest,
    Objective,
    Role,
    RoleKind,
    WorkspaceSpec,
)
from orgruntime.model.payload import BUILTIN_PAYLOADS
from orgruntime.model.trial import Ending, TrialOutcome, TrialSpec
from orgruntime.runtime.board import Board
from orgruntime.runtime.events import EventKind, RunEvent
from orgruntime.runtime.lab import Lab, Ports, evaluator_hash
from orgruntime.runtime.logs import TrialLogs
from orgruntime.scheduler.numbers import numbers
from orgruntime.testing.fake_clock import FakeClock
from orgruntime.testing.memory_workspace import MemoryWorkspace

RESEARCHER, TRAINER, REFEREE = map(RoleSlug, ("researcher", "trainer", "referee"))
PROGRAM = {"train.py": b"LR = 0\n\n\nWIDTH = 0\n\n\nDEPTH = 0\n", "judge.py": b"JUDGE = 1\n"}
"""`train.py` is editable. Its constants stand apart, so that changes of two of them merge."""
ROLES = (
    Role(slug=RESEARCHER, name="Researcher", kind=RoleKind.AGENT, count=2, species=("search/random",)),
    Role(slug=TRAINER, name="Trainer", kind=RoleKind.EXPERIMENT),
    Role(slug=REFEREE, name="Referee", kind=RoleKind.VERIFIER),
)


def edge(number: int, source: str, target: str, payload: str, **fields: Any) -> Handoff:
    """The `number`-th handoff of a workflow; `fields` are the other fields of `Handoff`."""
    return Handoff(id=f"e{number}", source=RoleSlug(source), target=RoleSlug(target), payload=payload, **fields)


WORKFLOW = (
    edge(1, RESEARCHER, TRAINER, "proposal"),
    edge(2, TRAINER, REFEREE, "result", when="promising"),
)


def small_org(**changed: Any) -> Manifest:
    """Researcher → Trainer → Referee with 200 trials, as the compiler would hand it over. `changed`: other fields of
    `Manifest`; `handoffs` and `cadences` alone replace those of the graph."""
    graph = AgentGraph(
        handoffs=changed.pop("handoffs", WORKFLOW), cadences=changed.pop("cadences", ()), entries=(RESEARCHER,)
    )
    fields: dict[str, Any] = {
        "org": "small", "title": "Small lab",
        "objective": Objective(metric="loss", direction=Direction.MINIMIZE),
        "workspace": WorkspaceSpec(
            source="/nowhere", editable=("train.py",), run="train --seed {seed} --budget {budget}", time_limit_s=10
        ),
        "appetite": PRESETS[Preset.BALANCED], "budget": Budget(trials=200), "roles": ROLES,
        "payloads": tuple(BUILTIN_PAYLOADS.values()), "graph": graph,
    }  # fmt: skip
    return Manifest(**{**fields, **changed}).sealed()


class Program:
    """The script of an `InlineExecutor`: `loss` of the constants of the tree, plus normal noise of which a part hangs
    on the seed and the rest on nothing that repeats. An exception of `loss` is a crash of the trial."""

    def __init__(
        self, workspace: MemoryWorkspace, loss: Callable[[Mapping[str, float]], float], *, clock: FakeClock, sd: float
    ) -> None:
        """`sd` of one run. A run takes one second of the clock."""
        self._workspace, self._loss, self._clock, self._sd = workspace, loss, clock, sd
        self._constants: dict[TreeId, dict[str, float]] = {}
        self.wall_s = 1.0
        self.ending: Callable[[TrialSpec], Ending] = lambda spec: Ending.EXITED
        """Set it to let attempts end otherwise."""

    def __call__(self, spec: TrialSpec) -> TrialOutcome:
        self._clock.advance(self.wall_s)
        ending = self.ending(spec)
        if ending is not Ending.EXITED:
            return TrialOutcome(attempt=spec.attempt, ending=ending, wall_s=self.wall_s, detail="as the script wants")
        code, output = self._played(spec)
        return TrialOutcome(
            attempt=spec.attempt, ending=ending, exit_code=code, wall_s=self.wall_s, output=output, node="10.0.0.0"
        )

    def constants(self, tree: TreeId) -> dict[str, float]:
        """`NAME = number` lines of `train.py`."""
        if tree not in self._constants:
            with tarfile.open(fileobj=io.BytesIO(self._workspace.pack(tree))) as tar:
                member = tar.extractfile("train.py")
                text = member.read().decode() if member is not None else ""
            found = re.findall(r"^([A-Z]+) = (\S+)", text, re.MULTILINE)
            self._constants[tree] = {name: float(value) for name, value in found}
        return self._constants[tree]

    def _played(self, spec: TrialSpec) -> tuple[int, str]:
        try:
            metric = self._loss(self.constants(spec.tree))
        except Exception as error:
            return 1, f"Traceback (most recent call last):\n{type(error).__name__}: {error}\n"
        seed = spec.argv[spec.argv.index("--seed") + 1]
        luck = (_normal(seed) + _normal(spec.attempt)) / 2**0.5
        return 0, f"---\nloss: {metric + self._sd * luck!r}\n"


def _normal(name: str) -> float:
    return random.Random(hashlib.sha256(name.encode()).digest()).gauss(0.0, 1.0)


@dataclass
class Heard:
    """A listener that keeps what it was told."""

    events: list[RunEvent] = field(default_factory=list)

    def __call__(self, event: RunEvent) -> None:
        self.events.append(event)

    def texts(self, kind: EventKind) -> list[str]:
        return [event.text for event in self.events if event.event is kind]


def lab_in(
    folder: Path,
    manifest: Manifest,
    ports: Ports,
    listener: Callable[[RunEvent], None],
    seed: int = 1,
    now: Callable[[], float] = time.time,
) -> Lab:
    """The lab of the run in `folder`, begun there or gone on with. Its ledger is ours; who asks for it closes it.
    `now` dates the ledger's events."""
    workspace, path = ports.workspace, folder / "ledger.db"
    base = workspace.base()
    if path.exists():
        ledger = Ledger.open(path, now)
    else:
        ledger = Ledger.create(
            path,
            run=RunId("r1"),
            manifest_hash=manifest.hash,
            org=manifest.org,
            budget=manifest.budget,
            seed=seed,
            now=now,
        )
    ledger.take_over()
    with ledger.transaction() as tx:
        tx.set_base(base.id, base.tree)
    lab = Lab(
        manifest=manifest,
        numbers=numbers(
            manifest.appetite,
            manifest.budget,
            manifest.objective,
            manifest.workspace.time_limit_s,
            next(role.resources for role in manifest.roles if role.kind is RoleKind.EXPERIMENT),
        ),
        ledger=ledger,
        ports=ports,
        board=Board(ledger.trial),
        seed=ledger.run().seed,
        evaluator="",
        listener=listener,
        logs=TrialLogs(folder / "logs"),
    )
    editable = {file: lab.is_editable(file) for file in workspace.paths(base.id)}
    lab.evaluator = evaluator_hash(workspace, editable, manifest.workspace.setup)
    return lab
