"""Amounts of cost as people say them. Works on the small units of `Amounts` and on shares."""

from __future__ import annotations

_TIMES = {"gpu_ms": "GPU-", "cpu_ms": "CPU-", "wall_ms": ""}


def amount_text(unit: str, amount: int) -> str:
    """`120 trials`, `2,000,000 tokens`, `8 GPU-h`, `30 min` (wall clock), `$20.00`."""
    if unit == "usd_micro":
        return f"${amount / 1e6:.2f}"
    return _time_text(_TIMES[unit], amount) if unit in _TIMES else f"{amount:,} {unit}"


def small_dollars(usd_micro: int) -> str:
    """`$1.13`, `$0.0042`, `free`."""
    if not usd_micro:
        return "free"
    return f"${usd_micro / 1e6:.2f}" if usd_micro >= 100_000 else f"${usd_micro / 1e6:.2g}"


def share(value: float) -> str:
    """`30 %`, `66.7 %`."""
    return f"{value * 100:.3g} %"


def _time_text(kind: str, ms: int) -> str:
    """Milliseconds in the largest unit of which there is at least one."""
    for name, size in (("h", 3_600_000), ("min", 60_000)):
        if ms >= size:
            return f"{ms / size:.3g} {kind}{name}"
    return f"{ms / 1000:.3g} {kind}s"
