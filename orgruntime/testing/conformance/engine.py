"""What every `ports.Engine` must do. Inherit `EngineConformance` and give the fixture `engines`.

Works through the port, on a small org whose steps are played here. Does not know where checkpoints are kept.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence

import pytest

from orgruntime.model.ids import InquiryId, PayloadId, RoleSlug
from orgruntime.model.manifest import HandoffKind, Role, RoleKind
from orgruntime.runtime.ports import Engine, Handed, StepAddress
from orgruntime.testing.lab import REFEREE, RESEARCHER, ROLES, TRAINER, edge, small_org

MakeEngine = Callable[[], Engine]
"""A new engine on the same checkpoints: what a resumed driver has. Its org is `ORG`."""
Q1 = InquiryId("q1")
ADVISOR = RoleSlug("advisor")
ORG = small_org(
    roles=(*ROLES, Role(slug=ADVISOR, name="Advisor", kind=RoleKind.AGENT, species=("x",))),
    handoffs=(
        edge(1, RESEARCHER, ADVISOR, "note", kind=HandoffKind.ASK),
        edge(2, RESEARCHER, TRAINER, "proposal"),
        edge(3, TRAINER, RESEARCHER, "result", when="crashed", at_most=2),
        edge(4, TRAINER, REFEREE, "result", when="promising"),
    ),
)
"""Asks, a cycle with a bound, a condition, and an end wherever no edge is open."""

Answer = tuple[str, tuple[str, ...]]
"""Payload type and words; an empty type hands nothing off."""


class Cut(Exception):
    """The driver dies here."""


class Script:
    """Plays steps: `answers[visit]` of every inquiry; after the last answer nothing is handed off."""

    def __init__(self, answers: Sequence[Answer]) -> None:
        self._answers = answers
        self.taken: list[tuple[StepAddress, PayloadId | None]] = []
        self.cut_before: int | None = None
        """The visit whose step dies before anything is written down."""

    async def __call__(self, address: StepAddress, inbox: PayloadId | None, /) -> Handed:
        if self.cut_before == address.visit:
            raise Cut
        self.taken.append((address, inbox))
        await asyncio.sleep(0)
        if address.visit >= len(self._answers):
            return Handed(None)
        kind, words = self._answers[address.visit]
        return Handed(PayloadId(f"{address.inquiry}.{address.visit}"), kind, words)

    @property
    def way(self) -> list[str]:
        return [address.role for address, _ in self.taken]


LONG: tuple[Answer, ...] = (
    ("note", ()),
    ("note", ()),
    ("proposal", ()),
    ("result", ("crashed",)),
    ("proposal", ()),
    ("result", ("crashed",)),
    ("proposal", ()),
    ("result", ("crashed",)),
)
"""Asks, is answered, proposes, and crashes until the bound of the way back is used up."""
LONG_WAY = [RESEARCHER, ADVISOR, RESEARCHER, TRAINER, RESEARCHER, TRAINER, RESEARCHER, TRAINER]


class EngineConformance:
    """Subclasses override the fixture `engines`."""

    @pytest.fixture
    def engines(self) -> MakeEngine:
        raise NotImplementedError

    @pytest.fixture
    async def engine(self, engines: MakeEngine) -> AsyncIterator[Engine]:
        engine = engines()
        yield engine
        await engine.close()

    async def test_a_thread_follows_the_workflow_to_its_end(self, engine: Engine) -> None:
        script = Script([("proposal", ()), ("result", ("kept", "promising"))])
        await engine.open(script)
        await engine.run(Q1, RESEARCHER, None)
        assert script.way == [RESEARCHER, TRAINER, REFEREE]
        assert [address.visit for address, _ in script.taken] == [0, 1, 2]
        assert [inbox for _, inbox in script.taken] == [None, "q1.0", "q1.1"]

    async def test_asks_return_to_their_caller_and_bounds_are_kept(self, engine: Engine) -> None:
        script = Script(LONG)
        await engine.open(script)
        await engine.run(Q1, RESEARCHER, None)
        assert script.way == LONG_WAY

    async def test_a_thread_may_start_anywhere_and_with_a_payload(self, engine: Engine) -> None:
        script = Script([("result", ("worse",))])
        await engine.open(script)
        await engine.run(InquiryId("q1+2"), TRAINER, PayloadId("q1.0"))
        assert script.taken == [(StepAddress(InquiryId("q1+2"), TRAINER, 0), "q1.0")]

    async def test_what_no_edge_takes_ends_the_thread(self, engine: Engine) -> None:
        script = Script([("memo", ())])
        await engine.open(script)
        await engine.run(Q1, RESEARCHER, None)
        assert script.way == [RESEARCHER]

    @pytest.mark.parametrize("cut", range(len(LONG)))
    async def test_a_thread_that_was_cut_goes_on_where_it_stood(self, engines: MakeEngine, cut: int) -> None:
        script = Script(LONG)
        script.cut_before = cut
        await _cut(engines(), script)
        script.cut_before = None
        await _finish(engines(), script)
        assert script.way == LONG_WAY
        assert [address.visit for address, _ in script.taken] == list(range(len(LONG)))

    @pytest.mark.parametrize("cut", range(len(LONG)))
    async def test_a_step_whose_checkpoint_was_lost_is_asked_for_again(self, engines: MakeEngine, cut: int) -> None:
        """The runtime wrote the step down, and the driver died before the engine could: same address, same inbox."""
        script = Script(LONG)
        await _die_after(engines(), script, cut)
        await _finish(engines(), script)
        lost, again = script.taken[cut], script.taken[cut + 1]
        assert lost == again
        assert script.way == [*LONG_WAY[: cut + 1], *LONG_WAY[cut:]]

    async def test_a_cut_thread_goes_on_in_the_same_engine_too(self, engine: Engine) -> None:
        script = Script(LONG)
        script.cut_before = 3
        await engine.open(script)
        with pytest.raises(Cut):
            await engine.run(Q1, RESEARCHER, None)
        script.cut_before = None
        await engine.run(Q1, RESEARCHER, None)
        assert script.way == LONG_WAY

    async def test_a_finished_thread_asks_for_its_last_step_at_most(self, engines: MakeEngine) -> None:
        """The runtime has written that one down, and answers as before."""
        script = Script(LONG)
        for engine in (engines(), engines()):
            await engine.open(script)
            await engine.run(Q1, RESEARCHER, None)
            await engine.run(Q1, RESEARCHER, None)
            await engine.close()
        once, again = script.taken[: len(LONG)], script.taken[len(LONG) :]
        assert script.way[: len(LONG)] == LONG_WAY
        assert again == once[-1:] * len(again)
        assert len(again) <= 3

    async def test_a_forgotten_thread_starts_anew(self, engine: Engine) -> None:
        script = Script([("proposal", ())])
        await engine.open(script)
        await engine.run(Q1, RESEARCHER, None)
        await engine.forget([Q1, InquiryId("never-heard-of")])
        await engine.run(Q1, RESEARCHER, None)
        assert script.way == [RESEARCHER, TRAINER] * 2

    async def test_many_threads_at_once_do_not_mix(self, engine: Engine) -> None:
        script = Script(LONG)
        await engine.open(script)
        names = [InquiryId(f"q{n}") for n in range(40)]
        await asyncio.gather(*(engine.run(name, RESEARCHER, None) for name in names))
        for name in names:
            taken = [(address.role, inbox) for address, inbox in script.taken if address.inquiry == name]
            assert [role for role, _ in taken] == LONG_WAY
            assert [inbox for _, inbox in taken] == [None, *(f"{name}.{n}" for n in range(len(LONG) - 1))]

    async def test_a_thread_that_waits_blocks_no_other(self, engine: Engine) -> None:
        gate, others = asyncio.Event(), Script([("proposal", ())])

        async def step(address: StepAddress, inbox: PayloadId | None, /) -> Handed:
            if address.inquiry == Q1:
                await gate.wait()
            return await others(address, inbox)

        await engine.open(step)
        slow = asyncio.create_task(engine.run(Q1, RESEARCHER, None))
        await asyncio.wait_for(engine.run(InquiryId("q2"), RESEARCHER, None), 30)
        assert not slow.done()
        gate.set()
        await slow
        assert len(others.taken) == 4

    async def test_a_step_that_fails_fails_its_thread_alone(self, engine: Engine) -> None:
        script = Script([("proposal", ())])

        async def step(address: StepAddress, inbox: PayloadId | None, /) -> Handed:
            if address.inquiry == Q1:
                raise Cut("no such luck")
            return await script(address, inbox)

        await engine.open(step)
        failed, fine = await asyncio.gather(
            engine.run(Q1, RESEARCHER, None), engine.run(InquiryId("q2"), RESEARCHER, None), return_exceptions=True
        )
        assert isinstance(failed, Cut)
        assert str(failed) == "no such luck"
        assert fine is None

    async def test_a_cancelled_thread_can_go_on(self, engines: MakeEngine) -> None:
        script, waiting = Script(LONG), asyncio.Event()

        async def step(address: StepAddress, inbox: PayloadId | None, /) -> Handed:
            if address.visit == 2:
                waiting.set()
                await asyncio.Event().wait()
            return await script(address, inbox)

        engine = engines()
        await engine.open(step)
        thread = asyncio.create_task(engine.run(Q1, RESEARCHER, None))
        await waiting.wait()
        thread.cancel()
        with pytest.raises(asyncio.CancelledError):
            await thread
        await engine.close()
        await _finish(engines(), script)
        assert script.way == LONG_WAY


async def _finish(engine: Engine, script: Script) -> None:
    await engine.open(script)
    await engine.run(Q1, RESEARCHER, None)
    await engine.close()


async def _cut(engine: Engine, script: Script) -> None:
    await engine.open(script)
    with pytest.raises(Cut):
        await engine.run(Q1, RESEARCHER, None)
    await engine.close()


async def _die_after(engine: Engine, script: Script, visit: int) -> None:
    """The step of `visit` is taken, and its answer never reaches the engine."""

    async def step(address: StepAddress, inbox: PayloadId | None, /) -> Handed:
        handed = await script(address, inbox)
        if address.visit == visit:
            raise Cut
        return handed

    await engine.open(step)
    with pytest.raises(Cut):
        await engine.run(Q1, RESEARCHER, None)
    await engine.close()
