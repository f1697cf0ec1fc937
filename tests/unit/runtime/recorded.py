"""A lab without a loop: what steps write is on disk at once. For what is served in the middle of a step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from orgruntime.model.dialogue import ToolResult, ToolUse
from orgruntime.model.ids import IdeaId, InquiryId, PayloadId, ProposalId, RoleSlug
from orgruntime.model.manifest import Cadence, Manifest, Role, RoleKind
from orgruntime.model.payload import Payload
from orgruntime.model.research import Noise, Proposal, Verdict, VerdictWord
from orgruntime.model.step import Ask, AskKind
from orgruntime.runtime.calls import Call
from orgruntime.runtime.lab import Lab, Ports
from orgruntime.runtime.ports import StepAddress
from orgruntime.runtime.service import ServiceTool
from orgruntime.testing.fake_clock import FakeClock
from orgruntime.testing.inline_engine import InlineEngine
from orgruntime.testing.inline_executor import InlineExecutor
from orgruntime.testing.lab import PROGRAM, RESEARCHER, ROLES, Heard, Program, lab_in, small_org
from orgruntime.testing.memory_workspace import MemoryWorkspace
from orgruntime.testing.scripted_desks import ScriptedDesks, declining

CRITIC, SCRIBE = RoleSlug("critic"), RoleSlug("scribe")
NOISE = Noise(sd=0.5, pairs=5, correlation=0.5, deterministic=False, baseline=10.0)


def talking_org(**changed: Any) -> Manifest:
    """The small org with a critic, and a scribe that is called to stand-ups."""
    agents = tuple(
        Role(slug=slug, name=slug.title(), kind=RoleKind.AGENT, species=("claude-x",)) for slug in (CRITIC, SCRIBE)
    )
    cadence = Cadence(id="c1", role=SCRIBE, payload="memo", every_trials=20)
    return small_org(**{"roles": (*ROLES, *agents), "cadences": (cadence,), **changed})


class Recorded:
    """`lab` with one open inquiry, `q1`, and its noise floor known."""

    def __init__(self, lab: Lab, heard: Heard) -> None:
        self.lab, self.heard = lab, heard
        self._n = 0
        lab.board.on_change = self._write
        with lab.ledger.transaction() as tx:
            if lab.ledger.noise() is None:
                tx.freeze_noise(NOISE)
                tx.open_inquiry(InquiryId("q1"), tx.add_idea("", "runtime"), RESEARCHER, None)

    def propose(
        self,
        files: Mapping[str, str],
        hypothesis: str = "it helps",
        word: VerdictWord | None = VerdictWord.DISCARD,
        gain: float | None = -0.25,
        **fields: Any,
    ) -> Proposal:
        """A proposal on the base, judged at once."""
        lab, id = self.lab, ProposalId(f"pq1.{self._n}")
        data = {path: text.encode() for path, text in files.items()}
        commit = lab.workspace.commit(lab.base.id, data, message=hypothesis, author="a")
        made: dict[str, Any] = {
            "id": id, "inquiry": InquiryId("q1"), "idea": IdeaId("i1"), "role": RESEARCHER, "desk": 0,
            "species": "search/tpe", "base": lab.base.id, "commit": commit.id, "tree": commit.tree,
            "hypothesis": hypothesis,
        }  # fmt: skip
        proposal = Proposal(**{**made, **fields})
        payload = Payload(id=PayloadId(f"q1.{self._n}"), type="proposal", body={}, source=proposal.role)
        self._n += 1
        with lab.ledger.transaction() as tx:
            tx.add_payload(payload, proposal.inquiry)
            tx.add_proposal(proposal)
            if word is not None:
                tx.set_verdict(Verdict(proposal=id, word=word, reason=f"seen, {gain}", gain=gain))
        return proposal

    def call(self, role: RoleSlug = RESEARCHER, visit: int = 0, inquiry: str = "q1") -> Call:
        address = StepAddress(InquiryId(inquiry), role, visit)
        return Call(address, self.lab.manifest.role(role), 0, None, IdeaId("i1"), "", self.lab.base.id)

    async def use(
        self, tool: ServiceTool, by: RoleSlug = RESEARCHER, n: int = 0, files: Mapping[str, str] | None = None,
        **given: Any,
    ) -> ToolResult:  # fmt: skip
        use = ToolUse(id=f"u{n}", name=tool.spec.name, input=given)
        ask = Ask(n=n, kind=AskKind.MAY, use=use, files=dict(files or {}))
        return await tool.serve(self.lab, self.call(by), ask)

    def _write(self) -> None:
        writes, self.lab.board.writes = self.lab.board.writes, []
        for change, done in writes:
            with self.lab.ledger.transaction() as tx:
                answer = change(tx)
            done.set_result(answer)


@contextmanager
def recorded(folder: Path, org: Manifest | None = None, files: Mapping[str, bytes] = PROGRAM) -> Iterator[Recorded]:
    """Begun in `folder`, or gone on with."""
    org, heard = org or talking_org(), Heard()
    workspace, clock = MemoryWorkspace(files), FakeClock()
    program = Program(workspace, lambda constants: 10.0, clock=clock, sd=0.1)
    desks = ScriptedDesks(lambda request: declining("nothing"))
    lab = lab_in(folder, org, Ports(clock, workspace, desks, InlineExecutor(program), InlineEngine(org.graph)), heard)
    try:
        yield Recorded(lab, heard)
    finally:
        lab.ledger.close()
