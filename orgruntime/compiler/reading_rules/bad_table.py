"""A table of the program that cannot be read as roles or payloads."""

from __future__ import annotations

from collections.abc import Iterable

from orgruntime.diagnostics.codes import BAD_TABLE
from orgruntime.diagnostics.diagnostic import Fault
from orgruntime.diagnostics.nearest import did_you_mean

CODE = BAD_TABLE


def none(section: str, columns: Iterable[str]) -> Fault:
    first = list(columns)[:2]
    help = f"begin it with `| {' | '.join(first)} |` and a line `|{'---|' * len(first)}` below"
    return Fault(CODE, f"the section `{section}` has no table", help)


def no_link() -> Fault:
    message = "the cell `role` must hold one link to a role file"
    return Fault(CODE, message, "write it as `[Researcher](roles/researcher.md)`")


def unknown_column(name: str, known: Iterable[str]) -> Fault:
    known = tuple(known)
    words = ", ".join(f"`{one}`" for one in known)
    meant = meant_column(name)
    near = f"did you mean `{meant}`?" if meant in known else did_you_mean(name, known)
    return Fault(CODE, f"unknown column `{name}`", near or f"the columns are {words}")


def meant_column(name: str) -> str:
    """The column that another word for it means; empty for a word that is none."""
    return _MEANT.get(name, "")


_MEANT = {
    "name": "role", "agent": "role", "agents": "role", "who": "role", "type": "kind", "number": "count", "#": "count",
    "n": "count", "desks": "count", "instances": "count", "replicas": "count", "llm": "model", "models": "model",
    "species": "model", "hardware": "resources", "compute": "resources", "needs": "resources", "gpu": "resources",
    "gpus": "resources", "cost": "budget", "limit": "budget", "key": "field", "fields": "field", "optional": "required",
    "description": "meaning",
}  # fmt: skip
"""Words that people write for a column."""


def no_column(name: str) -> Fault:
    return Fault(CODE, f"the table has no column `{name}`", "add it as the first column")


def too_few_cells(given: int, columns: int, name: str) -> Fault:
    """`name`: the first column whose cell is missing."""
    message = (
        f"the row has {given} cells, and the table {columns} columns: the cell `{name}` is missing before this one"
    )
    return Fault(CODE, message, "leave it empty, as `| |`")


def too_many_cells() -> Fault:
    message = "the row has more cells than the table has columns"
    return Fault(CODE, message, "write a bar inside of a cell as `\\|`")
