"""A layered layout of a small directed graph, from top to bottom.

Works on boxes and links of given sizes in any one unit (y grows downwards). Knows nothing of text, colours or roles.
The steps are those of Sugiyama, Tagawa and Toda (1981): turn back edges round, longest-path ranks, order by
barycentres, place. Every link has a slot of its own, as wide as its label, in a rank between those of its ends.
Invariant: within a rank no two boxes or labels overlap, and lines turn only between ranks, so no line runs through a
box or through another link's label.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean

GAP = 22.0
"""Least space between neighbours of a rank."""
LANE = 10.0
"""Half of the width of a line that passes a rank."""
RISE = 26.0
"""Least height between ranks, in which lines turn."""
PORT = 20.0
"""Space between two lines that meet one side of a box, where the side is long enough."""
CORNER = 12.0
"""Where a side's corner ends and lines may meet it."""
STIFF = 30.0
"""How much more a bend within a long line costs than one at its end. Above 100 the sweeps settle too slowly."""
SWEEPS = 300


@dataclass(frozen=True)
class Box:
    """Half the width of the box itself; `left` and `right` reach from its centre over what hangs on its sides."""

    half: float
    left: float
    right: float
    height: float


@dataclass(frozen=True)
class Link:
    source: str
    target: str
    width: float
    """Of the label; 0 without one."""


@dataclass(frozen=True)
class Route:
    """The corners of a line from source to target; between every second pair it runs straight up or down."""

    points: tuple[tuple[float, float], ...]
    label: tuple[float, float]


@dataclass(frozen=True)
class Layout:
    width: float
    height: float
    places: Mapping[str, tuple[float, float]]
    """Centre of each box (of its `half` part)."""
    routes: tuple[Route, ...]
    """In the order of the links."""


def arrange(
    boxes: Mapping[str, Box], links: Sequence[Link], roots: Iterable[str] = (), label_height: float = 14
) -> Layout:
    """Places boxes and routes links. Links of a box to itself are the caller's to draw: ValueError."""
    if any(link.source == link.target for link in links):
        raise ValueError("a link of a box to itself has no route")
    grid = _Grid.of(boxes, links, _ranks(list(boxes), links, roots))
    grid.order()
    grid.place()
    return grid.layout(label_height)


def _turned(nodes: Sequence[str], links: Sequence[Link], roots: Iterable[str]) -> list[bool]:
    """Which links point against the order of a depth-first walk from the roots."""
    out: dict[str, list[int]] = defaultdict(list)
    for i, link in enumerate(links):
        out[link.source].append(i)
    turned, state = [False] * len(links), dict.fromkeys(nodes, "new")
    for start in dict.fromkeys([*roots, *nodes]):
        if state[start] != "new":
            continue
        state[start] = "open"
        walk = [(start, iter(out[start]))]
        while walk:
            node, rest = walk[-1]
            i = next(rest, -1)
            if i < 0:
                state[node] = "done"
                walk.pop()
            elif state[links[i].target] == "new":
                state[links[i].target] = "open"
                walk.append((links[i].target, iter(out[links[i].target])))
            else:
                turned[i] = state[links[i].target] == "open"
    return turned


def _ranks(nodes: Sequence[str], links: Sequence[Link], roots: Iterable[str]) -> dict[str, int]:
    """Longest path from the top; even numbers, so that there is a rank for labels between any two."""
    down = [
        (link.target, link.source) if back else (link.source, link.target)
        for link, back in zip(links, _turned(nodes, links, roots), strict=True)
    ]
    ranks = dict.fromkeys(nodes, 0)
    for _ in nodes:
        moved = [(lower, ranks[upper] + 2) for upper, lower in down if ranks[lower] < ranks[upper] + 2]
        if not moved:
            break
        for lower, rank in moved:
            ranks[lower] = max(ranks[lower], rank)
    return ranks


@dataclass(eq=False)
class _Slot:
    """A box, a label or a passing line in its rank."""

    rank: int
    left: float
    right: float
    name: str = ""
    x: float = 0.0
    up: list[_Slot] = field(default_factory=list)
    down: list[_Slot] = field(default_factory=list)


