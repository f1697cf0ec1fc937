"""An engine without a library: each thread is a loop over routing, each checkpoint an entry of a dictionary.

Works on the same graphs and step addresses as the durable engine. Does not write to disk: who keeps the dictionary and
opens another engine on it has what a resumed driver has. Invariant: a checkpoint is taken after a step has returned, so
a thread that was cut goes on with the step that it was cut in.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field

from orgruntime.model.ids import InquiryId, PayloadId, RoleSlug
from orgruntime.model.manifest import AgentGraph
from orgruntime.runtime.ports import StepAddress, StepRunner
from orgruntime.runtime.routing import END, way_on


@dataclass(frozen=True)
class Place:
    """Where a thread stands."""

    at: RoleSlug
    payload: PayloadId | None
    visit: int = 0
    taken: Mapping[str, int] = field(default_factory=dict)
    callers: tuple[RoleSlug, ...] = ()


Checkpoints = MutableMapping[InquiryId, Place]


class InlineEngine:
    """Implements `ports.Engine`. `checkpoints` outlive the engine."""

    def __init__(self, graph: AgentGraph, checkpoints: Checkpoints | None = None) -> None:
        self._graph = graph
        self._step: StepRunner | None = None
        self.checkpoints: Checkpoints = {} if checkpoints is None else checkpoints

    async def open(self, step: StepRunner) -> None:
        self._step = step

    async def run(self, inquiry: InquiryId, at: RoleSlug, payload: PayloadId | None) -> None:
        assert self._step is not None, "the engine is opened before a thread is run"
        place = self.checkpoints.setdefault(inquiry, Place(at, payload))
        while place.at != END:
            handed = await self._step(StepAddress(inquiry, place.at, place.visit), place.payload)
            kind = handed.type if handed.payload else ""
            way = way_on(self._graph, place.at, kind, handed.words, place.taken, place.callers)
            taken = dict(place.taken)
            if way.edge is not None:
                taken[way.edge.id] = taken.get(way.edge.id, 0) + 1
            place = Place(way.to, handed.payload, place.visit + 1, taken, way.callers)
            self.checkpoints[inquiry] = place

    async def forget(self, inquiries: Sequence[InquiryId]) -> None:
        for inquiry in inquiries:
            self.checkpoints.pop(inquiry, None)

    async def close(self) -> None:
        self._step = None
