"""Words of the command line that stand in for words of `program.md`, read by the same rules."""

from __future__ import annotations

from collections.abc import Callable

from orgruntime.compiler import words
from orgruntime.compiler.nodes import split_commas
from orgruntime.compiler.panel import read_panel
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.diagnostics.nearest import nearest
from orgruntime.diagnostics.span import Span
from orgruntime.model.manifest import Choice
from orgruntime.orgfile.tree import ScalarNode

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


def panel_entry(text: str) -> tuple[tuple[str, ...], Choice, tuple[float, ...], str | None]:
    """Names, choice, shares and fallback of a panel as in the table of roles. Raises ValueError with a sentence."""
    findings = Findings()
    panel = read_panel(split_commas(ScalarNode(Span("--model"), text)), findings)
    for fault in findings:
        raise ValueError(f"{fault.message}; {fault.help}".rstrip("; "))
    behind = panel.fallback.text if panel.fallback else None
    return tuple(node.text for node in panel.names), panel.choice, panel.shares, behind
