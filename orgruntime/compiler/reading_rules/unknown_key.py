"""A key that nothing knows at its place."""

from __future__ import annotations

from collections.abc import Iterable

from orgruntime.compiler.keys import BUDGET, RESOURCES, RISK, every_key, homes, meant
from orgruntime.diagnostics.codes import UNKNOWN_KEY
from orgruntime.diagnostics.diagnostic import Fault
from orgruntime.diagnostics.nearest import did_you_mean, nearest
from orgruntime.diagnostics.pattern import pattern
from orgruntime.orgfile.misread import glued

CODE = UNKNOWN_KEY

_MEANT_IN = {
    "budget": {
        "gpu": "gpu_hours", "gpus": "gpu_hours", "cpu": "cpu_hours", "cpus": "cpu_hours", "time": "wall_clock",
        "time_limit": "wall_clock", "timeout": "wall_clock", "money": "usd",
    },
    "org": {
        "handoff": "hands_off_to", "handoff_to": "hands_off_to", "next": "hands_off_to", "output": "produces",
        "input": "inputs",
    },
    "objective": {"goal": "target", "threshold": "target", "name": "metric", "loss": "metric", "score": "metric"},
}  # fmt: skip
"""Words that people write for a key of one mapping, and that mean another thing elsewhere."""
_EQUALS = pattern(r"([A-Za-z_]\w*) *= *(\S.*)")


def key(name: str, where: str, known: tuple[str, ...], *, helped: bool = True) -> Fault:
    """`where`: the mapping, empty for the top level. `helped`: whether a near key is looked for."""
    place = f" in `{where}`" if where else ""
    if found := _EQUALS.fullmatch(name):
        return Fault(CODE, f"`{name}` is one word", f"write `{found[1]}: {found[2]}`")
    if parts := glued(name):
        return Fault(CODE, f"`{name}` is one word", f"write a blank behind the colon: `{parts[0]}: {parts[1]}`")
    return Fault(CODE, f"unknown key `{name}`{place}", _where_it_belongs(name, known, where) if helped else "")


def thousands(key: str, number: str) -> Fault:
    """Of a number with commas, in a mapping of one line."""
    return Fault(CODE, f"the number of `{key}` has commas, which part entries here", f"write `{key}: {number}`")


def resource(name: str, path: str, known: Iterable[str]) -> Fault:
    names = tuple(known)
    other = meant(name.casefold())
    help = f"did you mean `{other}`?" if other in names else did_you_mean(name.casefold(), names)
    return Fault(CODE, f"unknown resource `{name}` in `{path}`", help)


def bound(name: str, path: str, known: Iterable[str]) -> Fault:
    """Of a role's budget."""
    help = did_you_mean(name.casefold(), known)
    if name.casefold() in BUDGET:
        help = "it is bounded for the run, in `budget:`; a role has bounds on `usd` and `tokens`"
    return Fault(CODE, f"unknown bound `{name}` in `{path}`", help)


def input(name: str, role: str, known: tuple[str, ...]) -> Fault:
    message = f"the role `{role}` has no input `{name}`"
    help = did_you_mean(name, known) or "its file declares none: write `org: {inputs: {NAME: DEFAULT}}` there"
    return Fault(CODE, message, help)


def _where_it_belongs(name: str, known: tuple[str, ...], where: str) -> str:
    """The nearest key here; else the mapping whose key it is; else, where they are few, all keys of this one."""
    other = _MEANT_IN.get(where, {}).get(name.casefold()) or meant(name.casefold())
    if elsewhere := _of_a_role(name, other or name, where):
        return elsewhere
    if other in known:
        return f"did you mean `{other}`?"
    if where.startswith("org") or nearest(name, known):
        return did_you_mean(name, known)
    if places := _places(name):
        return f"this key belongs {places}"
    other = other or nearest(name, dict.fromkeys(key.name for _, key in every_key()))
    if other and (places := _places(other)):
        return f"did you mean `{other}`, which belongs {places}?"
    return did_you_mean(name, known)


def _of_a_role(name: str, other: str, where: str) -> str:
    """Where a key below `org:` belongs that is one of a trial's amounts, or a dial of the run."""
    if where == "org" and (name in RESOURCES or other == "memory"):
        resource = RESOURCES[other]
        return f"this key belongs under `org.resources`, as in `resources: {{{resource.name}: {resource.example}}}`"
    if where == "org.risk" and name in RISK:
        return "this dial is one of the whole run: set it under `risk` in program.md"
    return ""


def _places(name: str) -> str:
    return " or ".join(f"under `{home}`" if home else "at the top level" for home in homes(name))
