"""The lab: what every step of a run shares. Facts of the manifest, the ports, and how a trial is named.

Does not decide and does not wait. Invariant: a trial's identity, and every seed, follow from the manifest, the run's
seed and ids of the ledger alone, so a resumed run asks for the same trials again.
"""

from __future__ import annotations

import hashlib
import random
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from orgruntime.ledger.store import Ledger
from orgruntime.model.dialogue import ModelCall, ModelReply
from orgruntime.model.editable import is_editable
from orgruntime.model.ids import AttemptId, CommitId, InquiryId, PayloadId, ProposalId, RoleSlug
from orgruntime.model.manifest import Manifest, Resources, Role, RoleKind
from orgruntime.model.numbers import Numbers
from orgruntime.model.payload import Payload
from orgruntime.model.placement import room
from orgruntime.model.research import Noise, Proposal, RiskClass
from orgruntime.model.step import PastTrial
from orgruntime.model.trial import Purpose, TrialIdentity, TrialSpec
from orgruntime.runtime.board import Board, Order
from orgruntime.runtime.commands import filled_command
from orgruntime.runtime.events import EventKind, Listener, RunEvent
from orgruntime.runtime.logs import TrialLogs
from orgruntime.runtime.people import People
from orgruntime.runtime.ports import Clock, Commit, Desks, Engine, Executor, Models, ToolServers, Workspace
from orgruntime.runtime.race import Race
from orgruntime.runtime.shared_flush import SharedFlush
from orgruntime.runtime.sleeve_book import SleeveBook
from orgruntime.runtime.transcripts import Transcripts
from orgruntime.scheduler.halving import WINDOW

K = TypeVar("K")
V = TypeVar("V")

REFUSALS = 25
"""Proposals of one desk in a row that were duplicates, invalid or in conflict; then it has nothing new to say."""
LATEST = 512
"""Proposals and payloads in memory: several times what is under way at once."""
FULL_BUDGET = 1.0
"""Trials begin with their whole budget in hand; patience ends those that fall behind (`runtime.race`)."""


class Asks(Protocol):
    """The gateway (`runtime.gateway`), as steps see it."""

    async def ask(self, id: str, role: Role, model: str, call: ModelCall) -> ModelReply:
        """Raises GatewayError."""
        ...

    async def drain(self) -> None: ...


@dataclass
class Ports:
    """The run's outside world."""

    clock: Clock
    workspace: Workspace
    desks: Desks
    executor: Executor
    engine: Engine
    models: Models | None = None
    """None where no role thinks with a language model."""
    servers: ToolServers | None = None
    """Tool servers of the manifest; None where it has none."""


