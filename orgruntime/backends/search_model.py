"""Search species: `search/tpe`, `search/cmaes`, `search/random` set the constants of the editable files, and
`control/null` changes nothing. They need no key and no network, and are as good as the space that the author declared.

Work on a `StepRequest` alone and keep no state between steps. Do not know what the constants mean, and read no prose.

Invariant: a reply is a function of the request (its seed included). A setting that was tried, or that the base
already has, is not proposed again, except to carry the very same proposal over to a new base after a conflict.

Sources: tree-structured Parzen estimator, Bergstra et al., NeurIPS 2011, multivariate as in Falkner et al., ICML 2018;
warm-started CMA-ES, Nomura et al., AAAI 2021; categorical marginals as in UMDA, Mühlenbein and Paaß, PPSN 1996.
"""

from __future__ import annotations

import itertools
import math
import random
import re
from collections.abc import Callable, Iterator, Mapping
from statistics import fmean
from typing import Any

from orgruntime.backends.search_space import (
    SMALL_SPACE,
    Point,
    Space,
    fitted,
    is_scale,
    losses,
    points,
    position_of,
    seen_keys,
    space_of,
    value_at,
)
from orgruntime.model.assignments import assignments
from orgruntime.model.base import digest
from orgruntime.model.research import RiskClass
from orgruntime.model.species import nature
from orgruntime.model.step import StepReply, StepRequest
from orgruntime.runtime.constants import Knob, Knobs, Settings, Value, read_knobs

STARTUP = 8
"""Proposals drawn at random before a model of the space is trusted."""
TRIES = 6
"""Questions to the sampler before its answer is changed by hand."""
NUDGES = 2000
"""Single draws after that, about 5 µs each, before a continuous space counts as exhausted."""

COST = "one trial"
"""What a proposal costs beside its tests: setting constants takes no step of a model."""

Sampler = Callable[[Space, StepRequest], Iterator[Settings]]
"""Candidates without end, best guess first."""

_NULL_LINE = re.compile(r"# no change: [0-9a-f]{12}\n?\Z")


def tpe(request: StepRequest) -> StepReply:
    """A proposal from the densities of good and bad settings."""
    return _propose(request, _tpe_candidates)


def cmaes(request: StepRequest) -> StepReply:
    """A proposal from a normal distribution around the best tenth of what was tried."""
    return _propose(request, _cmaes_candidates)


def at_random(request: StepRequest) -> StepReply:
    """A proposal drawn uniformly (in the logarithm where the domain says so): the control arm."""
    return _propose(request, _random_candidates)


def null(request: StepRequest) -> StepReply:
    """A proposal whose last line is another comment: another tree, the same program. For orgs that must find
    nothing."""
    if "proposal" not in request.produces:
        return _wrong_payload(request)
    path = next((path for path in sorted(request.files) if path.endswith(".py")), None)
    if path is None:
        return StepReply(type="", declined="control/null needs an editable .py file; name one in workspace.editable")
    text = _NULL_LINE.sub("", request.files[path])
    mark = digest([request.inquiry, request.role, request.desk, request.seed])[:12]
    end = "" if text.endswith("\n") or not text else "\n"
    body = {"hypothesis": "nothing changes but a comment: any gain is noise", "expected_gain": 0.0, "cost": COST}
    return StepReply(type="proposal", body=body, files={path: f"{text}{end}# no change: {mark}\n"})


def _propose(request: StepRequest, sampler: Sampler) -> StepReply:
    if "proposal" not in request.produces:
        return _wrong_payload(request)
    knobs = read_knobs(request.files)
    space = space_of(knobs)
    outcome = request.inbox.get("outcome") if request.inbox.get("type") == "result" else None
    again = request.inbox.get("settings")
    told = assignments(request.idea) is not None
    if outcome == "conflicted" and isinstance(again, Mapping) and again and not told:
        return _carried_over(request, knobs, again)
    if request.idea.strip():
        return _as_told(request, knobs, space, outcome)
    if not space.knobs:
        return _declined(request, _nothing_to_search(knobs))
    settings = _fresh(request, space, sampler)
    if settings is None:
        return _declined(request, "the space is exhausted: every setting has been tried; widen a domain")
    return _proposal(request, knobs, settings, _expected(request, space))


def _expected(request: StepRequest, space: Space) -> float | None:
    """By how much the metric should improve on the base: as much as what the draws are made after did on average. That
    is the best tenth once a model is trusted (as both samplers have it), everything before that and for random draws.
    None: nothing to tell it from."""
    here = request.scene.lead if request.scene.lead is not None else request.scene.baseline
    if here is None:
        return None
    sign = -1.0 if request.scene.direction == "maximize" else 1.0
    base = space.key(space.base)
    found = sorted(
        point.loss
        for point in points(space, request)
        if point.loss is not None and math.isfinite(point.loss) and space.key(point.settings) != base
    )
    if request.species != "search/random" and len(found) >= STARTUP:
        found = found[: math.ceil(len(found) / 10)]
    return float(f"{sign * here - fmean(found):.6g}") if found else None


