"""A virtual cluster never has more or fewer places than its nodes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orgruntime.simulator.cluster import Cluster


@given(
    st.integers(0, 20), st.integers(1, 8), st.lists(st.tuples(st.sampled_from("tglb"), st.integers(0, 19)), max_size=60)
)
def test_a_place_is_free_taken_or_down(slots: int, per_node: int, moves: list[tuple[str, int]]) -> None:
    cluster, taken, down = Cluster(slots, per_node), [], set()
    sizes = [min(per_node, slots - first) for first in range(0, slots, per_node)]
    for move, number in moves:
        node = number % max(1, cluster.nodes)
        if move == "t" and cluster.free:
            taken.append(cluster.take())
        elif move == "g" and taken:
            cluster.give(taken.pop())
        elif move == "l" and sizes:
            for lost in [one for one in taken if one == node]:
                taken.remove(lost)
                cluster.give(lost)
            cluster.lose(node)
            down.add(node)
        elif move == "b" and sizes:
            cluster.back(node)
            down.discard(node)
        assert cluster.slots == sum(size for one, size in enumerate(sizes) if one not in down)
        assert cluster.free + len(taken) == cluster.slots
        assert not down & set(taken)


def test_nothing_is_taken_where_nothing_is_free() -> None:
    cluster = Cluster(2, 1)
    assert {cluster.take(), cluster.take()} == {0, 1}
    with pytest.raises(IndexError):
        cluster.take()


def test_what_ends_after_its_node_is_down_frees_nothing() -> None:
    cluster = Cluster(4, 2)
    node = cluster.take()
    cluster.lose(node)
    cluster.give(node)
    assert (cluster.free, cluster.slots) == (2, 2)
    cluster.back(node)
    assert (cluster.free, cluster.slots) == (4, 4)
