"""Writes of model calls: the worst case of an attempt before it, what it came to after.

Knows roles, models and amounts; knows no server. Invariants: an attempt is reserved once and settled once; what a role
has reserved and spent is one row, so that a role's own bound costs one look; every settlement adds one row's worth to
the figures of its model.
"""

from __future__ import annotations

from orgruntime.ledger.errors import BudgetExceeded, LedgerError
from orgruntime.ledger.journal import known
from orgruntime.ledger.money import Money, vector
from orgruntime.ledger.rows import Receipt
from orgruntime.ledger.schema import columns
from orgruntime.ledger.views import amounts_of
from orgruntime.model.amounts import UNITS, Amounts, Budget
from orgruntime.model.dialogue import Usage
from orgruntime.model.ids import RoleSlug

CUT_OFF = "cut off"
"""The outcome of an attempt whose driver died: nobody knows what it came to, so it is charged in full."""

_HOLD = (
    f"INSERT INTO purses(role, {columns('reserved')}) VALUES(?, ?, ?, ?, ?, ?) ON CONFLICT(role) DO UPDATE SET "
    + ", ".join(f"reserved_{unit} = reserved_{unit} + excluded.reserved_{unit}" for unit in UNITS)
)
_FREE = (
    "UPDATE purses SET "
    + ", ".join(f"reserved_{unit} = reserved_{unit} - ?, spent_{unit} = spent_{unit} + ?" for unit in UNITS)
    + " WHERE role = ?"
)
_TRIED = (
    "INSERT INTO tries VALUES(?, ?, ?, 1, ?, ?, ?, ?, ?, ?) ON CONFLICT(role, model, outcome) DO UPDATE SET n = n + 1, "
    + ", ".join(
        f"{name} = {name} + excluded.{name}"
        for name in ("calls", "input", "output", "cache_read", "cache_write", "wall_ms")
    )
)


class CallWrites(Money):
    """The part of a transaction that reserves and settles attempts at model calls."""

    def reserve_spend(self, id: str, role: RoleSlug, model: str, cap: Amounts, within: Budget | None = None) -> bool:
        """Reserves the worst case of an attempt. False when `id` was reserved before.

        `within` bounds all that the role has reserved and spent. Raises BudgetExceeded with nothing written.
        """
        if self._db.row("SELECT 1 FROM spends WHERE id = ?", id):
            return False
        if within is not None:
            self._check_purse(role, cap, within)
        self._hold(cap)
        self._db.write(
            f"INSERT INTO spends(id, role, model, epoch, {columns('cap')}) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)",
            id, role, model, self._epoch, *vector(cap),
        )  # fmt: skip
        self._db.write(_HOLD, role, *vector(cap))
        self._event("reserve-spend", id, {"role": role, "model": model, "cap": known(cap)})
        return True

    def settle_spend(self, id: str, used: Amounts, receipt: Receipt | None = None) -> bool:
        """Charges an attempt, at most what was reserved. False when it was settled before.

        Raises LedgerError for an unknown id.
        """
        spend = self._db.row(f"SELECT role, model, state, {columns('cap')} FROM spends WHERE id = ?", id)
        if spend is None:
            raise LedgerError(f"No spend {id!r} was reserved, so none can be settled.")
        if spend["state"] == "settled":
            return False
        receipt = receipt or Receipt()
        cap = amounts_of(spend, "cap")
        used = used.capped(cap)
        assignments = ", ".join(f"used_{unit} = ?" for unit in UNITS)
        self._db.write(f"UPDATE spends SET state = 'settled', {assignments} WHERE id = ?", *vector(used), id)
        self._release(cap, used)
        moved = (value for pair in zip(vector(cap), vector(used), strict=True) for value in pair)
        self._db.write(_FREE, *moved, spend["role"])
        self._charge(spend["role"], spend["model"], used)
        inquiry, _, visit = id.partition("#")[0].rpartition(".")[0].rpartition(".")
        if visit.isdecimal():
            self._charge_choice(inquiry, visit, used)
        self._note(spend["role"], spend["model"], receipt)
        self._event("settle-spend", id, {"used": known(used), **receipt.told()})
        return True

    def spent_on(self, id: str) -> Amounts | None:
        """What a settled attempt cost; None for one that is open or unknown."""
        row = self._db.row(f"SELECT {columns('used')} FROM spends WHERE id = ? AND state = 'settled'", id)
        return amounts_of(row, "used") if row else None

    def settle_orphans(self) -> int:
        """Charges in full what drivers before this one had reserved and never settled; returns how many there were."""
        rows = self._db.rows(
            f"SELECT id, {columns('cap')} FROM spends WHERE state = 'reserved' AND epoch < ? ORDER BY id", self._epoch
        )
        for row in rows:
            self.settle_spend(row["id"], amounts_of(row, "cap"), Receipt(CUT_OFF))
        return len(rows)

    def _check_purse(self, role: RoleSlug, cap: Amounts, within: Budget) -> None:
        row = self._db.row("SELECT * FROM purses WHERE role = ?", role)
        taken = amounts_of(row, "reserved") + amounts_of(row, "spent") if row else Amounts()
        for unit, bound in within.bounds().items():
            left, wanted = bound - int(getattr(taken, unit)), int(getattr(cap, unit))
            if wanted > left:
                raise BudgetExceeded(unit, left, wanted, role)

    def _note(self, role: str, model: str, receipt: Receipt) -> None:
        used: Usage = receipt.usage
        self._db.write(
            _TRIED, role, model, receipt.outcome, int(receipt.is_first), used.input, used.output, used.cache_read,
            used.cache_write, receipt.wall_ms,
        )  # fmt: skip
        for capability, why in receipt.lacks.items():
            self._db.write(
                "INSERT INTO lacks VALUES(?, ?, ?) ON CONFLICT DO UPDATE SET why = excluded.why", model, capability, why
            )
