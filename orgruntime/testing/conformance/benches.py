"""What every `ports.Desks` must do with the step of a language model. Inherit `BenchConformance` and say how desks are
made that get their trees from `pack`.

Works through the port alone, with models and a driver that are scripted here. Does not know where a desk runs, only
that this machine's processes and temporary folder are there.
"""

from __future__ import annotations

import asyncio
import glob
import io
import os
import tarfile
import tempfile
import uuid
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from orgruntime.model.dialogue import ModelReply, ToolResult, ToolSpec
from orgruntime.model.ids import TreeId
from orgruntime.model.step import Answer, Ask, AskKind, Bench, StepLimits, StepReply, StepRequest
from orgruntime.runtime.ports import Desks, StepError
from orgruntime.runtime.toolspecs import LOCAL_TOOLS
from orgruntime.testing.conformance.desks import request
from orgruntime.testing.scripted_models import uses_tool

TREE = TreeId("7" * 40)
FILES = {"train.py": "RATE = 0.1\nprint(RATE)\n", "eval.py": "FROZEN\n"}
HAND_OFF = "hand_off_proposal"
DONE = uses_tool(HAND_OFF, hypothesis="h")


def pack(tree: TreeId) -> bytes:
    """The tar of the one tree that there is. Raises KeyError."""
    if tree != TREE:
        raise KeyError(tree)
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for path, text in sorted(FILES.items()):
            member = tarfile.TarInfo(path)
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text.encode()))
    return stream.getvalue()


def thinking(*, desk: int = 0, **limits: Any) -> StepRequest:
    """A step of a language model."""
    tools = (*LOCAL_TOOLS.values(), ToolSpec(name=HAND_OFF, description="ends", input_schema={"type": "object"}))
    bench = Bench(
        model="m", tree=TREE, editable=("train.py",), system=("you are an agent",), brief="improve it", tools=tools,
        handoffs=(HAND_OFF,), limits=StepLimits(**limits),
    )  # fmt: skip
    return request("some/model", desk=desk, bench=bench)


def edit(old: str, new: str) -> ModelReply:
    return uses_tool("Edit", file_path="train.py", old_string=old, new_string=new)