@dataclass
class _Grid:
    boxes: Mapping[str, Box]
    links: Sequence[Link]
    rows: list[list[_Slot]]
    named: dict[str, _Slot]
    chains: list[list[_Slot]]
    """A link's slots from the upper end to the lower."""
    labels: list[_Slot]

    @classmethod
    def of(cls, boxes: Mapping[str, Box], links: Sequence[Link], ranks: Mapping[str, int]) -> _Grid:
        named = {name: _Slot(ranks[name], box.left, box.right, name) for name, box in boxes.items()}
        rows: list[list[_Slot]] = [[] for _ in range(max(ranks.values(), default=0) + 1)]
        for slot in named.values():
            rows[slot.rank].append(slot)
        grid = cls(boxes, links, rows, named, [], [])
        for link in links:
            grid._chain(link)
        return grid

    def _chain(self, link: Link) -> None:
        upper, lower = sorted((self.named[link.source], self.named[link.target]), key=lambda slot: slot.rank)
        middle = (upper.rank + lower.rank) // 2 | 1
        chain = [upper]
        for rank in range(upper.rank + 1, lower.rank):
            half = max(LANE, link.width / 2) if rank == middle else LANE
            slot = _Slot(rank, half, half)
            self.rows[rank].append(slot)
            chain.append(slot)
            if rank == middle:
                self.labels.append(slot)
        chain.append(lower)
        self.chains.append(chain)
        for a, b in zip(chain, chain[1:], strict=False):
            a.down.append(b)
            b.up.append(a)

    def order(self) -> None:
        """Barycentre sweeps, down and up by turns; the order with the fewest crossings stays."""
        best, fewest = [list(row) for row in self.rows], self._crossings()
        for sweep in range(16):
            downward = sweep % 2 == 0
            for row in self.rows if downward else self.rows[::-1]:
                place = self._positions()
                row.sort(key=lambda slot: _mean([place[n] for n in (slot.up if downward else slot.down)], place[slot]))
            if (crossings := self._crossings()) < fewest:
                best, fewest = [list(row) for row in self.rows], crossings
        self.rows = best

    def _positions(self) -> dict[_Slot, float]:
        return {slot: (i + 0.5) / len(row) for row in self.rows for i, slot in enumerate(row)}

    def _crossings(self) -> int:
        place, total = self._positions(), 0
        for row in self.rows:
            ends = [(place[slot], place[below]) for slot in row for below in slot.down]
            total += sum((a[0] - b[0]) * (a[1] - b[1]) < 0 for i, a in enumerate(ends) for b in ends[:i])
        return total

    def place(self) -> None:
        """Least squares of all bends at once, rank by rank: each sweep is exact for its rank, and they converge."""
        for row in self.rows:
            _settle(row, [0.0] * len(row), [1.0] * len(row))
        for sweep in range(SWEEPS):
            for row in self.rows if sweep % 2 == 0 else self.rows[::-1]:
                wishes = [_wish(slot) for slot in row]
                _settle(row, [want for want, _ in wishes], [weight for _, weight in wishes])
        for chain in self.chains:
            self._straighten(chain[1:-1])

    def _straighten(self, lane: Sequence[_Slot]) -> None:
        """Takes the last small bends out of a long line, where its neighbours leave the room."""
        low, high = -math.inf, math.inf
        for slot in lane:
            row = self.rows[slot.rank]
            i = row.index(slot)
            if i:
                low = max(low, row[i - 1].x + row[i - 1].right + GAP + slot.left)
            if i + 1 < len(row):
                high = min(high, row[i + 1].x - row[i + 1].left - GAP - slot.right)
        if low <= high:
            x = min(max(fmean(slot.x for slot in lane), low), high)
            for slot in lane:
                slot.x = x

    def layout(self, label_height: float) -> Layout:
        left = min((slot.x - slot.left for row in self.rows for slot in row), default=0.0)
        right = max((slot.x + slot.right for row in self.rows for slot in row), default=0.0)
        for slot in (slot for row in self.rows for slot in row):
            slot.x -= left
        tops, bottoms = self._heights(label_height)
        places = {name: (s.x, (tops[s.rank] + bottoms[s.rank]) / 2) for name, s in self.named.items()}
        ports = self._ports()
        routes = []
        for i, (link, chain) in enumerate(zip(self.links, self.chains, strict=True)):
            points = [(ports[i, chain[0]], places[chain[0].name][1] + self.boxes[chain[0].name].height / 2)]
            for slot in chain[1:-1]:
                points += [(slot.x, tops[slot.rank]), (slot.x, bottoms[slot.rank])]
            points.append((ports[i, chain[-1]], places[chain[-1].name][1] - self.boxes[chain[-1].name].height / 2))
            if chain[0].name != link.source:
                points.reverse()
            label = self.labels[i]
            routes.append(Route(tuple(points), (label.x, (tops[label.rank] + bottoms[label.rank]) / 2)))
        return Layout(right - left, bottoms[-1], places, tuple(routes))

    def _heights(self, label_height: float) -> tuple[list[float], list[float]]:
        """Top and bottom of each rank. Where lines run far sideways, the ranks stand further apart."""
        tops, bottoms, y = [], [], 0.0
        for rank, row in enumerate(self.rows):
            tall = max((self.boxes[slot.name].height for slot in row if slot.name), default=label_height)
            tops.append(y)
            bottoms.append(y + tall)
            far = max((abs(below.x - slot.x) for slot in row for below in slot.down), default=0.0)
            y += tall + (RISE + min(40.0, 0.07 * far) if rank + 1 < len(self.rows) else 0.0)
        return tops, bottoms

    def _ports(self) -> dict[tuple[int, _Slot], float]:
        """Where each link meets the boxes at its ends: straight above or below its next corner, if the box is there."""
        sides: dict[tuple[_Slot, bool], list[tuple[float, int]]] = defaultdict(list)
        for i, chain in enumerate(self.chains):
            sides[chain[0], True].append((chain[1].x, i))
            sides[chain[-1], False].append((chain[-2].x, i))
        ports = {}
        for (slot, _), ends in sides.items():
            ends.sort()
            side = self.boxes[slot.name].half - CORNER
            for x, (_, i) in zip(_spread([x for x, _ in ends], slot.x - side, slot.x + side), ends, strict=True):
                ports[i, slot] = x
        return ports


