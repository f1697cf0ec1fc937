"""Packing of shapes into rooms: nothing is held twice, everything comes back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orgruntime.backends.leases import Amounts, Others, Room, spare_parts
from orgruntime.model.fleet import Node
from orgruntime.model.manifest import Resources
from orgruntime.model.placement import MOST, places

shapes = st.builds(
    Resources,
    cpus=st.sampled_from([0.0, 0.5, 1.0, 2.0]),
    gpus=st.sampled_from([0.0, 0.25, 0.3, 0.5, 0.6, 1.0, 2.0]),
    memory_mb=st.sampled_from([None, 100]),
)


@given(st.lists(shapes, max_size=40))
def test_shares_never_pass_the_room_and_all_come_back(wanted: list[Resources]) -> None:
    room = Room(Amounts(8, 4, 1000))
    taken = []
    for shape in wanted:
        before = room.slots(shape)
        share = room.take(shape)
        assert (share is not None) == (before > 0)
        taken += [share] if share else []
        assert room.cpus > -1e-6
        assert min(room.devices) > -1e-6
    for share in taken:
        room.give(share)
    assert (room.cpus, room.memory_mb) == pytest.approx((8, 1000))
    assert room.devices == pytest.approx([1.0] * 4)


@given(shapes)
def test_slots_is_how_often_it_can_be_taken(shape: Resources) -> None:
    room = Room(Amounts(8, 4, 1000))
    slots = room.slots(shape)
    for _ in range(slots):
        assert room.take(shape)
    assert slots == MOST or room.take(shape) is None


def grown_for(wanted: list[Resources]) -> tuple[Room, Amounts]:
    """A room that has grown by what it lacked for each, in this order, and what it has in all."""
    room, held = Room(Amounts()), Amounts()
    for shape in wanted:
        lack = room.lack(shape)
        room.add(lack)
        held += lack
        assert room.take(shape)
    return room, held


@given(st.lists(shapes, max_size=20))
def test_a_room_grows_exactly_when_it_must_and_as_the_whole_node_would_fill(wanted: list[Resources]) -> None:
    node, room, held = Room(Amounts(8, 4, 1000)), Room(Amounts()), Amounts()
    for shape in wanted:
        lack = room.lack(shape)
        assert (lack == Amounts()) == (room.slots(shape) > 0)
        fits = Amounts(8, 4, 1000).covers(held + lack)
        assert fits == (node.slots(shape) > 0)
        assert room.beside(Amounts(8, 4, 1000) - held).slots(shape) == node.slots(shape)
        if fits:
            room.add(lack)
            held += lack
            assert room.take(shape)
            assert node.take(shape)
    assert held.cpus == pytest.approx(8 - node.cpus)
    assert held.memory_mb == pytest.approx(1000 - node.memory_mb)
    assert held.gpus == sum(free < 1 - 1e-6 for free in node.devices)


@given(st.lists(shapes, min_size=1, max_size=12))
def test_spare_parts_take_no_gpu_and_nothing_that_the_node_has_not(wanted: list[Resources]) -> None:
    room, _ = grown_for(wanted)
    before = (room.cpus, list(room.devices), room.memory_mb)
    more = spare_parts(room, wanted, Amounts(6, 4, 800))
    assert (room.cpus, room.devices, room.memory_mb) == before, "asking changes nothing"
    assert more.gpus == 0
    assert Amounts(6, 0, 800).covers(more)


@pytest.mark.parametrize(("halves", "cpus", "held"), [(1, 8, 2), (3, 8, 4), (4, 8, 4), (3, 1.5, 3), (3, 1.9, 3)])
def test_the_half_that_a_lease_holds_anyway_has_its_cpus(halves: int, cpus: float, held: int) -> None:
    """An odd number of halves left one without CPUs: 11 of 128 places of a cluster stood idle."""
    half = Resources(cpus=0.5, gpus=0.5)
    room, taken = grown_for([half] * halves)
    room.add(spare_parts(room, [half] * halves, Amounts(cpus, 8, 0) - taken))
    assert halves + room.slots(half) == held


NODE = Node(id="n", cpus=8, gpus=4, memory_mb=1000)


@pytest.mark.parametrize("reserved", [0, 3])
def test_what_we_are_starting_is_never_taken_for_what_others_gave_back(reserved: float) -> None:
    """Others hold 3 of 8 CPUs; we start an agent on 3 more, of which the cluster knows or does not know yet."""
    others, ours = Others(), Amounts(3, 0, 0)
    others.note(NODE, {"CPU": 5, "GPU": 4, "memory": 1000 << 20}, Amounts(), Amounts())
    others.note(NODE, {"CPU": 5 - reserved, "GPU": 4, "memory": 1000 << 20}, Amounts(), ours)
    assert others.leave(NODE, ours).cpus == 2
    others.note(NODE, {"CPU": 5, "GPU": 4, "memory": 1000 << 20}, ours, Amounts())
    assert others.leave(NODE, ours).cpus == 5, "it is ready: others hold nothing any more"


def test_fractions_share_a_device_and_leave_whole_ones() -> None:
    room = Room(Amounts(8, 2, 0))
    half, whole = Resources(cpus=1, gpus=0.5), Resources(cpus=1, gpus=1)
    first, second, third = room.take(half), room.take(half), room.take(whole)
    assert first
    assert second
    assert third
    assert (first.devices, second.devices, third.devices) == ((0,), (0,), (1,))
    assert room.take(Resources(cpus=0, gpus=0.25)) is None


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        (Resources(cpus=4, gpus=2), True),
        (Resources(cpus=5), False),
        (Resources(gpus=3), False),
        (Resources(gpus=1.5), False),
        (Resources(cpus=0), True),
        (Resources(memory_mb=2000), False),
        (Resources(gpus=1, accelerator="h100"), True),
        (Resources(gpus=1, accelerator="A100"), False),
    ],
)
def test_what_a_node_could_hold(shape: Resources, said: bool) -> None:
    assert bool(places(Node(id="n", cpus=4, gpus=2, memory_mb=1000, accelerator="H100"), shape)) is said