class Driver:
    """Answers model calls with `replies` in order, lets local tools run, accepts handoffs; keeps what was asked and
    answered, by number, and answers from that when a step begins anew."""

    def __init__(self, *replies: ModelReply, first: Callable[[Ask], Awaitable[Answer | None]] | None = None) -> None:
        self._replies = replies
        self._first = first
        self.asked: list[Ask] = []
        self.answers: dict[int, Answer] = {}

    async def serve(self, ask: Ask) -> Answer:
        self.asked.append(ask)
        recorded = self.answers.get(ask.n)
        if recorded is not None:
            return recorded
        answer = await self._first(ask) if self._first is not None else None
        self.answers[ask.n] = answer = answer or self._answered(ask)
        return answer

    @property
    def kinds(self) -> list[str]:
        return [f"{ask.kind.value} {ask.use.name}" if ask.use else ask.kind.value for ask in self.asked]

    def _answered(self, ask: Ask) -> Answer:
        if ask.call is not None:
            return Answer(reply=self._replies[len(ask.call.messages) // 2])
        if ask.kind is AskKind.DID:
            return Answer()
        assert ask.use is not None
        return Answer(handed=True) if ask.use.name == HAND_OFF else Answer(run=True)


class BenchConformance:
    """Subclasses override the fixture `thinkers`; it closes what it made."""

    @pytest.fixture
    def thinkers(self) -> Desks:
        raise NotImplementedError

    @pytest.fixture
    def mark(self) -> Iterator[str]:
        """A word that no other process and no other worktree has; nothing with it may be left."""
        mark = f"{10**8 + uuid.uuid4().int % 10**8}"
        yield mark
        assert worktrees_with(mark) == []
        assert processes_with(mark) == []

    async def test_asks_come_in_order_with_what_was_done(self, thinkers: Desks) -> None:
        driver = Driver(uses_tool("Read", file_path="train.py"), edit("0.1", "0.2"), DONE)
        reply = await thinkers.step(thinking(), driver.serve)
        changed = {"train.py": FILES["train.py"].replace("0.1", "0.2")}
        assert (reply.type, reply.body, reply.files, reply.failed) == ("proposal", {"hypothesis": "h"}, changed, "")
        assert driver.kinds == [
            "model", "may Read", "did Read", "model", "may Edit", "did Edit", "model", f"may {HAND_OFF}",
        ]  # fmt: skip
        assert [ask.n for ask in driver.asked] == list(range(8))
        read, edited, handed = driver.asked[2], driver.asked[5], driver.asked[7]
        assert read.result is not None
        assert read.result.text == "     1\tRATE = 0.1\n     2\tprint(RATE)"
        assert (read.changes, edited.changes, handed.files) == ({}, changed, changed)

    async def test_the_same_answers_give_the_same_questions(self, thinkers: Desks) -> None:
        script = (edit("0.1", "0.2"), uses_tool("Grep", pattern="RATE"), uses_tool("Glob", pattern="**"), DONE)
        first, second = Driver(*script), Driver(*script)
        replies = [await thinkers.step(thinking(), driver.serve) for driver in (first, second)]
        assert first.asked == second.asked
        assert replies[0].files == replies[1].files

    async def test_what_is_recorded_is_not_done_again(self, thinkers: Desks) -> None:
        async def recorded(ask: Ask) -> Answer | None:
            if ask.use is None or ask.use.name == HAND_OFF:
                return None
            assert ask.kind is AskKind.MAY, "a tool was run that should not have been"
            return Answer(result=ToolResult(id="t1", text="as recorded"), changes={"train.py": "recorded\n"})

        driver = Driver(edit("0.1", "0.2"), DONE, first=recorded)
        reply = await thinkers.step(thinking(), driver.serve)
        assert reply.files == {"train.py": "recorded\n"}
        assert _last_result(driver)["content"] == "as recorded"

    async def test_a_refused_use_does_nothing(self, thinkers: Desks) -> None:
        async def refuses(ask: Ask) -> Answer | None:
            if ask.use is None or ask.use.name != "Write":
                return None
            return Answer(result=ToolResult(id=ask.use.id, text="not granted", is_error=True))

        driver = Driver(uses_tool("Write", file_path="train.py", content="x"), DONE, first=refuses)
        reply = await thinkers.step(thinking(), driver.serve)
        assert reply.files == {}
        assert _last_result(driver) == {
            "type": "tool_result", "tool_use_id": "t1", "content": "not granted", "is_error": True,
        }  # fmt: skip

    async def test_each_step_begins_with_the_base(self, thinkers: Desks) -> None:
        await thinkers.step(thinking(), Driver(edit("0.1", "0.2"), DONE).serve)
        again = Driver(uses_tool("Read", file_path="train.py"), DONE)
        reply = await thinkers.step(thinking(), again.serve)
        assert reply.files == {}
        assert "RATE = 0.1" in str(_last_result(again))

    async def test_the_driver_can_end_a_step(self, thinkers: Desks) -> None:
        async def over(ask: Ask) -> Answer:
            return Answer(over="the budget is spent")

        reply = await thinkers.step(thinking(), over)
        assert (reply.type, reply.failed, reply.files) == ("", "the budget is spent", {})

    async def test_a_limit_ends_a_step_as_failed(self, thinkers: Desks) -> None:
        driver = Driver(*[uses_tool("Glob", pattern="*")] * 3)
        reply = await thinkers.step(thinking(turns=3), driver.serve)
        assert "all of its 3 model calls" in reply.failed

    async def test_what_serve_raises_is_raised(self, thinkers: Desks) -> None:
        async def breaks(ask: Ask) -> Answer:
            raise KeyError("the ledger is gone")

        with pytest.raises(KeyError, match="the ledger is gone"):
            await thinkers.step(thinking(), breaks)
        assert (await thinkers.step(thinking(), Driver(DONE).serve)).type == "proposal"

    async def test_a_tree_that_is_not_there_is_raised(self, thinkers: Desks) -> None:
        step = thinking()
        assert step.bench is not None
        lost = step.model_copy(update={"bench": step.bench.model_copy(update={"tree": TreeId("8" * 40)})})
        with pytest.raises(KeyError):
            await thinkers.step(lost, Driver(DONE).serve)

    async def test_without_a_driver_no_model_thinks(self, thinkers: Desks) -> None:
        with pytest.raises(StepError, match="serve no language models"):
            await thinkers.step(thinking())

    async def test_a_step_left_while_it_thinks_leaves_nothing(self, thinkers: Desks, mark: str) -> None:
        asked = asyncio.Event()

        async def never(ask: Ask) -> Answer | None:
            if ask.n == 3:
                asked.set()
                await asyncio.Event().wait()
            return None

        step = asyncio.create_task(thinkers.step(thinking(), Driver(edit("0.1", mark), first=never).serve))
        await asyncio.wait_for(asked.wait(), 120)
        assert len(worktrees_with(mark)) == 1
        await _abandoned(step)
        await _eventually(lambda: not worktrees_with(mark))
        assert (await thinkers.step(thinking(), Driver(DONE).serve)).type == "proposal"

    async def test_a_step_left_while_a_command_runs_leaves_nothing(self, thinkers: Desks, mark: str) -> None:
        command = f"sed -i s/0.1/{mark}/ train.py; sleep {mark}"
        driver = Driver(uses_tool("Bash", command=command), DONE)
        step = asyncio.create_task(thinkers.step(thinking(), driver.serve))
        await _eventually(lambda: processes_with(mark) or driver.kinds.count("model") > 1)
        if not processes_with(mark):
            await _abandoned(step)
            pytest.skip("commands do not run on this machine")
        await _abandoned(step)
        await _eventually(lambda: not worktrees_with(mark) and not processes_with(mark))

    async def test_desks_do_not_wait_for_each_other(self, thinkers: Desks) -> None:
        """Every one of them is in the middle of its step before the first one is answered."""
        many = 12
        here, gate = set[int](), asyncio.Event()

        def meeting(desk: int) -> Callable[[Ask], Awaitable[Answer | None]]:
            async def meet(ask: Ask) -> Answer | None:
                here.add(desk)
                if len(here) == many:
                    gate.set()
                await asyncio.wait_for(gate.wait(), 120)
                return None

            return meet

        drivers = [Driver(edit("0.1", f"{desk}.5"), DONE, first=meeting(desk)) for desk in range(many)]
        replies = await asyncio.gather(
            *(thinkers.step(thinking(desk=desk), driver.serve) for desk, driver in enumerate(drivers))
        )
        assert [reply.files["train.py"].split()[2] for reply in replies] == [f"{desk}.5" for desk in range(many)]

    async def test_one_desk_does_one_step_at_a_time(self, thinkers: Desks) -> None:
        inside, most = 0, 0

        async def counted(ask: Ask) -> Answer | None:
            nonlocal inside, most
            inside, most = inside + 1, max(most, inside + 1)
            await asyncio.sleep(0.01)
            inside -= 1
            return None

        await asyncio.gather(*(thinkers.step(thinking(), Driver(DONE, first=counted).serve) for _ in range(4)))
        assert most == 1

    async def test_closed_desks_think_no_more(self, thinkers: Desks, mark: str) -> None:
        await thinkers.step(thinking(), Driver(edit("0.1", mark), DONE).serve)
        await thinkers.close()
        await thinkers.close()
        with pytest.raises(StepError, match="closed"):
            await thinkers.step(thinking(), Driver(DONE).serve)


def worktrees_with(mark: str) -> list[Path]:
    """Files of worktrees of this machine that hold the word."""
    found = []
    # Not `Path.glob`, which fails where a folder goes while it looks.
    for place in glob.iglob(f"{tempfile.gettempdir()}/orgrun-desks-*/seats/*/*/train.py"):
        try:
            if mark in Path(place).read_text():
                found.append(Path(place))
        except OSError:
            continue
    return found


def processes_with(mark: str) -> list[int]:
    """Processes with the word in their command line, this one left out."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            if int(name) != os.getpid() and mark.encode() in Path(f"/proc/{name}/cmdline").read_bytes():
                found.append(int(name))
        except OSError:
            continue
    return found


async def _abandoned(step: asyncio.Task[StepReply]) -> None:
    step.cancel()
    with pytest.raises(asyncio.CancelledError):
        await step


async def _eventually(true: Callable[[], object], limit_s: float = 120.0) -> None:
    for _ in range(int(limit_s / 0.05)):
        if true():
            return
        await asyncio.sleep(0.05)
    pytest.fail("it never became true")


def _last_result(driver: Driver) -> dict[str, Any]:
    """What the model was told of its last use."""
    call = next(ask.call for ask in reversed(driver.asked) if ask.call is not None)
    return call.messages[-1].content[0]
