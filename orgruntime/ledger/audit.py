"""Whether a ledger is what it claims to be. Reads everything, writes nothing; O(size of the ledger).

Invariant: an empty list means that the chain is whole, the books are the sum of their entries and below every bound,
nothing was settled or accepted twice, and every verdict, certificate and counter has its evidence.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import groupby
from pathlib import Path

from orgruntime.ledger import memory_audit
from orgruntime.ledger.chain import events
from orgruntime.ledger.database import Database
from orgruntime.ledger.errors import LedgerError
from orgruntime.ledger.history import HistoryView
from orgruntime.ledger.journal import fingerprint, sealed, spelled
from orgruntime.ledger.store import Ledger
from orgruntime.model.amounts import UNITS
from orgruntime.model.dialogue import Usage


def audit(path: Path) -> list[str]:
    """Findings, one sentence each; [] for a sound ledger. May run while a driver writes. Raises NotARun."""
    with Ledger.open_readonly(path) as ledger, ledger.snapshot():
        return [finding for check in _CHECKS for finding in _tried(check, ledger.database)]


def _tried(check: Callable[[Database], Iterator[str]], db: Database) -> list[str]:
    """A check that the file's damage stops is itself a finding."""
    try:
        return list(check(db))
    except (LedgerError, ValueError, TypeError) as error:
        return [f"{check.__name__.strip('_')} could not be checked: {error}"]


def _integrity(db: Database) -> Iterator[str]:
    for row in db.rows("PRAGMA integrity_check"):
        if row[0] != "ok":
            yield f"SQLite finds the file damaged: {row[0]}"
    for row in db.rows("PRAGMA foreign_key_check"):
        yield f"A row of {row[0]} refers to a row of {row[2]} that is not there."


def _chain(db: Database) -> Iterator[str]:
    prev, seq = "", 0
    for row in events(db):
        if row["seq"] != seq + 1:
            yield f"Event {seq + 1} is missing."
            return
        seq = row["seq"]
        head = sealed(prev, (seq, row["t"], row["kind"], row["subject"], row["body"]))
        if head != row["hash"]:
            yield f"Event {seq} was changed, or does not follow the one before it."
            return
        prev = head
    end = db.rows("SELECT last_seq, head FROM run")[0]
    if (seq, prev) != (end["last_seq"], end["head"]):
        yield f"The chain ends at event {seq}, the run's row says {end['last_seq']}: events were cut off."


def _books(db: Database) -> Iterator[str]:
    budget = db.rows("SELECT * FROM budget")[0]
    for unit in UNITS:
        reserved = _sum(db, "cap", unit, "state = 'running'", "state = 'reserved'")
        spent = _sum(db, "used", unit, "state != 'running'", "state != 'reserved'")
        if budget[f"reserved_{unit}"] != reserved:
            yield f"{unit}: {budget[f'reserved_{unit}']} are reserved in the books, the entries say {reserved}."
        if budget[f"spent_{unit}"] != spent:
            yield f"{unit}: {budget[f'spent_{unit}']} are spent in the books, the entries say {spent}."
        charged = db.rows(f"SELECT coalesce(sum(used_{unit}), 0) FROM spenders")[0][0]
        if charged != spent:
            yield f"{unit}: {charged} are charged to roles, {spent} were spent."
        bound = budget[f"bound_{unit}"]
        if bound is not None and reserved + spent > bound:
            yield f"{unit}: {reserved + spent} are reserved or spent of a budget of {bound}."
        for table in ("attempts", "spends"):
            if db.row(f"SELECT 1 FROM {table} WHERE used_{unit} > cap_{unit}"):
                yield f"{unit}: an entry of {table} used more than it had reserved."


def _sum(db: Database, column: str, unit: str, attempts: str, spends: str) -> int:
    return sum(
        int(db.rows(f"SELECT coalesce(sum({column}_{unit}), 0) FROM {table} WHERE {where}")[0][0])
        for table, where in (("attempts", attempts), ("spends", spends))
    )


def _purses(db: Database) -> Iterator[str]:
    """What roles have reserved and spent on model calls is the sum of their attempts."""
    if not _keeps_calls(db):
        return
    for unit in UNITS:
        sums = "SELECT role, sum(reserved) AS reserved, sum(spent) AS spent FROM ("
        sums += (
            f"SELECT role, cap_{unit} * (state = 'reserved') AS reserved, used_{unit} AS spent FROM spends UNION ALL "
        )
        sums += f"SELECT role, -reserved_{unit}, -spent_{unit} FROM purses) GROUP BY role"
        for row in db.rows(f"SELECT * FROM ({sums}) WHERE reserved != 0 OR spent != 0"):
            yield f"{unit}: the purse of {row['role']} is not the sum of its model calls."


