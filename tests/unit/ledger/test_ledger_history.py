"""An earlier log in the ledger: kept as it was taken in, counted nowhere."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from ledger_cases import PAST, new_ledger

from orgruntime.ledger.audit import audit
from orgruntime.ledger.store import Ledger
from orgruntime.model.history import PastResult
from orgruntime.model.manifest import Direction


def test_rows_come_back_in_their_order(ledger: Ledger) -> None:
    assert ledger.history() == []
    with ledger.transaction() as tx:
        tx.add_history(PAST)
    assert ledger.history() == list(PAST)
    assert [(event.subject, event.body["rows"]) for event in ledger.events() if event.kind == "add-history"] == [
        ("results.tsv", 2),
        ("old.csv", 1),
    ]


def test_no_rows_are_no_event(ledger: Ledger) -> None:
    before = ledger.events()
    with ledger.transaction() as tx:
        tx.add_history(())
    assert ledger.events() == before


def test_nothing_of_the_science_sees_it(ledger: Ledger) -> None:
    seen = (ledger.counts(), ledger.digest(), ledger.amounts(), ledger.lead(), ledger.past(10), ledger.trials())
    with ledger.transaction() as tx:
        tx.add_history(PAST)
    assert seen == (
        ledger.counts(), ledger.digest(), ledger.amounts(), ledger.lead(), ledger.past(10), ledger.trials()
    )  # fmt: skip


def test_lines_for_readers_of_words(ledger: Ledger) -> None:
    with ledger.transaction() as tx:
        tx.add_history(PAST)
    assert ledger.history_lines(Direction.MINIMIZE) == (
        "results.tsv, old.csv: 3 rows (1 baseline, 1 keep, 1 crash)",
        "KEEP 0.98: wider",
        "baseline 0.99:",
        "crash: a rate of 10",
    )


def test_a_changed_row_is_found(tmp_path: Path) -> None:
    with new_ledger(tmp_path) as ledger, ledger.transaction() as tx:
        tx.add_history(PAST)
    path = tmp_path / "ledger.db"
    assert audit(path) == []
    with sqlite3.connect(path) as link:
        link.execute("UPDATE history SET metric = 0.5 WHERE n = 1")
    link.close()
    assert audit(path) == ["The history of results.tsv is not the one that was taken in."]


def test_a_ledger_from_before_the_table_has_no_history(tmp_path: Path) -> None:
    new_ledger(tmp_path).close()
    path = tmp_path / "ledger.db"
    with sqlite3.connect(path) as link:
        link.execute("DROP TABLE history")
    link.close()
    with Ledger.open(path) as ledger:
        assert ledger.history() == []
        assert ledger.history_lines(Direction.MAXIMIZE) == ()
    assert audit(path) == []


def test_hostile_words_are_kept_as_data(ledger: Ledger) -> None:
    row = PastResult(file="r'; DROP TABLE events;--", line=1, note="\u202e<script>")
    with ledger.transaction() as tx:
        tx.add_history((row,))
    assert ledger.history() == [row]
