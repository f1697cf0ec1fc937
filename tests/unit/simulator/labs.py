"""Terms that the tests of the simulator share."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from orgruntime.model.amounts import Budget
from orgruntime.model.appetite import PRESETS, Preset
from orgruntime.model.manifest import Resources
from orgruntime.simulator.lab import Terms
from orgruntime.simulator.worlds import NOISES, WORLDS, NoiseName, World, WorldName


def world(name: str = "typical", noise: str = "gaussian", **rest: Any) -> World:
    return World(ideas=WORLDS[WorldName(name)], noise=NOISES[NoiseName(noise)], **rest)


def terms(preset: Preset = Preset.BALANCED, trials: int = 300, slots: int = 4, **changes: Any) -> Terms:
    """Without the dry spell, so that a run ends where its budget does. `dials`: of the appetite."""
    dials = {"dry_spell": 1.0, **changes.pop("dials", {})}
    made = Terms(
        appetite=PRESETS[preset].model_copy(update=dials),
        budget=Budget(trials=trials),
        world=world(),
        slots=slots,
        resources=Resources(gpus=1),
    )
    return replace(made, **changes)
