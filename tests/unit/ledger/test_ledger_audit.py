"""Every finding of the audit is provoked once, by an edit behind the ledger's back."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from ledger_cases import drive, identity

from orgruntime.ledger.audit import audit
from orgruntime.ledger.store import Ledger, NotARun
from orgruntime.model.amounts import Budget
from orgruntime.model.ids import RunId

KEY = identity(1, 0).key


@pytest.fixture
def finished(tmp_path: Path) -> Path:
    """A ledger of a whole small run."""
    path = tmp_path / "ledger.db"
    with Ledger.create(path, run=RunId("r1"), manifest_hash="m", org="o", budget=Budget(trials=9), seed=1) as ledger:
        ledger.submit_idea("be better", "runtime")
        drive(ledger, lambda _: None)
    assert audit(path) == []
    return path


def edited(path: Path, script: str) -> list[str]:
    link = sqlite3.connect(path)
    link.executescript(
        "DROP TRIGGER events_are_not_changed; DROP TRIGGER events_are_not_removed;"
        f" PRAGMA foreign_keys = OFF; {script};"
    )
    link.close()
    return audit(path)


LAST = "(SELECT max(seq) FROM events)"


@pytest.mark.parametrize(
    ("script", "finding"),
    [
        ("UPDATE events SET body = replace(body, '2.4', '2.3') WHERE kind = 'settle'", "was changed"),
        ("UPDATE events SET t = t + 1 WHERE seq = 4", "Event 4 was changed"),
        ("UPDATE events SET subject = 'x' WHERE seq = 5", "Event 5 was changed"),
        ("UPDATE events SET kind = 'x' WHERE seq = 6", "Event 6 was changed"),
        ("UPDATE events SET hash = 'x' WHERE seq = 7", "Event 7 was changed"),
        ("DELETE FROM events WHERE seq = 5", "Event 5 is missing"),
        (f"DELETE FROM events WHERE seq = {LAST}", "events were cut off"),
        (
            f"INSERT INTO events SELECT seq + 1, t, kind, subject, body, hash FROM events WHERE seq = {LAST}",
            "was changed",
        ),
        ("UPDATE budget SET spent_trials = spent_trials - 1", "trials: 3 are spent in the books, the entries say 4"),
        ("UPDATE budget SET reserved_tokens = 5", "tokens: 5 are reserved in the books, the entries say 0"),
        ("UPDATE budget SET bound_trials = 1000", "not those that the run was created with"),
        ("UPDATE purses SET spent_tokens = 41", "tokens: the purse of researcher is not the sum"),
        ("UPDATE purses SET reserved_tokens = 1", "tokens: the purse of researcher is not the sum"),
        ("DELETE FROM purses", "tokens: the purse of researcher is not the sum"),
        ("UPDATE tries SET n = n + 1", "The figures of researcher and m (answered) are not the sum"),
        ("UPDATE tries SET cache_read = 7", "The figures of researcher and m (answered) are not the sum"),
        ("DELETE FROM tries", "The figures of researcher and m (answered) are not the sum"),
        ("INSERT INTO lacks VALUES('m', 'forced tools', 'no')", "What models were found to lack"),
        (
            "UPDATE spenders SET used_cpu_ms = 1 WHERE role = 'researcher' AND species = 'search/tpe'",
            "charged to roles",
        ),
        ("UPDATE attempts SET used_cpu_ms = cap_cpu_ms + 1 WHERE state = 'done'", "more than it had reserved"),
        ("UPDATE trials SET metric = 1.9 WHERE number = 2", "is not the one that was settled"),
        ("UPDATE trials SET score = 'crash' WHERE number = 2", "is not the one that was settled"),
        ("UPDATE attempts SET state = 'done' WHERE state = 'lost'", "2 accepted"),
        ("UPDATE attempts SET state = 'running' WHERE state = 'lost'", "1 running"),
        ("DELETE FROM attempts WHERE n = 1", "of which 1 are recorded"),
        ("UPDATE trials SET number = 77 WHERE number = 4", "Settlement numbers go up to 77"),
        ("UPDATE verdicts SET evidence = '[\"nothing\"]'", "rests on 'nothing'"),
        ("UPDATE verdicts SET word = 'discard'", "and its verdict disagree"),
        ("DELETE FROM champions WHERE certification IS NOT NULL", "the champion moves once"),
        ("UPDATE certifications SET state = 'futile'", "the champion moves once"),
        ("UPDATE champions SET commit_id = 'x' WHERE certification IS NOT NULL", "speaks of another commit"),
        (
            "UPDATE champions SET certificate = replace(certificate, '33.0', '99.0') WHERE certificate IS NOT NULL",
            "The document of c1 (close-certification)",
        ),
        ("UPDATE payloads SET body = '{}'", "The document of y1 (add-payload)"),
        ("UPDATE memos SET text = 'all is lost'", "The document of memo 1"),
        ("UPDATE counters SET n = n + 1 WHERE name = 'trials.settled'", "The counter trials.settled says 5"),
        ("DELETE FROM counters WHERE name = 'verdict.keep'", "The counter verdict.keep says 0"),
        ("UPDATE counters SET n = 9 WHERE name = 'ideas.queued'", "The counter ideas.queued says 9"),
        ("DELETE FROM proposals", "that is not there"),
        ("UPDATE findings SET text = 'narrow helps' WHERE id = 'f2'", "Finding f2 is not the one"),
        ("UPDATE findings SET state = 'pruned', superseded_by = NULL WHERE id = 'f1'", "Finding f1 is pruned, and"),
        ("DELETE FROM findings WHERE id = 'f2'", "Finding f2 is not the one"),
        ("UPDATE findings SET state = 'pruned' WHERE id = 'f2'", "The counter findings.active says 1"),
        ("UPDATE questions SET answer = 'decline' WHERE id = 'h1'", "its answer is not the one that was given"),
        ("UPDATE questions SET state = 'open' WHERE id = 'h2'", "Question h2 is open"),
        ("UPDATE questions SET text = 'shall I?' WHERE id = 'h3'", "Question h3 is not the one"),
        ("UPDATE choices SET model = 'other'", "Step q1.0 and the decision that gave it to m disagree"),
        ("UPDATE ablations SET part = 'DEPTH'", "The ablation of DEPTH of p1"),
        ("UPDATE ablations SET proposal = 'p1'", "The ablation of WIDTH of p1"),
        ("UPDATE events SET body = 'not json' WHERE kind = 'settle'", "could not be checked"),
    ],
)
def test_an_edit_is_found(finished: Path, script: str, finding: str) -> None:
    found = edited(finished, script)
    assert any(finding in line for line in found), found


def test_two_open_certifications_are_found(finished: Path) -> None:
    found = edited(
        finished,
        "DROP INDEX one_open_certification; INSERT INTO certifications(id, champion, lead, number, threshold, delta,"
        " scale, max_pairs, inquiry, opened_at_trial) SELECT 'c' || value, 'a', 'b', value, 1, 1, 1, 1, 'q1', 0 FROM"
        " (SELECT 8 AS value UNION SELECT 9)",
    )
    assert "More than one certification is open." in found


def test_an_overspent_budget_is_found(finished: Path) -> None:
    """SQL refuses to write this; only an edit of the schema could."""
    found = edited(
        finished,
        "PRAGMA ignore_check_constraints = ON; UPDATE budget SET bound_trials = 2",
    )
    assert "trials: 4 are reserved or spent of a budget of 2." in found


def test_a_damaged_page_is_a_finding(finished: Path) -> None:
    with finished.open("r+b") as file:
        file.seek(4096 * 9)
        file.write(b"\xff" * 4096)
    found = audit(finished)
    assert found


def test_there_is_nothing_to_audit(tmp_path: Path) -> None:
    with pytest.raises(NotARun):
        audit(tmp_path / "none.db")
