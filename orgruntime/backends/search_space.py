"""The space that a search species looks through, and what is known of it: knobs as axes, past trials as points.

Works on a step's request alone. Does not know how a sampler chooses.

Invariant: every point lies in the space. A past trial that does not fit (another type, outside the domain) is left
out; a knob that it does not name stood at the base's value, since it did not exist then.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from orgruntime.model.step import StepRequest
from orgruntime.runtime.constants import Choices, Knob, Knobs, Range, Settings, Value, rounded

Key = tuple[Value, ...]
"""The values of a setting in the order of the space's knobs. 1 and 1.0 are one key, as a person would have it."""

WINDOW = 200
"""Past trials that a sampler learns from. A sampler's time grows with history: without a bound the 1,000th question
would take longer than a short trial."""
SMALL_SPACE = 4096
"""A finite space up to this size is walked through to find what is left of it."""


@dataclass(frozen=True)
class Point:
    """A setting that was tried. `loss` is smaller for better, whatever the objective's direction; None while it
    runs, infinite when it gave no number."""

    settings: Settings
    loss: float | None


@dataclass(frozen=True)
class Space:
    """The searched knobs, in the order of the files. Every method of axes works on positions in the unit interval."""

    knobs: tuple[Knob, ...]

    @cached_property
    def base(self) -> Settings:
        return {knob.name: knob.value for knob in self.knobs}

    @cached_property
    def size(self) -> float:
        """How many settings there are; infinite with a continuous knob."""
        return math.prod(_count(knob) for knob in self.knobs)

    def key(self, settings: Settings) -> Key:
        """Equal for equal settings; a knob that is not named stands at the base's value."""
        return tuple(settings.get(knob.name, knob.value) for knob in self.knobs)

    def completed(self, settings: Settings) -> Settings | None:
        """All knobs of the space, missing ones as at the base; None when a value does not fit."""
        full = {knob.name: fitted(knob, settings.get(knob.name, knob.value)) for knob in self.knobs}
        known = {name: value for name, value in full.items() if value is not None}
        return known if len(known) == len(full) else None

    def at_random(self, rng: random.Random) -> Settings:
        return {knob.name: value_at(knob, rng.random()) for knob in self.knobs}

    def nudged(self, settings: Settings, rng: random.Random) -> Settings:
        """One knob drawn anew."""
        knob = rng.choice(self.knobs)
        return {**settings, knob.name: value_at(knob, rng.random())}

    def unseen(self, seen: set[Key], rng: random.Random) -> Settings | None:
        """A setting that is not in `seen`, for a small space; None when there is none."""
        every = itertools.product(*(_values(knob) for knob in self.knobs))
        left = [values for values in every if values not in seen]
        return dict(zip((knob.name for knob in self.knobs), rng.choice(left), strict=True)) if left else None


def space_of(knobs: Knobs) -> Space:
    return Space(knobs.searchable)


def points(space: Space, request: StepRequest) -> list[Point]:
    """The last `WINDOW` trials that fit the space, oldest first, and the base itself where its metric is known. What
    was ended early counts with what it had by then: worse than it would have come to, and better than no word of it."""
    sign = -1.0 if request.scene.direction == "maximize" else 1.0
    found: list[Point] = []
    for past in request.past:
        settings = space.completed(past.settings) if past.settings else None
        if settings is None:
            continue
        value = past.metric if past.metric is not None else past.partial
        loss = None if past.running else sign * value if value is not None and math.isfinite(value) else math.inf
        found.append(Point(settings, loss))
    found = found[-WINDOW:]
    # Until something moved the lead, the base is what the run began with.
    here = request.scene.lead if request.scene.lead is not None else request.scene.baseline
    if here is not None and math.isfinite(here):
        known = {space.key(point.settings) for point in found}
        if space.key(space.base) not in known:
            found.insert(0, Point(space.base, sign * here))
    return found


def seen_keys(space: Space, request: StepRequest) -> set[Key]:
    """Keys of everything tried, not only in the window, and of the base."""
    return {space.key(space.base), *(space.key(past.settings) for past in request.past if past.settings)}


def fitted(knob: Knob, value: Value) -> Value | None:
    """`value` in the knob's own type; None when the domain does not hold it."""
    if isinstance(knob.value, float) and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if isinstance(knob.value, int) and not isinstance(knob.value, bool) and isinstance(value, float):
        value = int(value) if value.is_integer() else value
    return value if knob.domain is not None and value in knob.domain else None


def is_scale(knob: Knob) -> bool:
    """Whether nearby positions mean nearby values."""
    return isinstance(knob.domain, Range) or (isinstance(knob.domain, Choices) and knob.domain.is_ordered)


def value_at(knob: Knob, position: float) -> Value:
    """The value at a position in [0, 1]. Every choice, and every whole number of a linear range, has an equal share."""
    position = min(max(position, 0.0), 1.0)
    match knob.domain:
        case Choices(values):
            return values[min(int(position * len(values)), len(values) - 1)]
        case Range() as domain:
            lo, hi = _ends(domain)
            raw = lo + position * (hi - lo)
            return rounded(math.exp(raw) if domain.log else raw, domain)
        case None:
            return knob.value


def position_of(knob: Knob, value: Value) -> float:
    """The inverse of `value_at`, at the middle of a value's share."""
    match knob.domain:
        case Choices(values):
            return (values.index(value) + 0.5) / len(values)
        case Range() as domain if not isinstance(value, str):
            lo, hi = _ends(domain)
            raw = math.log(value) if domain.log else float(value)
            return min(max((raw - lo) / (hi - lo), 0.0), 1.0)
        case _:
            return 0.5


def losses(found: Sequence[Point]) -> list[float | None]:
    """The points' losses, with the worst seen in place of the infinite: a crash is bad news, and no distance."""
    finite = [point.loss for point in found if point.loss is not None and math.isfinite(point.loss)]
    worst = max(finite, default=None)
    return [worst if point.loss is not None and math.isinf(point.loss) else point.loss for point in found]


def _ends(domain: Range) -> tuple[float, float]:
    margin = 0.5 if domain.integer else 0.0
    lo, hi = domain.lo - margin, domain.hi + margin
    return (math.log(lo), math.log(hi)) if domain.log else (lo, hi)


def _count(knob: Knob) -> float:
    match knob.domain:
        case Choices(values):
            return len(values)
        case Range(lo=lo, hi=hi, integer=True):
            return hi - lo + 1
        case _:
            return math.inf


def _values(knob: Knob) -> Sequence[Value]:
    match knob.domain:
        case Choices(values):
            return values
        case Range(lo=lo, hi=hi, integer=True):
            return range(int(lo), int(hi) + 1)
        case _:
            return (knob.value,)
