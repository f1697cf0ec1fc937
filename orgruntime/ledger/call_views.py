"""Reads of model calls: what a role has of its own budget, and what became of everything that a model was asked.

Knows the sums that settlements keep. O(roles × models), never O(calls).
"""

from __future__ import annotations

from orgruntime.ledger.rows import ANSWERED, Books, ModelRow
from orgruntime.ledger.views import View, amounts_of
from orgruntime.model.amounts import Amounts
from orgruntime.model.dialogue import Usage
from orgruntime.model.ids import RoleSlug

_SUMS = ("n", "calls", "input", "output", "cache_read", "cache_write", "wall_ms")


class CallViews(View):
    """Nothing in a ledger that is older than its tables."""

    def purse(self, role: RoleSlug) -> Books:
        """(reserved, spent) of a role's model calls."""
        row = self._row("SELECT * FROM purses WHERE role = ?", role) if self._keeps_calls() else None
        return Books(amounts_of(row, "reserved"), amounts_of(row, "spent")) if row else Books(Amounts(), Amounts())

    def models(self, role: RoleSlug | None = None) -> list[ModelRow]:
        """Every model that was asked (by one role), by name."""
        if not self._keeps_calls():
            return []
        sums = ", ".join(f"sum({name}) AS {name}" for name in _SUMS)
        where, values = ("WHERE role = ?", (role,)) if role is not None else ("", ())
        rows = self._rows(f"SELECT model, outcome, {sums} FROM tries {where} GROUP BY model, outcome", *values)
        lacks = self._lacks()
        found: dict[str, ModelRow] = {}
        for row in rows:
            old = found.get(row["model"]) or ModelRow(row["model"], 0, 0, {}, Usage(), 0, lacks.get(row["model"], {}))
            faults = old.faults if row["outcome"] == ANSWERED else {**old.faults, row["outcome"]: row["n"]}
            used = Usage(
                input=row["input"], output=row["output"], cache_read=row["cache_read"], cache_write=row["cache_write"]
            )
            found[old.model] = ModelRow(
                old.model, old.calls + row["calls"], old.attempts + row["n"], faults, old.usage + used,
                old.wall_ms + row["wall_ms"], old.lacks,
            )  # fmt: skip
        return [found[name] for name in sorted(found)]

    def _lacks(self) -> dict[str, dict[str, str]]:
        lacks: dict[str, dict[str, str]] = {}
        for row in self._rows("SELECT * FROM lacks ORDER BY model, capability"):
            lacks.setdefault(row["model"], {})[row["capability"]] = row["why"]
        return lacks

    def _keeps_calls(self) -> bool:
        return self._row("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'tries'") is not None
