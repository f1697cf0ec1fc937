"""Small parts of steps: whose turn a desk is, what a payload lacks, what a command becomes, what a clock does."""

from __future__ import annotations

import asyncio

import pytest

from orgruntime.model.ids import RoleSlug
from orgruntime.model.manifest import Resources, Role, RoleKind
from orgruntime.model.payload import BUILTIN_PAYLOADS, FieldType, PayloadField, PayloadType
from orgruntime.runtime.agent_step import DeskPool
from orgruntime.runtime.commands import filled_command
from orgruntime.runtime.lab import hardware_class
from orgruntime.runtime.payloads import choice_words, faults
from orgruntime.testing.fake_clock import FakeClock

ROLE = Role(slug=RoleSlug("r"), name="R", kind=RoleKind.AGENT, count=3)


async def test_desks_take_turns() -> None:
    pool = DeskPool(set())
    taken = []
    for _ in range(6):
        desk = await pool.take(ROLE)
        taken.append(desk)
        pool.give(ROLE, desk)
    assert taken == [0, 1, 2, 0, 1, 2]


async def test_a_desk_with_nothing_left_is_passed_over_while_another_has() -> None:
    idle: set[str] = {"r#0"}
    pool = DeskPool(idle)
    assert [await pool.take(ROLE), await pool.take(ROLE)] == [1, 2]
    waiting = asyncio.create_task(pool.take(ROLE, invited=True))
    await asyncio.sleep(0)
    assert not waiting.done(), "it had better wait for one that has something left"
    pool.give(ROLE, 2)
    assert await asyncio.wait_for(waiting, 30) == 2
    assert await pool.take(ROLE) == 0, "better than nobody for what arrived"
    idle.update(("r#1", "r#2"))
    pool.give(ROLE, 0)
    assert await asyncio.wait_for(pool.take(ROLE, invited=True), 30) == 0


async def test_a_step_that_comes_back_is_before_those_that_have_not_begun() -> None:
    pool = DeskPool(set())
    assert [await pool.take(ROLE) for _ in range(3)] == [0, 1, 2]
    fresh = asyncio.create_task(pool.take(ROLE))
    await asyncio.sleep(0)
    back = asyncio.create_task(pool.take_back(ROLE, 0))
    gone = asyncio.create_task(pool.take_back(ROLE, 0))
    await asyncio.sleep(0)
    gone.cancel()
    pool.give(ROLE, 2)
    assert await asyncio.wait_for(back, 30) == 2, "any desk will do"
    pool.give(ROLE, 1)
    assert await asyncio.wait_for(fresh, 30) == 1
    pool.give(ROLE, 0)
    pool.give(ROLE, 1)
    assert await pool.take_back(ROLE, 1) == 1, "its own, where that is free"


async def test_who_waits_for_a_desk_is_served_in_order_and_may_give_up() -> None:
    pool = DeskPool(set())
    for _ in range(3):
        await pool.take(ROLE)
    order: list[str] = []

    async def wait(name: str) -> None:
        desk = await pool.take(ROLE)
        order.append(name)
        pool.give(ROLE, desk)

    tasks = [asyncio.create_task(wait(name)) for name in "abc"]
    await asyncio.sleep(0)
    tasks[0].cancel()
    pool.give(ROLE, 1)
    await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 30)
    assert order == ["b", "c"]


async def test_a_desk_is_never_lost_to_one_who_gave_up_as_it_was_called() -> None:
    pool = DeskPool(set())
    single = ROLE.model_copy(update={"count": 1})
    await pool.take(single)
    first, second = (asyncio.create_task(pool.take(single)) for _ in range(2))
    await asyncio.sleep(0)
    pool.give(single, 0)
    first.cancel()
    assert await asyncio.wait_for(second, 30) == 0


KIND = PayloadType(
    name="plan",
    fields=(
        PayloadField(name="risky", type=FieldType.BOOLEAN),
        PayloadField(name="size", type=FieldType.CHOICE, choices=("small", "large")),
        PayloadField(name="cost", type=FieldType.NUMBER, required=False, meaning="in dollars"),
    ),
)


def test_a_sound_payload_has_no_faults_and_its_words() -> None:
    body = {"risky": True, "size": "large", "cost": 3, "more": "is kept"}
    assert faults(KIND, body) == []
    assert choice_words(KIND, body) == ("risky", "size is large")


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ({"size": "small"}, "lacks the field `risky`"),
        ({"risky": 1, "size": "small"}, "`risky` must be a boolean, not int"),
        ({"risky": True, "size": "huge"}, "must be one of small, large, not 'huge'"),
        ({"risky": True, "size": "small", "cost": True}, "`cost` must be a number, not bool"),
        ({"risky": True, "size": "small", "cost": None}, "`cost` must be a number, not NoneType"),
    ],
)
def test_a_fault_is_a_sentence(body: dict[str, object], fault: str) -> None:
    (found,) = faults(KIND, body)
    assert fault in found


def test_builtin_payloads_refuse_nothing_at_all() -> None:
    assert faults(BUILTIN_PAYLOADS["memo"], {"text": "x"}) == []
    assert faults(BUILTIN_PAYLOADS["memo"], {}) == ["`memo` lacks the field `text` (markdown)"]


def test_placeholders_are_filled_after_the_words_are_split() -> None:
    command = "python 'my train.py' --seed {seed} --budget={budget}"
    assert filled_command(command, seed=7, budget=0.25) == ("python", "my train.py", "--seed", "7", "--budget=0.25")


def test_hardware_has_classes() -> None:
    assert hardware_class(Resources(cpus=2)) == "cpu:2"
    assert hardware_class(Resources(gpus=0.5, accelerator="H100")) == "gpu:0.5:H100"


async def test_a_fake_clock_wakes_sleepers_in_the_order_of_their_times() -> None:
    clock, woken = FakeClock(), list[str]()

    async def sleeper(name: str, seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append(name)

    tasks = [asyncio.create_task(sleeper(*one)) for one in (("late", 5), ("soon", 1), ("now", 0))]
    await asyncio.sleep(0.01)
    assert woken == ["now"]
    clock.advance(1)
    await asyncio.sleep(0.01)
    assert woken == ["now", "soon"]
    clock.advance(10)
    await asyncio.gather(*tasks)
    assert clock.monotonic() == 11
    assert clock.now() - FakeClock().now() == 11
    with pytest.raises(ValueError, match="never goes back"):
        clock.advance(-1)