def _spread(wanted: Sequence[float], low: float, high: float) -> list[float]:
    """Sorted places within [low, high], near the wanted ones, `PORT` apart or as far as there is room."""
    step = min(PORT, (high - low) / max(1, len(wanted) - 1))
    row = [_Slot(0, (step - GAP) / 2, (step - GAP) / 2) for _ in wanted]
    _settle(row, [min(max(x, low), high) for x in wanted], [1.0] * len(row))
    last = len(row) - 1
    return [min(max(slot.x, low + i * step), high - (last - i) * step) for i, slot in enumerate(row)]


def _wish(slot: _Slot) -> tuple[float, float]:
    """Where a slot would like to be, and how much."""
    near = [(n.x, 1.0 if n.name or slot.name else STIFF) for n in slot.up + slot.down]
    weight = sum(w for _, w in near)
    return (sum(x * w for x, w in near) / weight, weight) if near else (slot.x, 0.1)


def _mean(values: Sequence[float], otherwise: float) -> float:
    return fmean(values) if values else otherwise


def _settle(row: Sequence[_Slot], wanted: Sequence[float], weights: Sequence[float]) -> None:
    """Least squares to the wanted places under the order and the distances: the pool-adjacent-violators algorithm."""
    offsets, offset = [], 0.0
    for i, slot in enumerate(row):
        offset += row[i - 1].right + GAP + slot.left if i else 0.0
        offsets.append(offset)
    pools: list[tuple[float, float, int]] = []
    for want, shift, weight in zip(wanted, offsets, weights, strict=True):
        pools.append((want - shift, weight, 1))
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            (b, v, m), (a, w, n) = pools.pop(), pools.pop()
            pools.append(((a * w + b * v) / (v + w), v + w, n + m))
    placed = [value for value, _, size in pools for _ in range(size)]
    for slot, value, shift in zip(row, placed, offsets, strict=True):
        slot.x = value + shift
