"""The `risk:` key as the eight dials. Knows the presets and the limits of each dial, nothing of scheduling.

Invariant: what is not set comes from the preset, and no dial leaves the range in which its rule holds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from orgruntime.compiler import words
from orgruntime.compiler.fields import Fields, one_of
from orgruntime.compiler.words import OutOfRange
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.model.appetite import PRESETS, Appetite, BlastRadius, Preset
from orgruntime.orgfile.tree import MapNode, Node, ScalarNode


@dataclass(frozen=True)
class _Dial:
    read: Callable[[str], float]
    low: float
    high: float
    open_low: bool = False
    open_high: bool = False


_DIALS: dict[str, _Dial] = {
    "false_champions": _Dial(words.share, 0, 1, open_low=True, open_high=True),
    "smallest_win": _Dial(words.times_noise, 0, 100),
    "exploration": _Dial(words.share, 0, 0.8),
    "optimism": _Dial(words.share, 0.5, 1, open_high=True),
    "keep_per_rung": _Dial(words.share, 0, 1, open_low=True),
    "largest_stake": _Dial(words.share, 0, 1, open_low=True),
    "dry_spell": _Dial(words.share, 0, 1, open_low=True),
}
_KEYS = ("preset", *_DIALS, "blast_radius")
_RADIUS = ("files", "lines", "gpus", "time")


def bind_risk(parent: Fields, findings: Findings) -> Appetite:
    """The appetite of `risk: PRESET` or `risk: {preset: …, DIAL: …}`; balanced where it is absent or faulty."""
    value: Node | None = parent.value("risk")
    if value is None:
        return PRESETS[Preset.BALANCED]
    if not isinstance(value, MapNode):
        return PRESETS[parent.choice("risk", Preset) or Preset.BALANCED]
    fields = Fields(value, "risk", _KEYS, findings)
    base = PRESETS[fields.choice("preset", Preset) or Preset.BALANCED]
    changed: dict[str, Any] = {}
    for key, dial in _DIALS.items():
        read = fields.read(key, lambda text, key=key, dial=dial: _setting(text, key, dial))  # type: ignore[misc]  # mypy cannot type a lambda with defaults
        if read is not None:
            changed[key] = read
    changed["blast_radius"] = _radius(fields, base.blast_radius, findings)
    return base.model_copy(update=changed)


def _setting(text: str, key: str, dial: _Dial) -> float:
    """A number in the dial's range, or the word of a preset, which stands for that preset's setting."""
    if text.isalpha() and text.casefold() not in ("nan", "inf", "infinity"):
        return float(getattr(PRESETS[one_of(text, Preset)], key))
    value = dial.read(text)
    below = value <= dial.low if dial.open_low else value < dial.low
    above = value >= dial.high if dial.open_high else value > dial.high
    if below or above:
        left = "above" if dial.open_low else "at least"
        right = "below" if dial.open_high else "at most"
        raise OutOfRange(f"`{text}` is out of range", f"write a number {left} {dial.low:g} and {right} {dial.high:g}")
    return value


def _radius(fields: Fields, base: BlastRadius, findings: Findings) -> BlastRadius:
    value = fields.value("blast_radius")
    if isinstance(value, ScalarNode):
        preset = fields.choice("blast_radius", Preset)
        return PRESETS[preset].blast_radius if preset else base
    inner = fields.mapping("blast_radius", _RADIUS)
    if inner is None:
        return base
    seconds = inner.read("time", words.duration)
    read = {
        "files": inner.read("files", words.count),
        "lines": inner.read("lines", words.count),
        "gpus": inner.read("gpus", words.not_negative),
        "minutes": None if seconds is None else seconds / 60,
    }
    return base.model_copy(update={key: number for key, number in read.items() if number is not None})