@dataclass
class Lab:
    """One a run, in the driver. `numbers` gains the noise floor's units once it is frozen."""

    manifest: Manifest
    numbers: Numbers
    ledger: Ledger
    ports: Ports
    board: Board
    seed: int
    evaluator: str
    listener: Listener
    logs: TrialLogs
    doing: dict[str, str] = field(default_factory=dict)
    """Role or desk → what it is doing, for people."""
    idle: set[str] = field(default_factory=set)
    """Desks whose species has nothing left to propose."""

    gateway: Asks | None = None
    """Of language models; None where the run has none."""
    transcripts: Transcripts | None = None
    """Of the steps of language models."""
    thinking: set[InquiryId] = field(default_factory=set)
    """Inquiries at the desk of a language model."""
    held_up: set[InquiryId] = field(default_factory=set)
    """Inquiries that have measured their own and wait for the lead's trial."""
    unwritten: dict[PayloadId, tuple[RoleSlug, PastTrial]] = field(default_factory=dict)
    """Proposals that were accepted from a desk and are not in the ledger yet."""

    texts: dict[CommitId, dict[str, str]] = field(default_factory=dict)
    """The editable files of the commit that was asked for last."""
    people: People = field(default_factory=People)
    """Steps that wait for an answer."""
    retired: dict[RoleSlug, set[str]] = field(default_factory=dict)
    """Models of a role's panel that have nothing left to propose."""
    signatures: OrderedDict[ProposalId, frozenset[str]] = field(default_factory=OrderedDict)
    """What the latest proposals that were compared with something change."""

    of_lead: dict[tuple[CommitId, RoleSlug, int, RiskClass], Order] = field(default_factory=dict)
    """The lead's own trials, as screens have asked for them."""

    def __post_init__(self) -> None:
        self.sleeves = SleeveBook(self.numbers.exploration, self.ledger.measured_since_kept())
        keep = self.numbers.keep_per_rung
        self.race = Race(keep, self.ledger.candidate_curves(WINDOW) if keep < 1 else ())
        self._noise: Noise | None = None
        self._history: tuple[str, ...] | None = None
        self._fruitless: dict[str, int] = {}
        self._empty_steps: dict[str, int] = {}
        self._proposals: OrderedDict[ProposalId, Proposal] = OrderedDict()
        self._payloads: OrderedDict[PayloadId, Payload] = OrderedDict()
        self.commits_on_disk = SharedFlush(lambda: self.ports.workspace.flush)
        """To be awaited before the ledger names a new commit."""

    @property
    def workspace(self) -> Workspace:
        return self.ports.workspace

    @property
    def base(self) -> Commit:
        return self.ports.workspace.base()

    @property
    def noise(self) -> Noise:
        """Raises LookupError before the noise floor is frozen."""
        if self._noise is None:
            self._noise = self.ledger.noise()
        if self._noise is None:
            raise LookupError("the noise floor is not measured yet")
        return self._noise

    @property
    def history(self) -> tuple[str, ...]:
        """What an earlier log says, one line each. It never changes in a run."""
        if self._history is None:
            self._history = self.ledger.history_lines(self.manifest.objective.direction)
        return self._history

    def note_fruit(self, desk: str, *, fruitful: bool) -> None:
        """Benches a desk whose proposals were refused unmeasured so often in a row: they cost no trial, so no budget
        would ever end them."""
        self._fruitless[desk] = 0 if fruitful else self._fruitless.get(desk, 0) + 1
        if self._fruitless[desk] >= REFUSALS:
            self.idle.add(desk)
            self.tell(EventKind.NOTICE, f"{desk} is benched: {REFUSALS} proposals in a row were refused unmeasured")

    def empty_steps(self, who: str, *, empty: bool) -> int:
        """How many steps in a row, this one counted, a language model has handed nothing off."""
        self._empty_steps[who] = self._empty_steps.get(who, 0) + 1 if empty else 0
        return self._empty_steps[who]

    def tell(self, kind: EventKind, text: str, **data: object) -> None:
        self.listener(RunEvent(event=kind, text=text, data=data))

    def proposal(self, id: ProposalId) -> Proposal | None:
        """As the ledger has it. A proposal never changes, so the latest ones are kept in memory."""
        found = self._proposals.get(id) or (self.ledger.proposal(id) if id else None)
        if found is not None:
            self.note_proposal(found)
        return found

    def note_proposal(self, proposal: Proposal) -> None:
        """To be called with what was just written to the ledger."""
        _keep(self._proposals, proposal.id, proposal)

    def payload(self, id: PayloadId) -> Payload:
        """As the ledger has it. The next step reads what the last one wrote, once. Raises KeyError."""
        return self._payloads.pop(id, None) or self.ledger.payload(id)

    def note_payload(self, payload: Payload) -> None:
        """To be called with what was just written to the ledger."""
        _keep(self._payloads, payload.id, payload)

    def hypothesis_of(self, proposal: ProposalId | None) -> str:
        found = self.proposal(proposal) if proposal is not None else None
        return found.hypothesis if found is not None else ""

    def seed_for(self, *parts: object) -> int:
        """A seed in [0, 2³¹), the same for the same parts of the same run."""
        name = ":".join(str(part) for part in (self.seed, *parts))
        return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") >> 1

    def rng(self, *parts: object) -> random.Random:
        return random.Random(self.seed_for(*parts))

    def role_of(self, kind: RoleKind) -> Role | None:
        return next((role for role in self.manifest.roles if role.kind is kind), None)

    @property
    def experimenter(self) -> Role:
        """The role whose resources trials take where no other is named. The compiler gives every org one."""
        role = self.role_of(RoleKind.EXPERIMENT)
        assert role is not None
        return role

    @property
    def verifier(self) -> Role:
        role = self.role_of(RoleKind.VERIFIER)
        assert role is not None
        return role

    def slots(self, shape: Resources) -> int:
        """Trials of this shape that the whole fleet could run at once, if it ran nothing else."""
        return room(self.ports.executor.fleet().nodes, shape)

    def time_limit_s(self, role: Role) -> float:
        """Of one trial of the role."""
        return self.manifest.workspace.time_limit_s if role.minutes is None else role.minutes * 60

    def is_editable(self, path: str) -> bool:
        return is_editable(path, self.manifest.workspace.editable)

    def order(
        self,
        commit: Commit,
        role: Role,
        purpose: Purpose,
        seed: int,
        *,
        nonce: str = "",
        proposal: ProposalId | None = None,
        inquiry: InquiryId | None = None,
    ) -> Order:
        """A trial of `commit` with the role's resources. Verification runs the `verify` command where there is one."""
        spec = self.manifest.workspace
        command = spec.verify if purpose.is_verification and spec.verify else spec.run
        limit = self.time_limit_s(role)
        identity = TrialIdentity(
            tree=commit.tree,
            command=command,
            seed=seed,
            rung=FULL_BUDGET,
            evaluator=self.evaluator,
            hardware=hardware_class(role.resources),
            nonce=nonce,
        )
        return Order(identity, commit.id, purpose, role.resources, limit, proposal, inquiry, network=role.network)

    def spec(self, order: Order, attempt: AttemptId) -> TrialSpec:
        """What the executor gets for one attempt at an order."""
        identity = order.identity
        return TrialSpec(
            attempt=attempt,
            tree=identity.tree,
            commit=order.commit,
            argv=filled_command(identity.command, seed=identity.seed, budget=identity.rung),
            resources=order.resources,
            time_limit_s=order.time_limit_s,
            memory_mb=order.resources.memory_mb or self.manifest.workspace.memory_mb,
            rungs=order.rungs,
            metric=self.manifest.objective.metric if order.rungs else "",
            network=order.network,
        )


def _keep(latest: OrderedDict[K, V], id: K, one: V) -> None:
    latest[id] = one
    latest.move_to_end(id)
    if len(latest) > LATEST:
        latest.popitem(last=False)


def hardware_class(resources: Resources) -> str:
    """`cpu:1`, `gpu:1`, `gpu:0.5:H100`, and `gpu:2x8:H100` for 8 on each of 2 nodes."""
    nodes = f"{resources.nodes}x" if resources.nodes > 1 else ""
    if resources.gpus:
        kind = f":{resources.accelerator}" if resources.accelerator else ""
        return f"gpu:{nodes}{resources.gpus:g}{kind}"
    return f"cpu:{nodes}{resources.cpus:g}"


def evaluator_hash(workspace: Workspace, editable: Mapping[str, bool], setup: str | None) -> str:
    """sha256 over the frozen files of the base commit and the set-up command. `editable`: path → whether it is."""
    base = workspace.base().id
    whole = hashlib.sha256((setup or "").encode())
    for path in workspace.paths(base):
        if not editable[path]:
            whole.update(f"\0{path}\0".encode())
            whole.update(hashlib.sha256(workspace.read(base, path)).digest())
    return whole.hexdigest()
