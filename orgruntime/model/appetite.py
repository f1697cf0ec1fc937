"""The declared risk appetite: eight dials, three presets. DESIGN: "the appetite is made of dials"."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from orgruntime.model.base import Noun
from orgruntime.model.vocabulary import Preset as Preset
from orgruntime.model.vocabulary import Setting as Setting


class Dial(StrEnum):
    """What a scheduling decision can name as its reason. The first eight are the appetite;
    the others are rules that no appetite can waive."""

    PROOF = "proof"
    SMALLEST_WIN = "smallest win"
    EXPLORATION = "exploration"
    OPTIMISM = "optimism"
    PATIENCE = "patience"
    STAKE = "stake"
    DRY_SPELL = "dry spell"
    BLAST_RADIUS = "blast radius"
    BUDGET = "budget"
    BASELINE_FIRST = "baseline first"
    CAPACITY = "capacity"
    FROZEN = "frozen files"
    PEOPLE = "people"
    """A person was asked, and nothing else is left to do."""
    INFRASTRUCTURE = "infrastructure"
    """The cluster loses whatever it is given."""


class BlastRadius(Noun):
    """The largest change that needs no approval."""

    files: int = Field(ge=1)
    lines: int = Field(ge=1)
    """Added plus removed lines."""
    gpus: float = Field(ge=0)
    minutes: float = Field(gt=0)
    """The time limit of one trial."""


class Appetite(Noun):
    """The dials as numbers. Sources of the defaults: the table of DESIGN §6."""

    preset: Preset
    false_champions: float = Field(gt=0, lt=1)
    """α of the run: the false discovery rate of champions."""
    smallest_win: float = Field(ge=0)
    """δ in units of the noise floor's pair standard deviation."""
    exploration: float = Field(ge=0, le=0.8)
    optimism: float = Field(ge=0.5, lt=1)
    keep_per_rung: float = Field(gt=0, le=1)
    largest_stake: float = Field(gt=0, le=1)
    dry_spell: float = Field(gt=0, le=1)
    blast_radius: BlastRadius


PRESETS: dict[Preset, Appetite] = {
    Preset.CAUTIOUS: Appetite(
        preset=Preset.CAUTIOUS, false_champions=0.01, smallest_win=1.0, exploration=0.10, optimism=0.60,
        keep_per_rung=2 / 3, largest_stake=0.02, dry_spell=0.15,
        blast_radius=BlastRadius(files=1, lines=100, gpus=1, minutes=15),
    ),
    Preset.BALANCED: Appetite(
        preset=Preset.BALANCED, false_champions=0.05, smallest_win=0.5, exploration=0.30, optimism=0.90,
        keep_per_rung=1 / 2, largest_stake=0.05, dry_spell=0.25,
        blast_radius=BlastRadius(files=5, lines=400, gpus=4, minutes=60),
    ),
    Preset.BOLD: Appetite(
        preset=Preset.BOLD, false_champions=0.20, smallest_win=0.25, exploration=0.60, optimism=0.97,
        keep_per_rung=1 / 3, largest_stake=0.15, dry_spell=0.50,
        blast_radius=BlastRadius(files=20, lines=2000, gpus=16, minutes=360),
    ),
}  # fmt: skip

SETTINGS: dict[Setting, Appetite] = {
    Setting.AVERSE: Appetite(
        preset=Preset.CAUTIOUS, false_champions=0.001, smallest_win=2.0, exploration=0.0, optimism=0.50,
        keep_per_rung=1.0, largest_stake=0.005, dry_spell=0.05,
        blast_radius=BlastRadius(files=1, lines=20, gpus=1, minutes=5),
    ),
    Setting.MINIMAL: Appetite(
        preset=Preset.CAUTIOUS, false_champions=0.005, smallest_win=1.5, exploration=0.05, optimism=0.55,
        keep_per_rung=3 / 4, largest_stake=0.01, dry_spell=0.10,
        blast_radius=BlastRadius(files=1, lines=50, gpus=1, minutes=10),
    ),
    Setting.CAUTIOUS: PRESETS[Preset.CAUTIOUS],
    Setting.BALANCED: PRESETS[Preset.BALANCED],
    Setting.OPEN: PRESETS[Preset.BALANCED],
    Setting.BOLD: PRESETS[Preset.BOLD],
    Setting.EAGER: PRESETS[Preset.BOLD],
}  # fmt: skip
"""What each word says of each dial. The two below `cautious` are no presets: a run in which every dial is averse
explores nothing and proves next to nothing."""