def _fresh(request: StepRequest, space: Space, sampler: Sampler) -> Settings | None:
    """A setting that nobody has tried; None when there is none left."""
    seen = seen_keys(space, request)
    candidate = space.base
    for candidate in itertools.islice(sampler(space, request), TRIES):
        if space.key(candidate) not in seen:
            return candidate
    rng = random.Random(request.seed)
    if space.size <= SMALL_SPACE:
        return space.unseen(seen, rng)
    nudged = candidate
    for _ in range(NUDGES):
        nudged = space.nudged(nudged, rng)
        if space.key(nudged) not in seen:
            return nudged
    return None


def _random_candidates(space: Space, request: StepRequest) -> Iterator[Settings]:
    rng = random.Random(request.seed)
    while True:
        yield space.at_random(rng)


def _tpe_candidates(space: Space, request: StepRequest) -> Iterator[Settings]:
    known = points(space, request)
    if len(known) < STARTUP:
        return _random_candidates(space, request)
    return _estimated(space, known, request.seed)


def _estimated(space: Space, known: list[Point], seed: int) -> Iterator[Settings]:
    import optuna
    from optuna.distributions import CategoricalDistribution, FloatDistribution
    from optuna.trial import TrialState, create_trial

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    axes: dict[str, Any] = {}
    for knob in space.knobs:
        shares = range(len(getattr(knob.domain, "values", ())))
        axes[knob.name] = FloatDistribution(0.0, 1.0) if is_scale(knob) else CategoricalDistribution(tuple(shares))
    sampler = optuna.samplers.TPESampler(seed=seed % 2**32, n_startup_trials=0, multivariate=True, constant_liar=True)
    study = optuna.create_study(sampler=sampler, direction="minimize")
    for point, loss in zip(known, losses(known), strict=True):
        running = point.loss is None
        if loss is None and not running:
            continue
        params = {knob.name: _coordinate(knob, point.settings[knob.name]) for knob in space.knobs}
        state = TrialState.RUNNING if running else TrialState.COMPLETE
        study.add_trial(create_trial(params=params, distributions=axes, value=loss, state=state))
    while True:
        params = study.ask(axes).params
        yield {knob.name: _from_coordinate(knob, params[knob.name]) for knob in space.knobs}


def _coordinate(knob: Knob, value: Value) -> float | int:
    return position_of(knob, value) if is_scale(knob) else getattr(knob.domain, "values", ()).index(value)


def _from_coordinate(knob: Knob, coordinate: Any) -> Value:
    if is_scale(knob):
        return value_at(knob, float(coordinate))
    chosen: Value = getattr(knob.domain, "values", ())[int(coordinate)]
    return chosen


def _cmaes_candidates(space: Space, request: StepRequest) -> Iterator[Settings]:
    """Running points are left out: a normal distribution cannot be driven away from a point."""
    finished = [point for point in points(space, request) if point.loss is not None]
    if len(finished) < STARTUP:
        return _random_candidates(space, request)
    return _from_normal(space, finished, request.seed)


def _from_normal(space: Space, finished: list[Point], seed: int) -> Iterator[Settings]:
    """Scales from the normal distribution that the good points suggest, choices from their frequencies."""
    ranked = [
        point for point, _ in sorted(zip(finished, losses(finished), strict=True), key=lambda pair: pair[1] or 0.0)
    ]
    scales = [knob for knob in space.knobs if is_scale(knob)]
    draw = _normal(scales, ranked, losses(ranked), seed)
    rng = random.Random(seed)
    while True:
        where = dict(zip((knob.name for knob in scales), draw(), strict=True))
        yield {
            knob.name: value_at(knob, where[knob.name]) if knob.name in where else _marginal(knob, ranked, rng)
            for knob in space.knobs
        }


def _normal(scales: list[Knob], ranked: list[Point], loss: list[float | None], seed: int) -> Callable[[], list[float]]:
    """Draws positions of the scales. α and γ are the paper's; with fewer than ten points γ takes the best one."""
    if not scales:
        return list
    import cmaes as cma
    import numpy as np

    where = [np.array([position_of(knob, point.settings[knob.name]) for knob in scales]) for point in ranked]
    solutions = [(x, worst or 0.0) for x, worst in zip(where, loss, strict=True)]
    mean, sigma, covariance = cma.get_warm_start_mgd(solutions, gamma=max(0.1, 1 / len(solutions)), alpha=0.1)
    if len(scales) == 1:  # the library's optimizer wants two axes
        rng = random.Random(seed)
        return lambda: [rng.gauss(float(mean[0]), float(sigma))]
    optimizer = cma.CMA(
        mean=np.clip(mean, 0.0, 1.0), sigma=sigma, cov=covariance, bounds=np.array([[0.0, 1.0]] * len(scales)),
        seed=seed % 2**32,
    )  # fmt: skip
    return lambda: [float(x) for x in optimizer.ask()]


