"""The board: every wait ends, and nobody's trial is started twice or for nobody."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orgruntime.ledger.rows import TrialRow, TrialState
from orgruntime.model.ids import CommitId, TreeId, TrialKey
from orgruntime.model.manifest import Resources
from orgruntime.model.trial import Purpose, Score, TrialIdentity
from orgruntime.runtime.board import Board, Order, TrialDropped


def order(seed: int = 0) -> Order:
    identity = TrialIdentity(tree=TreeId("t"), command="run", seed=seed, evaluator="e", hardware="cpu:1")
    return Order(identity, CommitId("c"), Purpose.SCREEN, Resources(), 10.0, None, None)


def row(of: Order, number: int | None = 1) -> TrialRow:
    return TrialRow(
        key=of.identity.key, identity=of.identity, commit=of.commit, purpose=of.purpose, proposal=None, inquiry=None,
        state=TrialState.DONE, score=Score.MEASURED, metric=1.0, figures={}, progress=(), wall_s=1, cpu_s=1,
        memory_mb=1, node="", isolation="none", attempts=1, number=number, reason="",
    )  # fmt: skip


class Table(dict[TrialKey, TrialRow]):
    """A ledger's lookup."""


@pytest.fixture
def table() -> Table:
    return Table()


@pytest.fixture
def board(table: Table) -> Board:
    return Board(table.get)


async def waiting(board: Board, *orders: Order) -> list[asyncio.Task[TrialRow]]:
    tasks = [asyncio.create_task(board.measure(one)) for one in orders]
    await asyncio.sleep(0)
    return tasks


async def test_what_the_ledger_has_is_answered_at_once(board: Board, table: Table) -> None:
    table[order().identity.key] = row(order())
    assert (await board.measure(order())).number == 1
    assert not board.orders


async def test_an_open_trial_of_the_ledger_is_ordered_again(board: Board, table: Table) -> None:
    table[order().identity.key] = row(order(), number=None)
    (task,) = await waiting(board, order())
    assert list(board.orders) == [order().identity.key]
    board.settle(row(order()))
    assert (await task).number == 1


async def test_two_who_want_one_trial_share_it(board: Board) -> None:
    tasks = await waiting(board, order(), order())
    assert len(board.orders) == 1
    board.start(order().identity.key)
    (late,) = await waiting(board, order())
    assert not board.orders
    board.settle(row(order()))
    assert {(await task).number for task in [*tasks, late]} == {1}
    assert not board.started


async def test_a_lost_attempt_is_put_back_and_still_answers(board: Board) -> None:
    (task,) = await waiting(board, order())
    board.start(order().identity.key)
    board.put_back(order().identity.key)
    assert list(board.orders) == [order().identity.key]
    board.start(order().identity.key)
    board.settle(row(order()))
    assert (await task).metric == 1.0


async def test_a_dropped_trial_says_why(board: Board) -> None:
    tasks = await waiting(board, order(), order())
    board.drop(order().identity.key, "no money")
    for task in tasks:
        with pytest.raises(TrialDropped, match="no money"):
            await task
    assert not board.orders


async def test_a_trial_that_nobody_waits_for_any_more_is_not_started(board: Board) -> None:
    one, two = await waiting(board, order(), order())
    one.cancel()
    await asyncio.gather(one, return_exceptions=True)
    assert board.orders, "somebody still waits"
    two.cancel()
    await asyncio.gather(two, return_exceptions=True)
    assert not board.orders


async def test_orders_keep_their_order(board: Board) -> None:
    orders = [order(seed) for seed in (3, 1, 2)]
    tasks = await waiting(board, *orders)
    assert list(board.orders) == [one.identity.key for one in orders]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_every_change_is_told(board: Board) -> None:
    told: list[int] = []
    board.on_change = lambda: told.append(1)
    await waiting(board, order(), replace(order(), purpose=Purpose.NOISE))
    assert len(told) == 1, "the same trial is no news"
    write = asyncio.create_task(board.write(lambda tx: 7))
    await asyncio.sleep(0)
    assert len(told) == 2
    ((_, done),) = board.writes
    done.set_result(7)
    assert await write == 7


async def test_a_lost_trial_that_nobody_waits_for_any_more_is_not_tried_again(board: Board) -> None:
    (task,) = await waiting(board, order())
    board.start(order().identity.key)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    board.put_back(order().identity.key)
    assert not board.orders
    assert not board.started


@given(st.lists(st.tuples(st.sampled_from(["want", "start", "lose", "drop", "settle", "leave"]), st.integers(0, 4))))
def test_the_policy_sees_what_waits_in_its_order(moves: list[tuple[str, int]]) -> None:
    async def play() -> None:
        board, tasks = Board(Table().get), list[asyncio.Task[TrialRow]]()
        for move, seed in moves:
            key = order(seed).identity.key
            if move == "want":
                tasks += await waiting(board, order(seed))
            elif move == "start" and key in board.orders:
                board.start(key)
            elif move == "lose":
                board.put_back(key)
            elif move == "drop":
                board.drop(key, "no money")
            elif move == "settle":
                board.settle(row(order(seed)))
            elif move == "leave" and tasks:
                tasks.pop(seed % len(tasks)).cancel()
                await asyncio.sleep(0)
            assert [wanted.key for wanted in board.waiting] == list(board.orders)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert len(board.waiting) == 0

    asyncio.run(play())


async def test_who_was_overtaken_is_known_from_tick_to_tick(board: Board) -> None:
    gang = replace(order(0), resources=Resources(cpus=8))
    tasks = await waiting(board, gang, *(order(seed) for seed in range(1, 6)))
    for seed in range(1, 6):
        board.start(order(seed).identity.key)
    (queue,) = board.waiting.queues()
    assert (queue.head.key, queue.overtaken) == (gang.identity.key, 5)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