def _tries(db: Database) -> Iterator[str]:
    """The figures of the models are the sum of the settlements in the chain."""
    if not _keeps_calls(db):
        return
    told: dict[tuple[str, ...], list[int]] = {}
    lacks: set[tuple[str, str]] = set()
    for event in events(db, "settle-spend"):
        body = json.loads(event["body"])
        spend = db.row("SELECT role, model FROM spends WHERE id = ?", event["subject"])
        if spend is None:
            yield f"The settled model call {event['subject']} was never reserved."
            continue
        usage = body.get("usage", {})
        added = [1, int(not body.get("again")), *(usage.get(kind, 0) for kind in Usage.model_fields), body["ms"]]
        key = (spend["role"], spend["model"], body["outcome"])
        told[key] = [a + b for a, b in zip(told.get(key, [0] * len(added)), added, strict=True)]
        lacks.update((spend["model"], capability) for capability in body.get("lacks", {}))
    held = {tuple(row)[:3]: list(row)[3:] for row in db.rows("SELECT * FROM tries")}
    for role, model, outcome in sorted(told.keys() | held.keys()):
        if told.get((role, model, outcome)) != held.get((role, model, outcome)):
            yield f"The figures of {role} and {model} ({outcome}) are not the sum of their settlements."
    if lacks != {tuple(row) for row in db.rows("SELECT model, capability FROM lacks")}:
        yield "What models were found to lack is not what the settlements say."


def _keeps_calls(db: Database) -> bool:
    return db.row("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'tries'") is not None


def _bounds(db: Database) -> Iterator[str]:
    """The bounds that are enforced are the ones that the run was created with."""
    told = json.loads(db.rows("SELECT body FROM events WHERE seq = 1 AND kind = 'create'")[0]["body"])["bounds"]
    held = db.rows("SELECT * FROM budget")[0]
    if told != {unit: held[f"bound_{unit}"] for unit in UNITS if held[f"bound_{unit}"] is not None}:
        yield "The bounds of the budget are not those that the run was created with."


def _trials(db: Database) -> Iterator[str]:
    for row in db.rows(
        "SELECT t.key, t.state, t.attempts, count(a.n) AS tries, sum(a.state = 'done') AS accepted,"
        " sum(a.state = 'running') AS running FROM trials t LEFT JOIN attempts a ON a.trial = t.n GROUP BY t.n"
        " HAVING accepted != (t.state = 'done') OR running != (t.state = 'running') OR tries != t.attempts"
    ):
        yield (
            f"Trial {row['key']} is {row['state']} after {row['attempts']} attempts, of which {row['tries']} are"
            f" recorded, {row['accepted']} accepted and {row['running']} running."
        )
    last = db.rows("SELECT count(number) AS n, coalesce(max(number), 0) AS last FROM trials")[0]
    if last["n"] != last["last"]:
        yield f"Settlement numbers go up to {last['last']}, but {last['n']} trials have one."


def _results(db: Database) -> Iterator[str]:
    """A trial's result is the one of the event that settled it."""
    settled: set[str] = set()
    for event in events(db, "settle"):
        key, _, _ = event["subject"].rpartition(".")
        if event["subject"] in settled:
            yield f"Attempt {event['subject']} was settled twice."
        settled.add(event["subject"])
        body = json.loads(event["body"])
        if "score" not in body:
            continue
        trial = db.row("SELECT score, metric FROM trials WHERE key = ?", key)
        if trial is None or (trial["score"], trial["metric"]) != (body["score"], body["metric"]):
            yield f"The result of trial {key} is not the one that was settled."
    attempts = db.rows("SELECT count(*) FROM attempts WHERE state != 'running'")[0][0]
    if attempts != len(settled):
        yield f"{attempts} attempts are settled, {len(settled)} settlements are in the chain."


