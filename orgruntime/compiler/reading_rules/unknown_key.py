"""A key that nothing knows at its place."""

from __future__ import annotations

from collections.abc import Iterable

from orgruntime.compiler.keys import every_key, homes, meant
from orgruntime.diagnostics.codes import UNKNOWN_KEY
from orgruntime.diagnostics.diagnostic import Fault
from orgruntime.diagnostics.nearest import did_you_mean, nearest

CODE = UNKNOWN_KEY


def key(name: str, where: str, known: tuple[str, ...], *, helped: bool = True) -> Fault:
    """`where`: the mapping, empty for the top level. `helped`: whether a near key is looked for."""
    place = f" in `{where}`" if where else ""
    return Fault(CODE, f"unknown key `{name}`{place}", _where_it_belongs(name, known, where) if helped else "")


def resource(name: str, path: str, known: Iterable[str]) -> Fault:
    return Fault(CODE, f"unknown resource `{name}` in `{path}`", did_you_mean(name.casefold(), known))


def _where_it_belongs(name: str, known: tuple[str, ...], where: str) -> str:
    """The nearest key here; else the mapping whose key it is; else, where they are few, all keys of this one."""
    other = meant(name.casefold())
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


def _places(name: str) -> str:
    return " or ".join(f"under `{home}`" if home else "at the top level" for home in homes(name))
