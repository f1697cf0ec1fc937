"""Writes of the books: reservations and their settlement, for trials and model calls alike.

Invariant: every change moves one row, `budget`, whose CHECK constraints refuse reserved + spent > bound in any unit.
"""

from __future__ import annotations

from collections.abc import Callable

from orgruntime.ledger.database import Database
from orgruntime.ledger.errors import BudgetExceeded
from orgruntime.ledger.journal import Journal
from orgruntime.ledger.schema import columns
from orgruntime.model.amounts import UNITS, Amounts

_RESERVE = "UPDATE budget SET " + ", ".join(f"reserved_{unit} = reserved_{unit} + ?" for unit in UNITS)
_SETTLE = "UPDATE budget SET " + ", ".join(
    f"reserved_{unit} = reserved_{unit} - ?, spent_{unit} = spent_{unit} + ?" for unit in UNITS
)
_CHARGE = (
    f"INSERT INTO spenders(role, species, {columns('used')}, gain) VALUES(?, ?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT(role, species) DO UPDATE SET gain = gain + excluded.gain, "
    + ", ".join(f"used_{unit} = used_{unit} + excluded.used_{unit}" for unit in UNITS)
)
_CHOSEN = (
    "SELECT role, model FROM choices WHERE inquiry = ?1 AND (?2 IS NULL OR visit = ?2) ORDER BY visit DESC LIMIT 1"
)
_CHARGE_CHOICE = (
    f"INSERT INTO choosers(role, model, {columns('used')}) VALUES(?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT(role, model) DO UPDATE SET "
    + ", ".join(f"used_{unit} = used_{unit} + excluded.used_{unit}" for unit in UNITS)
)

_NOTHING = (0,) * (len(UNITS) + 1)


def vector(amounts: Amounts) -> tuple[int, ...]:
    return (amounts.trials, amounts.gpu_ms, amounts.cpu_ms, amounts.tokens, amounts.usd_micro)


class Money(Journal):
    """The part of a transaction that moves amounts."""

    def __init__(self, db: Database, now: Callable[[], float], failpoint: Callable[[str], None]) -> None:
        super().__init__(db, now, failpoint)
        self._charged: dict[tuple[str, str], tuple[float, ...]] = {}

    def _hold(self, cap: Amounts) -> None:
        unit = self._db.refuses(_RESERVE, vector(cap))
        if unit is None:
            return
        left = self._db.rows(f"SELECT bound_{unit} - reserved_{unit} - spent_{unit} AS left FROM budget")[0]["left"]
        raise BudgetExceeded(unit, int(left), int(getattr(cap, unit)))

    def _release(self, cap: Amounts, used: Amounts) -> None:
        """`used` is at most `cap`, so this never passes a bound."""
        pairs = zip(vector(cap), vector(used), strict=True)
        self._db.write(_SETTLE, *(value for held, spent in pairs for value in (held, held and spent)))

    def _charge(self, role: str, species: str, used: Amounts, gain: float = 0.0) -> None:
        before = self._charged.get((role, species), _NOTHING)
        self._charged[role, species] = tuple(a + b for a, b in zip(before, (*vector(used), gain), strict=True))

    def _charge_choice(self, inquiry: str | None, visit: str | None, used: Amounts) -> None:
        """Charges what a step used to the model of its role's panel that it was given to, if it was given to one.
        Without a visit: the newest step of the inquiry that was."""
        if inquiry is None or not self._db.has("choosers"):
            return
        row = self._db.row(_CHOSEN, inquiry, int(visit) if visit is not None else None)
        if row is not None:
            self._db.write(_CHARGE_CHOICE, row["role"], row["model"], *vector(used))

    def _flush(self) -> None:
        super()._flush()
        self._db.write_many(_CHARGE, [(*who, *amounts) for who, amounts in self._charged.items()])
        self._charged.clear()
