"""A step of a language model that is cut anywhere goes on where its record ends: nothing is paid or done twice."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from supervised import Died
from thinking import Thinking, brief_of, last_result, propose, sets, thinking_org, turn

from orgruntime.ledger.audit import audit
from orgruntime.model.amounts import Budget
from orgruntime.model.dialogue import ModelCall, ModelReply, ToolResult, ToolSpec, ToolUse
from orgruntime.model.manifest import ModelSpec
from orgruntime.model.step import Ask, AskKind
from orgruntime.runtime.border import CUT_OFF
from orgruntime.runtime.ports import StepError
from orgruntime.runtime.transcripts import read_lines
from orgruntime.testing.scripted_models import uses_tool

SHORT = Budget(trials=200)
ASKS = 12
"""Of one step: five model calls, five uses, of which two are run at the desk."""


def says(model: ModelSpec, call: ModelCall) -> ModelReply:
    """One inquiry that proposes; the others decline. What was cut off it does again."""
    if "inquiry q1," not in str(call.messages[0].content):
        return uses_tool("decline", reason="another has it")
    cut = sum("was cut off" in str(message.content) for message in call.messages)
    match turn(call) - cut:
        case 0:
            return sets("LR", 2)
        case 1:
            return uses_tool("Bash", command="count")
        case 2:
            return uses_tool("RunTrial")
        case 3:
            return uses_tool("Nonsense")
    return propose()


class Cut:
    """Dies once, at the n-th ask of q1: before it is asked, or after it is answered."""

    def __init__(self, at: int, kind: type[Exception]) -> None:
        self.at, self.kind, self.asks = at, kind, 0

    def __call__(self, ask: Ask) -> None:
        self.asks += 1
        if self.asks == self.at:
            raise self.kind("cut")


async def whole(folder: Path) -> Thinking:
    at = Thinking(folder, says, thinking_org(budget=SHORT))
    await at.run()
    return at


def effects(at: Thinking) -> list[str]:
    return [one for one in at.desks.ran if one.startswith("q1 ")]


@pytest.mark.parametrize("cut_at", range(1, ASKS + 1))
async def test_a_driver_that_dies_anywhere_pays_and_does_nothing_twice(tmp_path: Path, cut_at: int) -> None:
    at = Thinking(tmp_path, says, thinking_org(budget=SHORT))
    at.desks.before = Cut(cut_at, Died)
    with pytest.raises(Died):
        await at.run()
    at.desks.before = lambda ask: None
    state, _ = await at.run()
    assert state == "finished"
    ids = [id for id in at.gateway.ids if id.startswith("q1.")]
    assert len(ids) == len(set(ids)) == 5 + (cut_at in (3, 6)), "a tool that was cut off is asked for again"
    with at.bench.ledger() as ledger:
        (proposal,) = ledger.proposals()
        assert proposal.inquiry == "q1"
    assert audit(tmp_path / "ledger.db") == []


async def test_a_desk_that_dies_in_the_middle_begins_anew_and_is_answered_from_the_record(tmp_path: Path) -> None:
    at = Thinking(tmp_path, says, thinking_org(budget=SHORT))
    at.desks.before = Cut(8, _Lost)
    state, _ = await at.run()
    assert state == "finished"
    ids = [id for id in at.gateway.ids if id.startswith("q1.")]
    assert len(ids) == len(set(ids)) == 5
    with at.bench.ledger() as ledger:
        assert len(ledger.proposals()) == 1


class _Lost(StepError):
    def __init__(self, message: str) -> None:
        super().__init__(message, retry=True)


async def test_a_tool_that_was_cut_off_is_told_as_cut_off_and_not_run_again(tmp_path: Path) -> None:
    told: list[str] = []

    def watched(model: ModelSpec, call: ModelCall) -> ModelReply:
        told.append(last_result(call))
        return says(model, call)

    at = Thinking(tmp_path, watched, thinking_org(budget=SHORT))
    at.desks.before = Cut(6, Died)  # The DID of Bash.
    with pytest.raises(Died):
        await at.run()
    assert effects(at) == ["q1 Edit", "q1 Bash"]
    at.desks.before = lambda ask: None
    await at.run()
    assert effects(at) == ["q1 Edit", "q1 Bash", "q1 Bash"]
    assert sum("was cut off" in text for text in told) == 1


class Servers:
    """One tool of one server. The first call does what it is for, and the driver dies before it hears of it."""

    def __init__(self) -> None:
        self.specs = (ToolSpec(name="mcp__papers__post", description="posts", input_schema={"type": "object"}),)
        self.calls: list[ToolUse] = []

    async def call(self, use: ToolUse) -> ToolResult:
        self.calls.append(use)
        raise Died("within the call")

    async def close(self) -> None:
        """Nothing is held."""


async def test_a_tool_of_a_server_that_was_cut_off_is_not_called_again(tmp_path: Path) -> None:
    told: list[str] = []

    def posts_once(model: ModelSpec, call: ModelCall) -> ModelReply:
        if turn(call) == 0 and "inquiry q1," in brief_of(call):
            return uses_tool("mcp__papers__post", text="once")
        told.append(last_result(call))
        return uses_tool("decline", reason="that was all")

    servers = Servers()
    at = Thinking(tmp_path, posts_once, thinking_org(budget=SHORT, tools=("mcp__papers",)))
    at.prepared = lambda lab: setattr(lab, "ports", replace(lab.ports, servers=servers))
    with pytest.raises(Died):
        await at.run()
    state, _ = await at.run()
    assert state == "finished"
    assert [use.input for use in servers.calls] == [{"text": "once"}]
    assert [text for text in told if text] == [CUT_OFF]
    lines, _ = read_lines(tmp_path / "steps" / "q1.0.jsonl")
    assert [line["kind"] for line in lines] == ["begin", "model", "began", "may", "model", "may", "end"]


async def test_a_torn_line_is_as_if_it_had_never_been_written(tmp_path: Path) -> None:
    at = Thinking(tmp_path, says, thinking_org(budget=SHORT))
    at.desks.before = Cut(4, Died)
    with pytest.raises(Died):
        await at.run()
    path = tmp_path / "steps" / "q1.0.jsonl"
    whole_lines = path.read_bytes()
    torn = whole_lines[: whole_lines.rstrip(b"\n").rfind(b"\n") + 20]
    path.write_bytes(torn)
    at.desks.before = lambda ask: None
    state, _ = await at.run()
    assert state == "finished"
    lines, end = read_lines(path)
    assert end == path.stat().st_size
    assert [line["kind"] for line in lines][-1] == "end"
    assert effects(at)[:1] == ["q1 Edit"]


async def test_a_resumed_step_stands_on_the_base_on_which_it_was_begun(tmp_path: Path) -> None:
    at = Thinking(tmp_path, says, thinking_org(budget=SHORT))
    at.desks.before = Cut(3, Died)
    with pytest.raises(Died):
        await at.run()
    begun = json.loads((tmp_path / "steps" / "q1.0.jsonl").read_text().splitlines()[0])
    at.desks.before = lambda ask: None
    await at.run()
    with at.bench.ledger() as ledger:
        assert ledger.proposals()[0].base == begun["request"]["base"]


async def test_the_count_of_asks_is_what_these_tests_think(tmp_path: Path) -> None:
    seen: list[Ask] = []
    at = Thinking(tmp_path, says, thinking_org(budget=SHORT))
    at.desks.before = lambda ask: seen.append(ask)
    await at.run()
    first = seen[: next(n for n, ask in enumerate(seen) if n and ask.n == 0)]
    assert len(first) == ASKS
    assert sum(ask.kind is AskKind.MODEL for ask in first) == 5
