"""A step is told of what was tried that is nearly the same as its own, once, before anything is spent on it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from supervised import Bench, Died
from thinking import Thinking, brief_of, last_result, propose, sets, thinking_org, turn

from orgruntime.ledger.audit import audit
from orgruntime.model.amounts import Budget
from orgruntime.model.dialogue import ModelCall, ModelReply
from orgruntime.model.manifest import ModelSpec
from orgruntime.model.step import Ask
from orgruntime.runtime.transcripts import read_lines
from orgruntime.testing.scripted_models import uses_tool

SHORT = Budget(trials=200)
WIDER = "a wider net has room for more features, width {}"


async def judged(bench: Bench) -> None:
    """Until the first proposal has its verdict."""
    while "pq1.0" not in bench.verdicts():
        await asyncio.sleep(0.005)


class Twice:
    """Inquiries q1 and q2 propose another width for the same reason; the others decline. q2 has the base measured
    first, and goes on once q1 has come to its verdict."""

    def __init__(self, folder: Path) -> None:
        self.told: list[str] = []
        """What q2 was told, in order."""
        self.at = Thinking(folder, self, thinking_org(budget=SHORT))

    async def __call__(self, model: ModelSpec, call: ModelCall) -> ModelReply:
        first, second = ("inquiry q1," in brief_of(call)), ("inquiry q2," in brief_of(call))
        if not (first or second):
            return uses_tool("decline", reason="others have it")
        if second and turn(call):
            await judged(self.at.bench)
            self.told.append(last_result(call))
        if second and turn(call) == 0:
            return uses_tool("RunTrial")
        if turn(call) == int(second):
            return sets("WIDTH", 5 if first else 6)
        return propose(hypothesis=WIDER.format(5 if first else 6))


async def test_a_hypothesis_that_was_tried_is_told_once_and_may_be_handed_off_again(tmp_path: Path) -> None:
    says = Twice(tmp_path)
    at = says.at
    await at.run()
    assert len(says.told) == 3, "a probe, its edit, and one word on what is near"
    assert says.told[2].startswith("Not handed off yet: near to pq1.0 (discard, effect ")
    assert WIDER.format(5) in says.told[2]
    with at.bench.ledger() as ledger:
        assert [one.inquiry for one in ledger.proposals()] == ["q1", "q2"]
    lines, _ = read_lines(tmp_path / "steps" / "q2.0.jsonl")
    assert [line.get("near", False) for line in lines if line["kind"] == "may"] == [False, False, True, False]
    assert not any(line.get("malformed") or line.get("unfit") for line in lines)


async def test_what_was_told_is_told_again_to_a_step_that_is_resumed(tmp_path: Path) -> None:
    def die_in_q2(ask: Ask) -> None:
        asks.append(ask)
        if len(says.told) == 3:
            raise Died("cut")

    says, asks = Twice(tmp_path), list[Ask]()
    at = says.at
    at.desks.before = die_in_q2
    with pytest.raises(Died):
        await at.run()
    at.desks.before = lambda ask: None
    await at.run()
    assert sum("near to" in text for text in says.told) == 1, "the model call after it was paid, and is not paid again"
    with at.bench.ledger() as ledger:
        assert [one.inquiry for one in ledger.proposals()] == ["q1", "q2"]
    assert audit(tmp_path / "ledger.db") == []


async def test_a_probe_of_nearly_the_same_change_is_not_run_before_it_is_told(tmp_path: Path) -> None:
    told: list[str] = []

    async def says(model: ModelSpec, call: ModelCall) -> ModelReply:
        brief, at = brief_of(call), turn(call)
        if "inquiry q1," in brief:
            return (sets("WIDTH", 5), sets("DEPTH", 3), propose())[at]
        if "inquiry q2," not in brief:
            return uses_tool("decline", reason="others have it")
        await judged(at_work.bench)
        told.append(last_result(call))
        return (sets("WIDTH", 5), sets("DEPTH", 4), *[uses_tool("RunTrial")] * 4, propose(hypothesis="deeper"))[at]

    at_work = Thinking(tmp_path, says, thinking_org(budget=SHORT))
    await at_work.run()
    assert told[3].startswith("Not run yet: near to pq1.0 (")
    assert "88% alike" in told[3]
    assert all("`loss` " in text for text in told[4:7]), "it took none of the three probes of a step"
    with at_work.bench.ledger() as ledger:
        assert len(ledger.proposals()) == 2, "and is told once a step"


async def test_another_value_of_a_constant_is_not_nearly_the_same(tmp_path: Path) -> None:
    told: list[str] = []

    def says(model: ModelSpec, call: ModelCall) -> ModelReply:
        number = brief_of(call).partition("inquiry q")[2].partition(",")[0]
        if int(number) > 3:
            return uses_tool("decline", reason="enough")
        told.append(last_result(call))
        return sets("WIDTH", int(number)) if turn(call) == 0 else propose(hypothesis=f"width {number}")

    at = Thinking(tmp_path, says, thinking_org(budget=SHORT))
    await at.run()
    assert not any("near to" in text for text in told)
    with at.bench.ledger() as ledger:
        assert len(ledger.proposals()) == 3
