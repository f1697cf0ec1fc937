"""Whether notebook, questions, choices and ablations are what the chain says. Part of the audit.

Reads everything, writes nothing. Invariant: a row that no event made, or that says something else than its events, is
a finding.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from orgruntime.ledger.chain import events
from orgruntime.ledger.database import Database
from orgruntime.ledger.notebook import evidence_named
from orgruntime.ledger.panels import CHOOSE


def notebook(db: Database) -> Iterator[str]:
    """Findings are what was written, closed as was written, and rest on evidence that is there."""
    if not db.has("findings"):
        return
    told = {event["subject"]: json.loads(event["body"]) for event in events(db, "add-finding")}
    ends = {event["subject"]: json.loads(event["body"]) for event in events(db, "close-finding")}
    rows = {row["id"]: row for row in db.rows("SELECT * FROM findings")}
    for id in sorted(told.keys() | rows.keys()):
        row, body, end = rows.get(id), told.get(id), ends.get(id)
        held = None if row is None else {**_fields(row, "text", "role", "inquiry"), "evidence": _list(row["evidence"])}
        if held != body:
            yield f"Finding {id} is not the one that was written."
        elif row is not None and _fields(row, "state", "superseded_by", "reason") != _end(end):
            yield f"Finding {id} is {row['state']}, and the events do not say so."
        elif row is not None:
            yield from (
                f"Finding {id} rests on {name!r}, which is not there."
                for name in _list(row["evidence"])
                if evidence_named(db, name) != name
            )


def questions(db: Database) -> Iterator[str]:
    """Questions and answers are those that were asked and given."""
    if not db.has("questions"):
        return
    told = {event["subject"]: json.loads(event["body"]) for event in events(db, "ask-question")}
    answers = {event["subject"]: json.loads(event["body"]) for event in events(db, "answer-question")}
    withdrawn = {event["subject"] for event in events(db, "withdraw-question")}
    rows = {row["id"]: row for row in db.rows("SELECT * FROM questions")}
    for id in sorted(told.keys() | rows.keys()):
        row = rows.get(id)
        held = None if row is None else _fields(row, "asked", "text", "kind", "role", "inquiry", "wants")
        if row is None or {**(held or {}), "choices": _list(row["choices"])} != told.get(id):
            yield f"Question {id} is not the one that was asked."
            continue
        state = "answered" if id in answers else "withdrawn" if id in withdrawn else "open"
        answer = answers.get(id, {"answer": "", "person": ""})
        if row["state"] != state or _fields(row, "answer", "person") != answer:
            yield f"Question {id} is {row['state']}, and its answer is not the one that was given."


_CHARGED_MORE = """
SELECT h.role, h.model, h.used_{unit} AS held, (
  SELECT coalesce(sum(s.used_{unit}), 0) FROM choices c JOIN spends s
    ON s.id > c.inquiry || '.' || c.visit || '.' AND s.id < c.inquiry || '.' || c.visit || '/'
  WHERE c.role = h.role AND c.model = h.model) AS used
FROM choosers h WHERE held > used
"""


def choices(db: Database) -> Iterator[str]:
    """A step has a model exactly where a decision gave it one."""
    if not db.has("choices"):
        return
    told: dict[tuple[str, str, str], None] = {}
    for row in db.rows("SELECT subject, numbers FROM decisions WHERE verb = ?", CHOOSE):
        numbers = json.loads(row["numbers"])
        told[row["subject"], numbers["role"], numbers["model"]] = None
    rows = db.rows("SELECT inquiry || '.' || visit AS step, role, model FROM choices")
    held = {(row["step"], row["role"], row["model"]): None for row in rows}
    for step, _, model in sorted(told.keys() ^ held.keys()):
        yield f"Step {step} and the decision that gave it to {model} disagree."
    yield from _choosers(db)


def _choosers(db: Database) -> Iterator[str]:
    """No model is charged more for the steps that it was given than those have used; an older driver charged less."""
    if not db.has("choosers"):
        return
    for unit in ("tokens", "usd_micro"):
        for row in db.rows(_CHARGED_MORE.format(unit=unit)):
            said = f"is charged {row['held']} for its steps, they used {row['used']}."
            yield f"{unit}: {row['model']} of {row['role']} {said}"


def ablations(db: Database) -> Iterator[str]:
    """What was asked, and what carried it out."""
    if not db.has("ablations"):
        return
    told: dict[tuple[str, str], str | None] = {
        (event["subject"], json.loads(event["body"])["part"]): None for event in events(db, "ask-ablation")
    }
    for event in events(db, "add-proposal"):
        body = json.loads(event["body"])
        if "parent" in body and told.get((body["parent"], body["part"])) is None:
            told[body["parent"], body["part"]] = event["subject"]
    held = {(row["parent"], row["part"]): row["proposal"] for row in db.rows("SELECT * FROM ablations")}
    for parent, part in sorted(told.keys() | held.keys()):
        if (parent, part) not in held or (parent, part) not in told or held[parent, part] != told[parent, part]:
            yield f"The ablation of {part} of {parent} is not the one that was asked for and carried out."


COUNTED = {
    "findings": (
        "SELECT 'findings.' || state, count(*) FROM findings GROUP BY state",
        "SELECT 'findings.total', count(*) FROM findings",
    ),
    "questions": (
        "SELECT 'questions.' || state, count(*) FROM questions GROUP BY state",
        "SELECT 'questions.total', count(*) FROM questions",
    ),
    "choices": ("SELECT 'choice.' || role || '.' || model, count(*) FROM choices GROUP BY role, model",),
}
"""What the counters of each table are to say."""


def counted(db: Database) -> Iterator[str]:
    """The statements of the tables that are there."""
    for table, statements in COUNTED.items():
        if db.has(table):
            yield from statements


def _fields(row: Any, *names: str) -> dict[str, Any]:
    return {name: row[name] for name in names}


def _list(text: str) -> list[str]:
    found: list[str] = json.loads(text)
    return found


def _end(event: dict[str, Any] | None) -> dict[str, Any]:
    if event is None:
        return {"state": "active", "superseded_by": None, "reason": ""}
    return {"state": event["state"], "superseded_by": event["by"], "reason": event["reason"]}
