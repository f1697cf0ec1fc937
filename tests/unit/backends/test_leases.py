"""Packing of shapes into rooms: nothing is held twice, everything comes back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orgruntime.backends.leases import Room, room_for, topped_up
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
    room = Room(8, 4, 1000)
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
    room = Room(8, 4, 1000)
    slots = room.slots(shape)
    for _ in range(slots):
        assert room.take(shape)
    assert slots == MOST or room.take(shape) is None


@given(st.lists(shapes, min_size=1, max_size=20))
def test_the_smallest_room_holds_them(wanted: list[Resources]) -> None:
    room = room_for(wanted)
    whole_first = sorted(wanted, key=lambda shape: -shape.gpus)
    assert all(room.take(shape) for shape in whole_first)


@given(st.lists(shapes, min_size=1, max_size=12))
def test_topping_up_takes_no_gpu_more_and_nothing_that_the_node_has_not(wanted: list[Resources]) -> None:
    more = topped_up(wanted, Room(6, 4, 800))
    assert more[: len(wanted)] == wanted
    assert len(room_for(more).devices) == len(room_for(wanted).devices)
    room = room_for(more[len(wanted) :])
    assert room.cpus <= 6
    assert room.memory_mb <= 800


@pytest.mark.parametrize(("halves", "cpus", "held"), [(1, 8, 2), (3, 8, 4), (4, 8, 4), (3, 1.5, 3), (3, 1.9, 3)])
def test_the_half_that_a_lease_holds_anyway_has_its_cpus(halves: int, cpus: float, held: int) -> None:
    """An odd number of halves left one without CPUs: 11 of 128 places of a cluster stood idle."""
    half = Resources(cpus=0.5, gpus=0.5)
    room = room_for(topped_up([half] * halves, Room(cpus, 8, 0)))
    assert room.slots(half) == held


def test_fractions_share_a_device_and_leave_whole_ones() -> None:
    room = Room(8, 2, 0)
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
