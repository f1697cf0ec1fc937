"""What waits to be started, in queues: trials of one queue differ in their key and their arrival alone.

Works on wanted trials. Does not know slots or money. Invariants: a queue keeps the order of arrival; what does not fit
for the first of a queue does not fit for any of it, so a tick looks at the heads of queues and not at everything.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from heapq import merge

from orgruntime.model.amounts import UNITS, Amounts
from orgruntime.model.ids import TrialKey
from orgruntime.model.research import RiskClass
from orgruntime.model.trial import Purpose


@dataclass(frozen=True)
class Wanted:
    """A trial that some step waits for. `shape` names its resources, `slots` are counted per shape."""

    key: TrialKey
    purpose: Purpose
    cap: Amounts
    shape: str
    wall_ms: int
    """Its time limit."""
    sleeve: RiskClass = RiskClass.EXPLOIT

    @property
    def device_ms(self) -> int:
        """What it takes of a sleeve, at worst: GPU time, or CPU time where it holds no GPU."""
        return self.cap.gpu_ms or self.cap.cpu_ms

    def costs(self) -> dict[str, int]:
        """By unit, its time limit among them."""
        return {**{unit: getattr(self.cap, unit) for unit in UNITS}, "wall_ms": self.wall_ms}


class Queue:
    """Interchangeable trials, oldest first. Never empty while it is in a `Waiting`."""

    def __init__(self) -> None:
        self.members: OrderedDict[TrialKey, tuple[int, Wanted]] = OrderedDict()
        """Key → (number of its arrival, trial). Ordered by links: the head of a plain dict is behind all that left."""
        self.overtaken = 0
        """Later arrivals of the climb that were started while the head waited at the front."""

    @property
    def arrived(self) -> int:
        """Of the head."""
        return next(iter(self.members.values()))[0]

    @property
    def head(self) -> Wanted:
        return next(iter(self.members.values()))[1]

    def __len__(self) -> int:
        return len(self.members)


class Waiting(Collection[Wanted]):
    """Iterates in order of arrival. To be kept from tick to tick by whoever adds and removes: then a tick costs as many
    steps as there are queues and starts, and not as many as trials wait."""

    def __init__(self, wanted: Iterable[Wanted] = ()) -> None:
        self._queues: dict[tuple[object, ...], Queue] = {}
        self._places: dict[TrialKey, tuple[object, ...]] = {}
        self._arrived = 0
        for one in wanted:
            self.add(one)

    @classmethod
    def of(cls, wanted: Collection[Wanted]) -> Waiting:
        """The same, where it is one already."""
        return wanted if isinstance(wanted, Waiting) else cls(wanted)

    def add(self, wanted: Wanted) -> None:
        """Last of its queue; one that waits already keeps its place."""
        if wanted.key in self._places:
            return
        cap = wanted.cap
        kind = (
            wanted.purpose, wanted.sleeve, wanted.shape, wanted.wall_ms,
            cap.trials, cap.gpu_ms, cap.cpu_ms, cap.tokens, cap.usd_micro,
        )  # fmt: skip
        queue = self._queues.get(kind)
        if queue is None:
            queue = self._queues[kind] = Queue()
        queue.members[wanted.key] = (self._arrived, wanted)
        self._places[wanted.key] = kind
        self._arrived += 1

    def remove(self, key: TrialKey) -> None:
        """It waits no longer. Raises KeyError for one that does not wait."""
        kind = self._places.pop(key)
        queue = self._queues[kind]
        if queue.head.key == key:
            queue.overtaken = 0
        del queue.members[key]
        if not queue.members:
            del self._queues[kind]

    def start(self, key: TrialKey) -> None:
        """It waits no longer, and has overtaken who came earlier. Raises KeyError for one that does not wait."""
        arrived, wanted = self._queues[self._places[key]].members[key]
        self.remove(key)
        if not wanted.purpose.is_verification:
            for queue in self._queues.values():
                queue.overtaken += queue.arrived < arrived

    def queues(self) -> list[Queue]:
        return list(self._queues.values())

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, wanted: object) -> bool:
        return isinstance(wanted, Wanted) and wanted.key in self._places

    def __iter__(self) -> Iterator[Wanted]:
        arrivals = merge(*(queue.members.values() for queue in self._queues.values()), key=lambda one: one[0])
        return (wanted for _, wanted in arrivals)


class Line:
    """A queue that is being taken from in one tick; the queue itself stays as it is."""

    def __init__(self, queue: Queue) -> None:
        self._rest = iter(queue.members.values())
        self.arrived, self.head = next(self._rest)
        self.overtaken = queue.overtaken
        self.is_open = True

    def step(self) -> None:
        """To the next one."""
        found = next(self._rest, None)
        if found is None:
            self.is_open = False
        else:
            self.arrived, self.head = found
            self.overtaken = 0
