"""What can go wrong with a ledger: one tree, each fault one sentence with its remedy."""

from __future__ import annotations


class LedgerError(Exception):
    """The ledger refused, or could not be read or written. Nothing of the transaction was kept."""


class Fenced(LedgerError):
    """Another driver has taken over the run; this one must stop without writing."""

    def __init__(self, held: int, current: int) -> None:
        super().__init__(
            f"Another driver has taken over this run (epoch {current}; here {held}), so this process must stop."
        )
        self.held = held
        self.current = current


class BudgetExceeded(LedgerError):
    """A reservation does not fit into what is left. Nothing of it was written; the transaction may go on."""

    def __init__(self, unit: str, left: int, wanted: int, role: str = "") -> None:
        of = f" of role {role!r}" if role else ""
        super().__init__(f"The budget{of} has {left} {unit} left, {wanted} were wanted.")
        self.unit = unit
        self.left = left
        self.wanted = wanted
        self.role = role
        """Whose own bound it is; empty for the run's."""


class NotARun(LedgerError):
    """There is no ledger at the path, or not one that this version can read."""
