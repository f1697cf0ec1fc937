"""A virtual cluster: nodes with places for one trial each, which come and go.

Works on numbers of places. Does not know trials or time. Invariant: a place is free, taken, or on a node that is down.
"""

from __future__ import annotations


class Cluster:
    """`slots` places on nodes of `per_node`; the last node may have fewer."""

    def __init__(self, slots: int, per_node: int) -> None:
        self._sizes = [min(per_node, slots - first) for first in range(0, slots, per_node)]
        # Taken from the end: the first node fills first.
        self._free = [node for node in reversed(range(len(self._sizes))) for _ in range(self._sizes[node])]
        self._down: set[int] = set()
        self.slots = slots
        """On nodes that are up."""

    @property
    def nodes(self) -> int:
        return len(self._sizes)

    @property
    def free(self) -> int:
        return len(self._free)

    def take(self) -> int:
        """A place; returns its node. Raises IndexError where none is free."""
        return self._free.pop()

    def give(self, node: int) -> None:
        """A place is free again; on a node that is down it is not."""
        if node not in self._down:
            self._free.append(node)

    def lose(self, node: int) -> None:
        """The node goes; what runs on it is for the caller to end. Nothing happens to one that is down."""
        if node not in self._down:
            self._down.add(node)
            self._free = [place for place in self._free if place != node]
            self.slots -= self._sizes[node]

    def back(self, node: int) -> None:
        """The node is there again, empty."""
        if node in self._down:
            self._down.remove(node)
            self._free += [node] * self._sizes[node]
            self.slots += self._sizes[node]