def _verdicts(db: Database) -> Iterator[str]:
    for row in db.rows("SELECT proposal, evidence FROM verdicts"):
        for name in json.loads(row["evidence"]):
            if not db.row("SELECT 1 FROM trials WHERE key = ? AND number IS NOT NULL", name) and not db.row(
                "SELECT 1 FROM certifications WHERE id = ?", name
            ):
                yield f"The verdict on {row['proposal']} rests on {name!r}: no settled trial, no certification."
    for row in db.rows(
        "SELECT p.id FROM proposals p LEFT JOIN verdicts v ON v.proposal = p.id WHERE p.verdict IS NOT v.word"
    ):
        yield f"Proposal {row['id']} and its verdict disagree."


def _certifications(db: Database) -> Iterator[str]:
    if db.rows("SELECT count(*) FROM certifications WHERE state = 'running'")[0][0] > 1:
        yield "More than one certification is open."
    for row in db.rows(
        "SELECT c.id FROM certifications c LEFT JOIN champions h ON h.certification = c.id"
        " GROUP BY c.id HAVING count(h.n) != (c.state = 'passed')"
    ):
        yield f"Certification {row['id']}: the champion moves once for each that passed, and for no other."
    for row in db.rows("SELECT commit_id, certification, certificate FROM champions WHERE certification IS NOT NULL"):
        certificate = json.loads(row["certificate"])
        if (certificate["id"], certificate["champion_after"]) != (row["certification"], row["commit_id"]):
            yield f"The certificate of champion {row['commit_id']} speaks of another commit or certification."


def _documents(db: Database) -> Iterator[str]:
    """What the chain holds only the hash of: payloads, certificates, memos."""
    for kind, sql in _DOCUMENTS.items():
        told = {event["subject"]: json.loads(event["body"]).get("sha256") for event in events(db, kind)}
        for row in db.rows(sql):
            if told.get(row["subject"]) != fingerprint(row["text"]):
                yield f"The document of {row['subject']} ({kind}) is not the one that was recorded."


def _history(db: Database) -> Iterator[str]:
    """The rows of an earlier log are those that were taken in."""
    rows = HistoryView(db).history()
    told = {event["subject"]: json.loads(event["body"])["sha256"] for event in events(db, "add-history")}
    held = {
        file: fingerprint(spelled([row.model_dump(mode="json") for row in group]))
        for file, group in groupby(rows, key=lambda row: row.file)
    }
    for file in sorted(told.keys() | held.keys()):
        if told.get(file) != held.get(file):
            yield f"The history of {file} is not the one that was taken in."


def _counters(db: Database) -> Iterator[str]:
    held = {row["name"]: row["n"] for row in db.rows("SELECT * FROM counters WHERE n != 0")}
    counted = {row[0]: row[1] for sql in (*_COUNTED, *memory_audit.counted(db)) for row in db.rows(sql) if row[1]}
    for name in sorted(held.keys() | counted.keys()):
        if held.get(name, 0) != counted.get(name, 0):
            yield f"The counter {name} says {held.get(name, 0)}, the rows say {counted.get(name, 0)}."


_DOCUMENTS = {
    "add-payload": "SELECT id AS subject, body AS text FROM payloads",
    "close-certification": "SELECT certification AS subject, certificate AS text FROM champions"
    " WHERE certificate IS NOT NULL",
    "add-memo": "SELECT 'memo ' || n AS subject, text FROM memos",
}
_COUNTED = (
    "SELECT 'ideas.' || state, count(*) FROM ideas GROUP BY state",
    "SELECT 'ideas.total', count(*) FROM ideas",
    "SELECT 'trials.running', count(*) FROM trials WHERE state = 'running'",
    "SELECT 'trials.settled', count(number) FROM trials",
    "SELECT 'trials.verification', count(number) FROM trials WHERE purpose IN ('certify', 'lap') AND state = 'done'",
    "SELECT 'verdict.' || p.verdict, count(t.number) FROM trials t JOIN proposals p ON p.id = t.proposal"
    " WHERE p.verdict IS NOT NULL GROUP BY p.verdict",
    "SELECT 'dial.' || dial, count(*) FROM decisions GROUP BY dial",
    "SELECT 'steps.refusals', count(*) FROM events WHERE kind = 'refuse-tool'",
    "SELECT 'steps.failed', count(*) FROM events WHERE kind = 'fail-step'",
)

_CHECKS: tuple[Callable[[Database], Iterator[str]], ...] = (
    _integrity, _chain, _bounds, _books, _purses, _tries, _trials, _results, _verdicts, _certifications, _documents,
    _history, memory_audit.notebook, memory_audit.questions, memory_audit.choices, memory_audit.ablations, _counters,
)  # fmt: skip
