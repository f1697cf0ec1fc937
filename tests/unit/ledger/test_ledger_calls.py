"""Model calls in the books: a role's own bound, what became of each attempt, figures that are sums."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from ledger_cases import RESEARCHER, new_ledger

from orgruntime.ledger.audit import audit
from orgruntime.ledger.rows import Books, ModelRow, Receipt
from orgruntime.ledger.store import BudgetExceeded, Ledger, LedgerError
from orgruntime.model.amounts import Amounts, Budget
from orgruntime.model.dialogue import Usage
from orgruntime.model.ids import RoleSlug

DIRECTOR = RoleSlug("director")
CAP = Amounts(tokens=100, usd_micro=40)


def spend(ledger: Ledger, id: str, used: int, receipt: Receipt, role: RoleSlug = RESEARCHER, model: str = "m") -> None:
    with ledger.transaction() as tx:
        assert tx.reserve_spend(id, role, model, CAP)
        assert tx.settle_spend(id, Amounts(tokens=used), receipt)


def test_a_role_has_a_bound_of_its_own(ledger: Ledger, tmp_path: Path) -> None:
    within = Budget(tokens=250, usd_micro=10_000)
    with ledger.transaction() as tx:
        assert tx.reserve_spend("a", RESEARCHER, "m", CAP, within)
        assert tx.reserve_spend("b", RESEARCHER, "m", CAP, within)
        with pytest.raises(BudgetExceeded, match="The budget of role 'researcher' has 50 tokens left") as told:
            tx.reserve_spend("c", RESEARCHER, "m", CAP, within)
        assert (told.value.role, told.value.unit, told.value.left, told.value.wanted) == (
            RESEARCHER, "tokens", 50, 100
        )  # fmt: skip
        assert tx.reserve_spend("d", DIRECTOR, "m", CAP, within)
        assert tx.settle_spend("a", Amounts(tokens=10))
        assert tx.reserve_spend("c", RESEARCHER, "m", CAP, within)
    assert ledger.purse(RESEARCHER) == Books(Amounts(tokens=200, usd_micro=80), Amounts(tokens=10))
    assert ledger.purse(RoleSlug("nobody")) == Books(Amounts(), Amounts())
    assert audit(tmp_path / "ledger.db") == []


def test_the_run_refuses_before_the_role_has_taken_anything(tmp_path: Path) -> None:
    with new_ledger(tmp_path, Budget(trials=1, tokens=50)) as ledger:
        with ledger.transaction() as tx, pytest.raises(BudgetExceeded) as told:
            tx.reserve_spend("a", RESEARCHER, "m", CAP, Budget(tokens=1000))
        assert told.value.role == ""
        assert ledger.purse(RESEARCHER) == Books(Amounts(), Amounts())
    assert audit(tmp_path / "ledger.db") == []


def test_figures_are_sums_by_model(ledger: Ledger, tmp_path: Path) -> None:
    spend(ledger, "a", 30, Receipt(usage=Usage(input=10, output=5, cache_read=15), wall_ms=200))
    spend(ledger, "b", 0, Receipt("rate limited", wall_ms=5))
    spend(ledger, "b2", 9, Receipt(usage=Usage(input=5, output=4), is_first=False, lacks={"effort": "no"}, wall_ms=95))
    spend(ledger, "c", 2, Receipt("broken stream", Usage(output=2)), DIRECTOR)
    spend(ledger, "d", 1, Receipt(usage=Usage(input=1)), DIRECTOR, "other")
    mine = ModelRow(
        "m", calls=3, attempts=4, faults={"broken stream": 1, "rate limited": 1},
        usage=Usage(input=15, output=11, cache_read=15), wall_ms=300, lacks={"effort": "no"},
    )  # fmt: skip
    assert ledger.models() == [mine, ModelRow("other", 1, 1, {}, Usage(input=1), 0, {})]
    assert mine.cache_hits == 0.5
    assert [(row.model, row.attempts) for row in ledger.models(DIRECTOR)] == [("m", 1), ("other", 1)]
    assert ModelRow("x", 0, 0, {}, Usage(), 0, {}).cache_hits is None
    assert audit(tmp_path / "ledger.db") == []


def test_what_an_attempt_cost_can_be_asked(ledger: Ledger) -> None:
    with ledger.transaction() as tx:
        tx.reserve_spend("a", RESEARCHER, "m", CAP)
        assert tx.spent_on("a") is None
        tx.settle_spend("a", Amounts(tokens=1000))
        assert tx.spent_on("a") == Amounts(tokens=100)
        assert tx.spent_on("b") is None
        with pytest.raises(LedgerError, match="No spend 'b' was reserved"):
            tx.settle_spend("b", Amounts())


def test_only_what_earlier_drivers_left_is_an_orphan(ledger: Ledger, tmp_path: Path) -> None:
    with ledger.transaction() as tx:
        tx.reserve_spend("a", RESEARCHER, "m", CAP)
        tx.reserve_spend("b", RESEARCHER, "m", CAP)
        tx.settle_spend("b", Amounts(tokens=1))
        assert tx.settle_orphans() == 0
    ledger.take_over()
    with ledger.transaction() as tx:
        tx.reserve_spend("c", RESEARCHER, "m", CAP)
        assert tx.settle_orphans() == 1
        assert tx.settle_orphans() == 0
    assert ledger.amounts() == Books(CAP, Amounts(tokens=101, usd_micro=40))
    assert ledger.models()[0].faults == {"cut off": 1}
    assert audit(tmp_path / "ledger.db") == []


def test_a_ledger_that_is_older_than_the_figures_is_read_and_sound(ledger: Ledger, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "ledger.db") as link:
        link.executescript("DROP TABLE purses; DROP TABLE tries; DROP TABLE lacks;")
    assert ledger.models() == []
    assert ledger.purse(RESEARCHER) == Books(Amounts(), Amounts())
    assert audit(tmp_path / "ledger.db") == []
