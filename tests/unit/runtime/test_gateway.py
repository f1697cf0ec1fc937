"""The gateway: what it asks, how often, of whom; what it writes before and after; what it never passes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from gateway_cases import ROLE, Books, HurriedClock, call, gateway

from orgruntime.model.amounts import Amounts, Budget
from orgruntime.model.dialogue import ModelCall, ModelReply, Usage
from orgruntime.model.manifest import ModelSpec, Role
from orgruntime.runtime.gateway import Gateway, GatewayError, Patience, settle_orphans
from orgruntime.runtime.ports import ModelCancelled, ModelError, ModelFault
from orgruntime.testing.fake_clock import FakeClock
from orgruntime.testing.scripted_models import ScriptedModels, says_text, words_in

GOOD = says_text("done")
M = ModelSpec(name="m", species="claude-opus-5-5")
SHORT = Patience(tries=3)


@pytest.fixture
def books(tmp_path: Path) -> Iterator[Books]:
    books = Books(tmp_path)
    with books.ledger:
        yield books
        assert books.findings() == []


def fails(fault: ModelFault, times: int = 10**9, **fields: Any) -> Callable[[ModelSpec, ModelCall], ModelReply]:
    """So many times, then it answers."""
    left = [times]

    def says(model: ModelSpec, call: ModelCall) -> ModelReply:
        left[0] -= 1
        if left[0] >= 0:
            raise ModelError(fault, f"{model.name} says no", **fields)
        return GOOD

    return says


async def test_a_call_is_reserved_before_and_settled_after(books: Books) -> None:
    seen: list[tuple[Amounts, Amounts]] = []

    def says(model: ModelSpec, call: ModelCall) -> ModelReply:
        seen.append((books.reserved, models.worst_case(model, call)))
        return GOOD

    models = ScriptedModels(says)
    reply = await gateway(books, models).ask("q1.0.0", ROLE, "m", call())
    assert seen[0][0] == seen[0][1]
    assert reply.text == "done"
    assert reply.spent == books.spent == models.cost(M, reply.usage)
    assert books.reserved == Amounts()
    assert books.spends() == [("q1.0.0#1", "settled", reply.usage.tokens)]
    assert [(row.role, row.species, row.amounts) for row in books.ledger.spend_by()] == [
        ("researcher", "claude-opus-5-5", books.spent)
    ]


@pytest.mark.parametrize("fault", [fault for fault in ModelFault if fault.is_passing])
async def test_a_fault_that_passes_is_waited_out(books: Books, fault: ModelFault) -> None:
    heard: list[str] = []
    clock = HurriedClock()
    reply = await gateway(books, ScriptedModels(fails(fault, 3)), clock=clock, tell=heard.append).ask(
        "q1.0.0", ROLE, "m", call()
    )
    assert reply.text == "done"
    assert [0.5 * 2**n <= wait <= 2**n for n, wait in enumerate(clock.slept)] == [True] * 3
    assert len(heard) == 3
    assert "asked again in" in heard[0]
    assert [id for id, _, _ in books.spends()] == [f"q1.0.0#{n}" for n in (1, 2, 3, 4)]
    row = books.ledger.models()[0]
    assert (row.calls, row.attempts, row.faults) == (1, 4, {fault: 3})


async def test_waits_are_the_same_for_the_same_call_and_differ_between_calls(tmp_path: Path) -> None:
    async def waits(id: str, folder: Path) -> list[float]:
        folder.mkdir()
        clock = HurriedClock()
        with (books := Books(folder)).ledger:
            await gateway(books, ScriptedModels(fails(ModelFault.SERVER, 4)), clock=clock).ask(id, ROLE, "m", call())
        return clock.slept

    first = await waits("q1.0.0", tmp_path / "a")
    assert first == await waits("q1.0.0", tmp_path / "b")
    assert first != await waits("q1.0.1", tmp_path / "c")


async def test_a_server_that_asks_to_be_left_alone_is_left_alone_by_everybody(books: Books) -> None:
    asked: list[tuple[str, float]] = []
    clock = FakeClock()

    def says(model: ModelSpec, call: ModelCall) -> ModelReply:
        asked.append((model.name, clock.monotonic()))
        if len(asked) == 1:
            raise ModelError(ModelFault.RATE_LIMITED, "slow down", retry_after_s=30)
        return GOOD

    other = ModelSpec(name="other", species="claude-haiku-5-5")
    heard: list[str] = []
    door = gateway(books, ScriptedModels(says), M, other, clock=clock, tell=heard.append)
    tasks = [asyncio.create_task(door.ask("a", ROLE, "m", call()))]
    await settled(lambda: bool(heard))
    tasks += [asyncio.create_task(door.ask(id, ROLE, name, call())) for id, name in (("b", "m"), ("c", "other"))]
    await settled(lambda: len(asked) == 2)
    assert asked[1][0] == "other"
    for _ in range(80):
        clock.advance(0.5)
        await asyncio.sleep(0.002)
    await asyncio.gather(*tasks)
    assert [(name, at >= 30) for name, at in asked[2:]] == [("m", True), ("m", True)]


async def test_a_server_that_asks_for_an_age_counts_as_one_that_does_not_answer(books: Books) -> None:
    says = fails(ModelFault.RATE_LIMITED, retry_after_s=100_000.0)
    with pytest.raises(GatewayError, match="rate limited"):
        await gateway(books, ScriptedModels(says)).ask("a", ROLE, "m", call())
    assert len(books.spends()) == 1


CHAIN = (
    ModelSpec(name="m", species="claude-opus-5-5", fallback="second"),
    ModelSpec(name="second", species="claude-haiku-5-5", fallback="third"),
    ModelSpec(name="third", species="own", base_url="http://127.0.0.1:1", fallback="m"),
)


async def test_the_next_model_of_the_chain_is_asked(books: Books) -> None:
    def says(model: ModelSpec, call: ModelCall) -> ModelReply:
        if model.name == "m":
            raise ModelError(ModelFault.OVERLOADED, "too much to do")
        if model.name == "second":
            raise ModelError(ModelFault.AUTHORITY, "who are you")
        return GOOD

    models = ScriptedModels(says)
    reply = await gateway(books, models, *CHAIN, patience=SHORT).ask("a", ROLE, "m", call())
    assert [model.name for model, _ in models.asked] == ["m"] * 3 + ["second", "third"]
    assert reply.species == "own"
    assert [(row.model, row.calls, row.attempts) for row in books.ledger.models()] == [
        ("claude-haiku-5-5", 1, 1), ("claude-opus-5-5", 1, 3), ("own", 1, 1)
    ]  # fmt: skip


async def test_a_roles_own_fallback_comes_after_the_models_and_is_charged_to_itself(books: Books) -> None:
    def says(model: ModelSpec, call: ModelCall) -> ModelReply:
        if model.name == "spare":
            return GOOD
        raise ModelError(ModelFault.INVALID, "no")

    first, second = CHAIN[0], CHAIN[1].model_copy(update={"fallback": None})
    spare = ModelSpec(name="spare", species="claude-sonnet-5-5")
    models = ScriptedModels(says)
    door = gateway(books, models, first, second, spare)
    reply = await door.ask("a", ROLE.model_copy(update={"fallback": "spare"}), "m", call())
    assert [model.name for model, _ in models.asked] == ["m", "second", "spare"]
    assert (reply.entry, reply.species) == ("spare", "claude-sonnet-5-5")
    (row,) = [row for row in books.ledger.spend_by() if row.amounts.tokens]
    assert (row.role, row.species) == (ROLE.slug, "claude-sonnet-5-5")
    with pytest.raises(GatewayError):
        await door.ask("b", ROLE, "m", call())


async def test_two_entries_of_one_species_are_told_apart_by_name(books: Books) -> None:
    slow, quick = M.model_copy(update={"fallback": "quick"}), M.model_copy(update={"name": "quick"})
    other = ModelSpec(name="other", species="claude-haiku-5-5")

    def says(model: ModelSpec, call: ModelCall) -> ModelReply:
        if model.name == "m":
            raise ModelError(ModelFault.BROKEN, "broke off", usage=Usage(input=5))
        return GOOD

    door = gateway(books, ScriptedModels(says), slow, quick, other, patience=SHORT)
    await door.ask("a", ROLE, "m", call())
    await door.ask("b", ROLE, "other", call())
    spent = {row.species: row.amounts.tokens for row in books.ledger.spend_by()}
    assert spent.keys() == {"m", "quick", "claude-haiku-5-5"}
    assert spent["m"] == 15, "three tries that were charged, and who answered is another row"


async def test_a_chain_that_is_a_ring_ends(books: Books) -> None:
    models = ScriptedModels(fails(ModelFault.INVALID, usage=Usage(input=5)))
    with pytest.raises(GatewayError) as told:
        await gateway(books, models, *CHAIN).ask("a", ROLE, "m", call())
    assert [model.name for model, _ in models.asked] == ["m", "second", "third"]
    assert all(f"{name}: refused as invalid: {name} says no" in str(told.value) for name in ("m", "second", "third"))
    assert told.value.spent == books.spent == Amounts(tokens=15, usd_micro=15)


async def test_a_broken_answer_costs_what_its_server_charged(books: Books) -> None:
    usage = Usage(input=7, output=3, cache_read=2)
    reply = await gateway(books, ScriptedModels(fails(ModelFault.BROKEN, 2, usage=usage))).ask("a", ROLE, "m", call())
    assert reply.spent == books.spent
    assert books.spent.tokens == 24 + reply.usage.tokens
    row = books.ledger.models()[0]
    assert row.usage == usage + usage + reply.usage
    assert row.cache_hits == 4 / (row.usage.input + row.usage.cache_read)


async def test_the_budget_of_the_run_is_not_passed(tmp_path: Path) -> None:
    cap = words_in(call()) + call().max_tokens
    with (books := Books(tmp_path, Budget(trials=1, tokens=2 * cap))).ledger:
        door = gateway(books, ScriptedModels(lambda model, call: GOOD))
        with pytest.raises(GatewayError, match=r"the budget of the run has \d+ tokens left, the next call may take"):
            await spend_all(door, ROLE)
        assert 2 * cap - cap < books.spent.tokens <= 2 * cap
        assert books.reserved == Amounts()
        assert books.findings() == []


async def test_the_budget_of_a_role_is_not_passed_and_is_its_own(books: Books) -> None:
    cap = words_in(call()) + call().max_tokens
    poor = ROLE.model_copy(update={"budget": Budget(usd_micro=2 * cap)})
    rich = ROLE.model_copy(update={"slug": "director"})
    door = gateway(books, ScriptedModels(lambda model, call: GOOD))
    with pytest.raises(GatewayError, match=r"the budget of role 'researcher' has \$0\.0000\d+ left"):
        await spend_all(door, poor)
    assert books.ledger.purse(poor.slug).spent.usd_micro <= 2 * cap
    await door.ask("b", rich, "m", call())
    assert books.ledger.purse(rich.slug).spent.tokens > 0


async def test_what_others_hold_may_come_back_before_a_budget_refuses(tmp_path: Path) -> None:
    """Ten at once, each of which holds most of the budget for a moment: all of them are served."""
    cap = words_in(call()) + call().max_tokens
    with (books := Books(tmp_path, Budget(trials=1, tokens=12 * cap // 4))).ledger:
        cheap = Usage(input=1)

        async def says(model: ModelSpec, call: ModelCall) -> ModelReply:
            await asyncio.sleep(0.001)
            assert (books.reserved + books.spent).tokens <= 3 * cap
            raise ModelError(ModelFault.INVALID, "no", usage=cheap)

        door = gateway(books, ScriptedModels(says))
        tasks = [door.ask(f"a{n}", ROLE, "m", call()) for n in range(10)]
        ends = await asyncio.gather(*tasks, return_exceptions=True)
        assert all("invalid" in str(end) for end in ends)
        assert books.spent.tokens == 10
        assert books.findings() == []


async def test_no_more_calls_at_once_than_the_model_allows(books: Books) -> None:
    running, most = [0], [0]

    async def says(model: ModelSpec, call: ModelCall) -> ModelReply:
        running[0] += 1
        most[0] = max(most[0], running[0])
        await asyncio.sleep(0.002)
        running[0] -= 1
        return GOOD

    door = gateway(books, ScriptedModels(says), M.model_copy(update={"concurrency": 3}))
    await asyncio.gather(*(door.ask(f"a{n}", ROLE, "m", call()) for n in range(12)))
    assert most[0] == 3


class Held(ScriptedModels):
    """Never answers; tells what was seen when it is cancelled."""

    def __init__(self, seen: Usage | None) -> None:
        super().__init__(lambda model, call: GOOD)
        self.seen = seen

    async def complete(self, model: ModelSpec, call: ModelCall) -> ModelReply:
        self.asked.append((model, call))
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise ModelCancelled(self.seen) from None
        raise AssertionError


@pytest.mark.parametrize("seen", [None, Usage(input=4, output=2)])
async def test_a_cancelled_call_is_charged_as_seen_or_in_full(books: Books, seen: Usage | None) -> None:
    models = Held(seen)
    door = gateway(books, models)
    task = asyncio.create_task(door.ask("a", ROLE, "m", call()))
    await settled(lambda: bool(models.asked))
    cap = books.reserved
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await door.drain()
    assert books.reserved == Amounts()
    assert books.spent == (cap if seen is None else Amounts(tokens=6, usd_micro=6))
    assert books.ledger.models()[0].faults == {"cancelled": 1}


async def test_a_deadline_around_a_call_is_a_deadline(books: Books) -> None:
    door = gateway(books, Held(None))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await door.ask("a", ROLE, "m", call())
    await door.drain()


@pytest.mark.parametrize("steps", range(1, 9))
async def test_wherever_a_call_is_cancelled_its_books_are_closed(books: Books, steps: int) -> None:
    """After so many turns of the loop: before, in and after the reservation, the attempt and the settlement."""

    async def says(model: ModelSpec, call: ModelCall) -> ModelReply:
        await asyncio.sleep(0)
        return GOOD

    door = gateway(books, ScriptedModels(says))
    task = asyncio.create_task(door.ask("a", ROLE, "m", call()))
    for _ in range(steps):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await door.drain()
    assert books.reserved == Amounts()
    assert all(state == "settled" for _, state, _ in books.spends())
    await asyncio.wait_for(door.ask("b", ROLE, "m", call()), 10)


async def test_what_an_earlier_driver_left_open_is_charged_and_never_asked_for_again(tmp_path: Path) -> None:
    with (books := Books(tmp_path)).ledger:
        door = gateway(books, Held(None))
        task = asyncio.create_task(door.ask("q1.0.0", ROLE, "m", call()))
        await settled(lambda: bool(books.spends()))
        cap = books.reserved
        # kill -9: the ledger is all that is left.
        books.before_write = lambda: (_ for _ in ()).throw(OSError("dead"))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await door.drain()
    with (again := Books(tmp_path)).ledger:
        with again.ledger.transaction() as tx:
            assert settle_orphans(tx) == 1
        with again.ledger.transaction() as tx:
            assert settle_orphans(tx) == 0
        assert (again.reserved, again.spent) == (Amounts(), cap)
        models = ScriptedModels(lambda model, call: GOOD)
        reply = await gateway(again, models).ask("q1.0.0", ROLE, "m", call())
        assert [id for id, _, _ in again.spends()] == ["q1.0.0#1", "q1.0.0#2"]
        assert reply.spent == again.spent == cap + models.cost(M, reply.usage)
        assert again.ledger.models()[0].faults == {"cut off": 1}
        assert again.findings() == []


async def test_a_reservation_of_this_driver_is_no_orphan(books: Books) -> None:
    with books.ledger.transaction() as tx:
        tx.reserve_spend("a#1", ROLE.slug, "x", Amounts(tokens=5))
        assert settle_orphans(tx) == 0
        tx.settle_spend("a#1", Amounts())


async def test_an_adapter_that_breaks_is_charged_in_full_and_heard_of(books: Books) -> None:
    def says(model: ModelSpec, call: ModelCall) -> ModelReply:
        raise ZeroDivisionError

    models = ScriptedModels(says)
    door = gateway(books, models)
    with pytest.raises(ZeroDivisionError):
        await door.ask("a", ROLE, "m", call())
    await door.drain()
    assert books.spent == models.worst_case(M, call())


@pytest.mark.parametrize(
    ("fields", "asked", "sent"),
    [({"max_output": 30}, 50, 30), ({"context": 600}, 5000, None), ({"context": 10**6}, 5000, 5000),
     ({}, 10**6, 128_000)],
)  # fmt: skip
async def test_an_answer_is_no_longer_than_the_model_allows(
    books: Books, fields: dict[str, Any], asked: int, sent: int | None
) -> None:
    models = ScriptedModels(lambda model, call: GOOD)
    await gateway(books, models, M.model_copy(update=fields)).ask("a", ROLE, "m", call(max_tokens=asked))
    given = models.asked[0][1].max_tokens
    if sent is None:
        assert 500 < given < 600
    else:
        assert given == sent


async def test_a_prompt_that_fits_no_context_is_not_sent(books: Books) -> None:
    small = ModelSpec(name="m", species="own", base_url="http://127.0.0.1:1", context=300, fallback="wide")
    wide = ModelSpec(name="wide", species="claude-opus-5-5")
    models = ScriptedModels(lambda model, call: GOOD)
    long = call(" ".join("x" * 1000))
    reply = await gateway(books, models, small, wide).ask("a", ROLE, "m", long)
    assert reply.entry == "wide", "it is told who stood in"
    assert [model.name for model, _ in models.asked] == ["wide"]
    with pytest.raises(GatewayError, match="too long for the model"):
        await gateway(books, models, small.model_copy(update={"fallback": None})).ask("b", ROLE, "m", long)


async def test_how_long_a_prompt_is_is_learned_from_the_model(books: Books) -> None:
    """A model that makes as many tokens as the bound allows is believed from its first answer on."""
    tight = M.model_copy(update={"context": 600})
    models = ScriptedModels(lambda model, call: GOOD)
    door = gateway(books, models, tight)
    for id in ("a", "b"):
        await door.ask(id, ROLE, "m", call(" ".join("x" * 200), max_tokens=10_000))
    first, second = (asked.max_tokens for _, asked in models.asked)
    assert second < first <= 600
    assert words_in(models.asked[1][1]) + second <= 600


async def test_what_a_server_turned_out_to_lack_is_on_record(books: Books) -> None:
    lacking = GOOD.model_copy(update={"lacks": {"forced tools": "tool_choice: no"}})
    models = ScriptedModels(lambda model, call: lacking)
    await gateway(books, models).ask("a", ROLE, "m", call())
    assert books.ledger.models()[0].lacks == {"forced tools": "tool_choice: no"}


async def spend_all(door: Gateway, role: Role) -> None:
    for n in range(1000):
        await door.ask(f"a{n}", role, "m", call())


async def settled(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.001)
