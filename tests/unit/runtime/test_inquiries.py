"""Inquiries by themselves, at moments that a whole run meets too rarely to be tested by one."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from orgruntime.ledger.rows import InquiryRow
from orgruntime.ledger.transaction import Transaction
from orgruntime.model.ids import IdeaId, InquiryId
from orgruntime.model.manifest import AgentGraph, Role
from orgruntime.runtime.agent_step import DeskPool
from orgruntime.runtime.inquiries import Inquiries
from orgruntime.runtime.lab import Lab
from orgruntime.runtime.verifier_step import Certifications
from orgruntime.testing.lab import RESEARCHER, ROLES, TRAINER, edge


def inquiry(id: str) -> InquiryRow:
    return InquiryRow(InquiryId(id), IdeaId("i1"), RESEARCHER, None, "open", "")


class Ticking:
    """A board on which each write is one tick: it is performed, and the tick starts what was spawned before it."""

    def __init__(self) -> None:
        self.inquiries: Inquiries
        self.started: list[str] = []

    async def write(self, change: Any) -> Any:
        answer = change(TX)
        self.tick()
        return answer

    def tick(self) -> None:
        self.started += [row.id for row in self.inquiries.write_standups(TX)]


TX = cast(Transaction, SimpleNamespace(open_inquiry=lambda *_: None))


async def test_every_sibling_of_fan_outs_one_after_the_other_is_started_once() -> None:
    board = Ticking()
    graph = AgentGraph(
        handoffs=(edge(1, RESEARCHER, TRAINER, "proposal", fan_out=2),), cadences=(), entries=(RESEARCHER,)
    )
    lab = SimpleNamespace(
        manifest=SimpleNamespace(graph=graph), board=board, ledger=SimpleNamespace(inquiry=lambda id: None)
    )
    inquiries = board.inquiries = Inquiries(cast(Lab, lab), Certifications(), DeskPool(set()))
    role: Role = ROLES[0]
    for id in ("q1", "q2", "q3"):
        await inquiries._fan_out(role, inquiry(id))
    board.tick()
    assert board.started == ["q1+2", "q2+2", "q3+2"]
