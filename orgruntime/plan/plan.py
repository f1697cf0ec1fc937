"""The plan: what a run of a manifest would do, where, at what cost, with what authority. Persisted as JSON.

Knows nothing of what happened in a run. Invariant: a plan names the manifest that it was made from by hash and holds
its numbers, so a plan that no longer says what would run can be told from one that does (`staleness`).
"""

from __future__ import annotations

from typing import Literal

from orgruntime.model.base import Noun
from orgruntime.model.fleet import Fleet
from orgruntime.model.manifest import Manifest, Resources, RoleKind
from orgruntime.model.numbers import Numbers


class CallPlan(Noun):
    """One call of a language model at its worst."""

    model: str
    """As the role or an entry of `models:` calls it."""
    species: str
    is_fallback: bool = False
    tokens: int
    """Everything counted."""
    output_tokens: int
    usd_micro: int | None
    """None: the price is not known."""
    calls_a_step: int


class RolePlan(Noun):
    """One role: who serves it, and where in the fleet it fits."""

    slug: str
    name: str
    kind: RoleKind
    count: int
    species: tuple[str, ...] = ()
    panel: str = ""
    """The same as the table of roles has it, with shares or the way to choose."""
    calls: tuple[CallPlan, ...] = ()
    budget: dict[str, int] = {}
    """Bounds of its own on what its models may spend, by unit."""
    resources: Resources | None = None
    """What one trial of the role reserves; None for a role that runs no trials."""
    time_limit_s: float | None = None
    places: int | None = None
    """Trials of the role that an empty fleet holds at once; None: not a trial, or no fleet was asked."""
    nodes: tuple[str, ...] = ()
    misfit: str = ""
    """Why no node holds a trial of the role, by the nearest miss; empty when one does."""
    settled_on: str = ""
    """The type of accelerator that a run would measure on, where the fleet tells."""


class DialPlan(Noun):
    """One dial of the appetite and what it becomes."""

    dial: str
    key: str
    setting: str
    becomes: str
    hindsight: str = ""
    """What it would have meant on the last run of the org."""


class AuthorityPlan(Noun):
    """What a role may do. Whatever runs in the sandbox has no secret, and no network but that of its nodes where the
    program grants it to a role's trials: no dial changes that. Models, and tool servers with an address, are reached
    by the driver, which alone has keys."""

    role: str
    tools: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    editable: tuple[str, ...] = ()
    servers: tuple[str, ...] = ()
    """Tool servers that it may use, each with where it runs."""
    network: str = "off"
    """Addresses that its tools reach through the driver."""
    secrets: str = "none"


class BillPlan(Noun):
    """One unit of cost, in the small units of `Amounts` (wall-clock time in milliseconds)."""

    unit: str
    bound: int | None
    """The budget; never passed. None: not bounded."""
    one_trial: int | None
    """A trial's worst case; None for units that trials do not use."""
    one_call: int | None = None
    """The dearest model call's worst case; None for units that calls do not use, and where a price is not known."""
    worst: int | None
    """The most that the run can cost, trials that an infrastructure failure repeats aside where `bound` is None.
    None: no bound follows from the budget."""


class EdgePlan(Noun):
    id: str
    source: str
    target: str
    text: str
    """Payload and condition, in words. A cadence has its role as source and target."""


class Plan(Noun):
    schema_version: Literal[1] = 1
    manifest: str
    """Hash of the manifest."""
    org: str
    title: str
    folder: str = ""
    """Where the org was compiled from."""
    metric: str
    direction: str
    target: float | None = None
    run: str
    verify: str | None = None
    budget: dict[str, int]
    """Bounds by unit, `wall_ms` included."""
    roles: tuple[RolePlan, ...]
    edges: tuple[EdgePlan, ...]
    entries: tuple[str, ...]
    dials: tuple[DialPlan, ...]
    last_run: str = ""
    """The run that `hindsight` speaks of."""
    numbers: Numbers
    authority: tuple[AuthorityPlan, ...]
    bill: tuple[BillPlan, ...]
    fleet: Fleet | None = None
    keys: tuple[str, ...] = ()
    """Names of the environment variables that hold the keys that the models need."""
    unbounded: tuple[str, ...] = ()
    """What model calls may use up without a bound, a sentence each."""
    warnings: tuple[str, ...] = ()


def staleness(plan: Plan, manifest: Manifest, numbers: Numbers) -> str:
    """Why the plan is not what would run now; empty when it is. `numbers` are those that the manifest becomes now."""
    if plan.manifest != manifest.hash:
        return (
            f"the plan was made from manifest {plan.manifest[:12]} and the org now compiles to {manifest.hash[:12]}: "
            "make a new plan with `orgrun plan --out`"
        )
    if plan.numbers != numbers:
        changed = [key for key in type(numbers).model_fields if getattr(plan.numbers, key) != getattr(numbers, key)]
        return (
            f"the plan's numbers differ from the org's ({', '.join(changed)}): make a new plan with `orgrun plan --out`"
        )
    return ""
