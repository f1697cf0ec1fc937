"""Where a shape of resources fits."""

from __future__ import annotations

import pytest

from orgruntime.model.fleet import Fleet, Node
from orgruntime.model.manifest import Resources
from orgruntime.plan.fit import fit

BIG = Node(id="big", cpus=16, gpus=4, memory_mb=64_000, accelerator="H100")
SMALL = Node(id="small", cpus=4, memory_mb=8_000)


@pytest.mark.parametrize(
    ("shape", "places", "nodes"),
    [
        (Resources(), 20, ("big", "small")),
        (Resources(cpus=3), 6, ("big", "small")),
        (Resources(cpus=0, gpus=0.1), 40, ("big",)),
        (Resources(cpus=0.1), 200, ("big", "small")),
        (Resources(gpus=1, accelerator="H100"), 4, ("big",)),
        (Resources(memory_mb=8_000), 9, ("big", "small")),
    ],
)
def test_places_are_counted_over_the_nodes_that_hold_the_shape(
    shape: Resources, places: int, nodes: tuple[str, ...]
) -> None:
    assert fit(shape, Fleet(nodes=(BIG, SMALL))) == (places, nodes, "")


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        (Resources(gpus=8), "the nearest, big, has 4 of 8 GPUs"),
        (Resources(gpus=1, accelerator="A100"), "the nearest, big, has H100, not A100"),
        (Resources(cpus=32), "the nearest, big, has 16 of 32 CPUs"),
        (Resources(memory_mb=70_000, gpus=5), "the nearest, big, has 4 of 5 GPUs and has 64000 of 70000 MB of memory"),
    ],
)
def test_the_nearest_miss_is_named(shape: Resources, words: str) -> None:
    found = fit(shape, Fleet(nodes=(SMALL, BIG)))
    assert found.places == 0
    assert found.misfit == f"no node holds it; {words}"


def test_demands_that_only_two_nodes_together_meet_fit_nowhere() -> None:
    twins = Fleet(nodes=(BIG, BIG.model_copy(update={"id": "twin"})))
    assert fit(Resources(gpus=5), twins).places == 0


def test_a_gang_takes_a_rank_of_as_many_nodes() -> None:
    twins = Fleet(nodes=(BIG, BIG.model_copy(update={"id": "twin"}), SMALL))
    assert fit(Resources(nodes=2, gpus=2), twins) == (2, ("big", "twin"), "")
    assert fit(Resources(nodes=3, cpus=2), twins) == (2, ("big", "twin", "small"), "")
    assert fit(Resources(nodes=4), twins).misfit == "it spans 4 nodes, and the fleet has 3"
    misfit = "it spans 3 nodes, and 2 hold a rank of it; the nearest other, small, has 0 of 2 GPUs"
    assert fit(Resources(nodes=3, gpus=2), twins).misfit == misfit
    misfit = "it spans 2 nodes, and 0 hold a rank of it; the nearest, big, has 4 of 5 GPUs"
    assert fit(Resources(nodes=2, gpus=5), twins).misfit == misfit


def test_an_empty_fleet_is_said() -> None:
    assert fit(Resources(), Fleet(nodes=())).misfit == "the fleet has no nodes"
