"""`orgrun simulate`: an org's appetite and budget in a made-up world, many times, beside a rule that keeps what scores
best. Nothing of the org is run.

Invariant: equal words and seed give equal figures; run n has seed + n, whatever the number of runs.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from math import floor
from pathlib import Path

from orgruntime.api.errors import UserError
from orgruntime.api.orgs import load_org
from orgruntime.model.base import Noun
from orgruntime.model.manifest import Manifest, Role, RoleKind
from orgruntime.model.simulation import Simulation
from orgruntime.model.species import is_language_model
from orgruntime.simulator.figures import endings, figures_of_greedy, figures_of_runs
from orgruntime.simulator.greedy import greedy_run
from orgruntime.simulator.lab import Terms, simulate
from orgruntime.simulator.worlds import NOISES, WORLDS, NoiseName, World, WorldName

DEFAULT_SLOTS = 4
TYPICAL_SHARE_OF_LIMIT = 0.25
"""A trial takes so much of its time limit, and a straggler four times as long."""
THINKING_S = {True: 60.0, False: 5.0}
"""From an invitation to a proposal, with a language model and without."""
ENDINGS = (".png", ".svg")


class Setting(Noun):
    """What is simulated beside the org. `slots` or `gpus`, or neither."""

    world: str = "typical"
    noise: str = "gaussian"
    slots: int | None = None
    gpus: float | None = None
    runs: int = 100
    seed: int = 0
    go_on: bool = False
    """Somebody answers every dry spell by going on."""


def simulate_org(
    org: Path, budget: Mapping[str, str], setting: Setting, progress: Callable[[], None] = lambda: None
) -> Simulation:
    """`progress` is called once a run. Raises UserError."""
    manifest, _ = load_org(org, budget=budget)
    terms = terms_of(manifest, setting)
    runs, greedy = [], []
    for n in range(setting.runs):
        run = simulate(terms, setting.seed + n)
        runs.append(run)
        greedy.append(greedy_run(terms.world, max(1, run.trials), terms.appetite.exploration, setting.seed + n))
        progress()
    return Simulation(
        org=manifest.org,
        preset=manifest.appetite.preset.value,
        world=setting.world,
        noise=setting.noise,
        slots=terms.slots,
        seed=setting.seed,
        runs=tuple(runs),
        greedy=tuple(greedy),
    )


def terms_of(manifest: Manifest, setting: Setting) -> Terms:
    """Raises UserError for an org without a bound that trials use up, and for GPUs that no trial fits on."""
    if not manifest.budget.is_bounded:
        raise UserError(
            f"{manifest.org} has no finite budget: add e.g. `budget: {{trials: 100}}` to its program.md, "
            "or pass --budget trials=100"
        )
    role = next(role for role in manifest.roles if role.kind is RoleKind.EXPERIMENT)
    limit = manifest.workspace.time_limit_s if role.minutes is None else role.minutes * 60
    world = World(
        ideas=WORLDS[WorldName(setting.world)],
        noise=NOISES[NoiseName(setting.noise)],
        trial_s=TYPICAL_SHARE_OF_LIMIT * limit,
        think_s=THINKING_S[_thinks(manifest)],
        language_models=_thinks(manifest),
    )
    return Terms(
        appetite=manifest.appetite,
        budget=manifest.budget,
        world=world,
        slots=_slots(role, setting),
        resources=role.resources,
        time_limit_s=limit,
        go_on=setting.go_on,
    )


def _slots(role: Role, setting: Setting) -> int:
    """Trials that the cluster holds at once; fractions of a GPU are packed whole, as Ray packs them."""
    if setting.gpus is None:
        return setting.slots or DEFAULT_SLOTS
    each = role.resources.all_gpus
    if each == 0:
        raise UserError(f"a trial of {role.slug} holds no GPU: say how many run at once with --slots N")
    slots = floor(setting.gpus / each + 1e-9) if each >= 1 else floor(1 / each + 1e-9) * floor(setting.gpus + 1e-9)
    if slots == 0:
        raise UserError(f"a trial of {role.slug} holds {each:g} GPUs: --gpus {setting.gpus:g} is too few")
    return slots


def _thinks(manifest: Manifest) -> bool:
    agents = [role for role in manifest.roles if role.kind is RoleKind.AGENT]
    return any(is_language_model(manifest.species_of(name).species) for role in agents for name in role.species)


def as_json(simulation: Simulation) -> str:
    """Figures with intervals, why runs ended, and each run without its curve."""
    told = simulation.model_dump(mode="json", exclude={"runs", "greedy"})
    told["figures"] = {name: figure.model_dump() for name, figure in figures_of_runs(simulation.runs).items()}
    told["greedy"] = {name: figure.model_dump() for name, figure in figures_of_greedy(simulation.greedy).items()}
    told["ended"] = dict(endings(simulation.runs))
    told["runs"] = [run.model_dump(mode="json", exclude={"curve"}) for run in simulation.runs]
    return json.dumps(told, ensure_ascii=False)


def check_picture(path: Path) -> None:
    """Before hours of simulation. Raises UserError for a name that says no format."""
    if path.suffix.lower() not in ENDINGS:
        raise UserError(f"{path} says no format: let it end in {' or '.join(ENDINGS)}")


def draw_simulation(path: Path, simulation: Simulation) -> None:
    """Raises UserError when the file cannot be written."""
    from orgruntime.report.simulation import simulation_png, simulation_svg

    svg = path.suffix.lower() == ".svg"
    content = simulation_svg(simulation).encode() if svg else simulation_png(simulation)
    try:
        path.write_bytes(content)
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}") from error