def _marginal(knob: Knob, best: list[Point], rng: random.Random) -> Value:
    """A choice as often as the best quarter took it, plus one each, so that none dies out."""
    values: tuple[Value, ...] = getattr(knob.domain, "values", ())
    good = [point.settings[knob.name] for point in best[: max(4, len(best) // 4)]]
    return rng.choices(values, [1 + good.count(value) for value in values])[0]


def _carried_over(request: StepRequest, knobs: Knobs, again: Mapping[str, Value]) -> StepReply:
    """The same settings on the new base, as far as its constants still exist."""
    known = {knob.name: knob for knob in knobs.searchable}
    settings = {
        name: value for name, old in again.items() if name in known and (value := fitted(known[name], old)) is not None
    }
    full = {knob.name: settings.get(knob.name, knob.value) for knob in knobs.searchable}
    if all(full[name] == knob.value for name, knob in known.items()):
        return _declined(request, "the new base already has these settings")
    return _proposal(request, knobs, full)


def _as_told(request: StepRequest, knobs: Knobs, space: Space, outcome: object) -> StepReply:
    """An idea of the form `NAME = value, …`: these constants, the others as at the base."""
    wanted = assignments(request.idea)
    if wanted is None:
        return _declined(
            request, "it cannot read prose; write `NAME = value`, or give the idea to a role with a language model"
        )
    if outcome == "crashed":
        return _declined(
            request, "the setting that the idea asks for crashed, and it knows no other way to carry it out"
        )
    settings = _told_settings(knobs, wanted)
    if isinstance(settings, str):
        return _declined(request, settings)
    full = {**space.base, **settings}
    if all(knobs.values[name] == value for name, value in settings.items()):
        return _declined(request, "the base already has what the idea asks for")
    if set(settings) <= set(space.base) and space.key(full) in seen_keys(space, request):
        return _declined(request, "what the idea asks for was tried on this base before")
    return _proposal(request, knobs, full)


def _told_settings(knobs: Knobs, wanted: Mapping[str, str]) -> Settings | str:
    """The values that an idea names, or why they cannot be set."""
    by_name = {knob.name: knob for knob in knobs.all}
    settings: Settings = {}
    for name, text in wanted.items():
        knob = by_name.get(name)
        if knob is None:
            return f"no constant is called {name}; there are: {', '.join(sorted(by_name)) or 'none'}"
        value = _read_value(knob, text)
        if value is None:
            allowed = f"it takes {knob.domain}" if knob.domain is not None else f"it is now {knob.value!r}"
            return f"{name} cannot be {text}; {allowed}"
        settings[name] = value
    return settings


def _read_value(knob: Knob, text: str) -> Value | None:
    """The text as a value of the knob, inside its domain where it has one."""
    candidate = read_knobs({"idea.py": f"IDEA = {text}"}).values.get("IDEA")
    if candidate is None and isinstance(knob.value, str):
        candidate = text
    if candidate is None:
        return None
    if knob.domain is not None:
        return fitted(knob, candidate)
    if isinstance(knob.value, float) and type(candidate) is int:
        candidate = float(candidate)
    return candidate if type(candidate) is type(knob.value) else None


def _proposal(request: StepRequest, knobs: Knobs, settings: Settings, expected: float | None = None) -> StepReply:
    changed = [
        f"{knob.name} {_shown(knob.value)} -> {_shown(settings[knob.name])}"
        for knob in knobs.all
        if knob.name in settings and settings[knob.name] != knob.value
    ]
    shown = ", ".join(changed[:8]) + (f" and {len(changed) - 8} more" if len(changed) > 8 else "")
    risk = nature(request.species) or RiskClass.EXPLOIT
    body: dict[str, Any] = {"hypothesis": shown, "risk": risk.value, "cost": COST}
    if expected is not None:
        body["expected_gain"] = expected
    return StepReply(type="proposal", body=body, files=knobs.apply(settings), settings=settings)


def _shown(value: Value) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _nothing_to_search(knobs: Knobs) -> str:
    why = f" ({'; '.join(knobs.reasons[:3])})" if knobs.reasons else ""
    return f"the editable files hold no UPPER_CASE constant to search{why}; add one with its domain in a comment"


def _wrong_payload(request: StepRequest) -> StepReply:
    handed = ", ".join(request.produces) or "nothing"
    return _declined(request, f"it makes proposals, and this role hands off {handed}; give the role another model")


def _declined(request: StepRequest, reason: str) -> StepReply:
    return StepReply(type="", declined=f"{request.species}: {reason}")


SPECIES: Mapping[str, Callable[[StepRequest], StepReply]] = {
    "search/tpe": tpe,
    "search/cmaes": cmaes,
    "search/random": at_random,
    "control/null": null,
}
