"""Words of the command line that stand in for words of `program.md`, read by the same rules."""

from __future__ import annotations

from collections.abc import Callable

from orgruntime.compiler import words
from orgruntime.diagnostics.nearest import nearest

_READERS: dict[str, tuple[str, Callable[[str], float], float]] = {
    "trials": ("trials", words.count, 1),
    "gpu_hours": ("gpu_ms", words.hours, 3_600_000),
    "cpu_hours": ("cpu_ms", words.hours, 3_600_000),
    "usd": ("usd_micro", words.not_negative, 1_000_000),
    "tokens": ("tokens", words.whole, 1),
    "wall_clock": ("wall_ms", words.duration, 1000),
}


def budget_entry(key: str, value: str) -> tuple[str, int]:
    """The field of `Budget` and its amount for `KEY=VALUE` as under `budget:`. Raises ValueError with a sentence."""
    if key not in _READERS:
        near = nearest(key, list(_READERS))
        hint = f"; did you mean {near}?" if near else f"; the keys are {', '.join(_READERS)}"
        raise ValueError(f"there is no budget key {key!r}{hint}")
    field, reader, factor = _READERS[key]
    return field, max(0 if key in ("gpu_hours", "usd", "tokens") else 1, round(reader(value) * factor))
