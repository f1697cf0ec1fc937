"""Where a shape can lie, on which type of accelerator, and what of a GPU serves nobody."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orgruntime.backends.leases import Amounts, Room
from orgruntime.model.fleet import Node
from orgruntime.model.ids import RoleSlug
from orgruntime.model.manifest import Resources, Role, RoleKind
from orgruntime.model.placement import lacks, places, settled, side_by_side, stranded, suits

H, A = (Node(id=kind, cpus=8, gpus=2, memory_mb=1000, accelerator=kind) for kind in ("H100", "A100"))
EU = Node(id="eu", cpus=4, gpus=1, labels={"zone": "eu-1", "market": "spot"})


def role(slug: str, **resources: object) -> Role:
    return Role(slug=RoleSlug(slug), name=slug, kind=RoleKind.EXPERIMENT, resources=Resources(**resources))  # type: ignore[arg-type]  # a test's shorthand


@given(
    st.builds(Node, id=st.just("n"), cpus=st.integers(0, 40), gpus=st.integers(0, 8), memory_mb=st.integers(0, 64)),
    st.builds(
        Resources,
        cpus=st.sampled_from([0, 0.1, 0.3, 1, 2.5, 7]),
        gpus=st.sampled_from([0, 0.05, 0.1, 0.25, 0.3, 1 / 3, 0.4, 0.5, 0.6, 0.9, 1, 1.5, 2, 3, 8]),
        memory_mb=st.sampled_from([None, 1, 5, 60]),
    ),
)
def test_a_place_is_a_place_in_a_real_room(node: Node, shape: Resources) -> None:
    """What `plan` counts is what an executor packs, trial by trial."""
    room, taken = Room(Amounts(node.cpus, node.gpus, node.memory_mb)), 0
    while taken < 256 and room.take(shape) is not None:
        taken += 1
    assert places(node, shape) == taken
    assert bool(taken) == (not lacks(node, shape))


@pytest.mark.parametrize(
    ("gpus", "lost"), [(1, 0.0), (0.5, 0.0), (0.25, 0.0), (1 / 3, 0.0), (0.6, 0.4), (0.4, 0.2), (0.7, 0.3), (2, 0.0)]
)
def test_what_a_fraction_strands(gpus: float, lost: float) -> None:
    assert stranded(gpus) == pytest.approx(lost)


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("zone=eu-1", True), ("zone=us/eu-1", True), ("zone=us", False), ("zone!=us", True), ("market!=spot", False),
        ("rack!=7", True), ("rack=7", False),
    ],
)  # fmt: skip
def test_conditions_on_labels(condition: str, holds: bool) -> None:
    assert suits(EU, Resources(labels=(condition,))) is holds
    assert bool(places(EU, Resources(labels=(condition,)))) is holds


def test_a_label_that_misses_is_named() -> None:
    assert lacks(EU, Resources(labels=("zone=us", "rack=7"))) == [
        "has zone=eu-1, not zone=us", "has no label rack, not rack=7",
    ]  # fmt: skip


def test_types_are_compared_as_people_write_them() -> None:
    assert places(H, Resources(gpus=1, accelerator="h100")) == 2


def test_the_first_declared_type_that_is_there_serves_all_roles_that_declare_the_same() -> None:
    train = role("train", gpus=1, accelerator="B200", fallbacks=("A100", "H100"))
    found = settled([train, train.model_copy(update={"slug": RoleSlug("judge")})], [H, A])
    assert {slug: (shape.accelerator, shape.fallbacks) for slug, shape in found.items()} == {
        "train": ("A100", ()), "judge": ("A100", ()),
    }  # fmt: skip
    assert settled([train], [])["train"].accelerator == "B200", "nothing is there: the preferred one is waited for"


def test_a_type_that_holds_only_some_of_the_roles_is_none() -> None:
    small = A.model_copy(update={"gpus": 1})
    both = [
        role("a", gpus=1, accelerator="A100", fallbacks=("H100",)),
        role("b", gpus=2, accelerator="A100", fallbacks=("H100",)),
    ]
    assert {shape.accelerator for shape in settled(both, [H, small]).values()} == {"H100"}


def test_without_a_word_the_type_with_most_room_is_kept_to() -> None:
    more = A.model_copy(update={"id": "more"})
    assert settled([role("a", gpus=1)], [H, A, more])["a"].accelerator == "A100"
    assert settled([role("a", gpus=1)], [EU])["a"].accelerator is None
    assert settled([role("a")], [H, A]) == {}, "trials on CPUs have no type"


@given(st.lists(st.integers(0, 4), min_size=1, max_size=5), st.integers(1, 4))
def test_gangs_side_by_side_are_as_many_as_can_be_placed(counts: list[int], nodes: int) -> None:
    """One after the other, each on the nodes with most room left: nobody does better."""
    left, placed = sorted(counts, reverse=True), 0
    while len(left) >= nodes and left[nodes - 1] > 0:
        left = sorted([count - (at < nodes) for at, count in enumerate(left)], reverse=True)
        placed += 1
    assert side_by_side(counts, nodes) == placed
