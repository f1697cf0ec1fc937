"""Operating runs from beside: list, stop, ideas, events, what a trial printed, the files of a report.

Never drives a run. Invariant: what it asks of a driver goes through the ledger, so it works from any process, and a
run without a driver is left as it is.
"""

from __future__ import annotations

import getpass
import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from orgruntime.api.errors import FINDINGS, UserError
from orgruntime.api.folders import RunFolder, find_run, list_runs
from orgruntime.api.statuses import status_of_run
from orgruntime.ledger.rows import EventRow, TrialRow
from orgruntime.ledger.store import Ledger, LedgerError
from orgruntime.model.ids import AttemptId
from orgruntime.model.status import RunStatus
from orgruntime.runtime.logs import TrialLogs
from orgruntime.runtime.readings import plain

LONGEST_IDEA = 10_000
"""Characters; an idea is a question, not a file."""
_POLL_S = 0.2
_PAGE = 500
_WIDEST_VALUE = 120
_KEY = re.compile(r"[0-9a-f]{4,32}(?:\.\d+)?|\d+")


@dataclass(frozen=True)
class Listed:
    """A run; without a status, why it has none."""

    id: str
    status: RunStatus | None
    fault: str = ""


@dataclass(frozen=True)
class Stopped:
    status: RunStatus
    text: str
    still_running: bool = False


@dataclass(frozen=True)
class AddedIdea:
    run: str
    id: str
    live: bool
    text: str


def listed_runs(runs: Path) -> list[Listed]:
    """Every run, oldest first; one that cannot be read hides no other."""
    found = []
    for folder in list_runs(runs):
        try:
            found.append(Listed(folder.id, status_of_run(folder)))
        except UserError as error:
            found.append(Listed(folder.id, None, str(error)))
    return found


def stop_run(runs: Path, name: str | None, timeout_s: float) -> Stopped:
    """Asks the live driver to stop and waits until it has left. Raises UserError for an unknown run."""
    folder = find_run(runs, name)
    before = status_of_run(folder)
    if not folder.has_driver():
        rest = "" if before.state.is_final else f"; go on with `orgrun resume {folder.id}`"
        return Stopped(before, f"run {folder.id} has no driver: nothing to stop (it is {before.state.value}){rest}")
    with folder.ledger(write=True) as ledger:
        ledger.request("stop", {"reason": f"stopped by {person()}"})
    deadline = time.monotonic() + timeout_s
    while folder.has_driver():
        if time.monotonic() >= deadline:
            text = f"run {folder.id} was asked to stop and is still winding up after {timeout_s:g} s; ask again later"
            return Stopped(status_of_run(folder), text, still_running=True)
        time.sleep(_POLL_S)
    after = status_of_run(folder)
    rest = "" if after.state.is_final else f"; go on with `orgrun resume {folder.id}`"
    return Stopped(after, f"run {folder.id} is {after.state.value}{rest}")


def add_idea(runs: Path, name: str, text: str) -> AddedIdea:
    """Raises UserError for an empty or overlong idea, an unknown run, or one that is over."""
    if not text.strip() or len(text) > LONGEST_IDEA:
        raise UserError(f"an idea is a text of 1 to {LONGEST_IDEA} characters; say what to try, and why")
    folder = find_run(runs, name)
    status = status_of_run(folder)
    if status.state.is_final:
        raise UserError(f"run {folder.id} is over ({status.state.value}), nobody would take the idea up", FINDINGS)
    with folder.ledger(write=True) as ledger:
        try:
            id = ledger.submit_idea(text.strip(), f"person:{person()}")
        except LedgerError as error:
            raise UserError(f"the idea was not taken: {error}", FINDINGS) from error
    live = folder.has_driver()
    rest = "" if live else f"; the run has no driver, so it waits for `orgrun resume {folder.id}`"
    return AddedIdea(folder.id, id, live, f"idea {id} is in the queue of {folder.id}{rest}")


def events_of(folder: RunFolder, *, last: int | None = None, follow: bool = False) -> Iterator[EventRow]:
    """The ledger's events in order; with `follow` on and on, until the run's driver has left."""
    with folder.ledger() as ledger:
        newest = int(ledger.database.rows("SELECT last_seq FROM run")[0]["last_seq"])
        at = 0 if last is None else max(0, newest - last)
        while True:
            alive = folder.has_driver()
            while page := ledger.events(at, _PAGE):
                yield from page
                at = page[-1].seq
            if not follow or not alive:
                return
            time.sleep(_POLL_S)


def event_line(event: EventRow, *, as_json: bool = False) -> str:
    """One line without control characters. Times are UTC in JSON, local otherwise."""
    if as_json:
        row = {"seq": event.seq, "t": event.t, "kind": event.kind, "subject": event.subject, "body": event.body}
        return json.dumps(row, ensure_ascii=True)
    clock = datetime.fromtimestamp(event.t).astimezone().strftime("%H:%M:%S")
    words = [f"{name}={_short(value)}" for name, value in event.body.items() if value not in (None, "", [], {})]
    return " ".join(plain(f"{clock} {event.seq:>5} {event.kind:<19} {event.subject} {' '.join(words)}").split("\n"))


def find_log(runs: Path, run: str | None, trial: str | None) -> tuple[RunFolder, str | None]:
    """The run, and the trial or role that is meant: one word that names no run, but could name a trial or names a role
    of the newest run, is that one's. Raises UserError."""
    if run is None or trial is not None:
        return find_run(runs, run), trial
    try:
        return find_run(runs, run), None
    except UserError:
        if not list_runs(runs):
            raise
        newest = find_run(runs, None)
        if not _KEY.fullmatch(run) and run.partition("#")[0] not in {role.slug for role in newest.manifest().roles}:
            raise
        return newest, run


def is_trial(folder: RunFolder, word: str) -> bool:
    """Whether a word names a trial of the run and not one of its roles."""
    return bool(_KEY.fullmatch(word)) and word not in {role.slug for role in folder.manifest().roles}


def trial_text(folder: RunFolder, trial: str) -> str:
    """What the newest attempt of a trial printed, without control characters. Raises UserError."""
    with folder.ledger() as ledger:
        row = find_trial(ledger, trial, folder.id)
    for attempt in range(row.attempts, 0, -1):
        path = TrialLogs(folder.logs / "trials").path(AttemptId(f"{row.key}.{attempt}"))
        if path.is_file():
            return plain(path.read_text(encoding="utf-8", errors="replace"))
    raise UserError(f"trial {trial} of run {folder.id} left no output ({row.reason or 'it never started'})", FINDINGS)


def find_trial(ledger: Ledger, wanted: str, run: str) -> TrialRow:
    """By its number, or by the beginning of its key. Raises UserError."""
    rows = ledger.trials()
    by_number = [row for row in rows if str(row.number) == wanted]
    prefix = wanted.partition(".")[0]
    found = by_number or [row for row in rows if len(prefix) >= 4 and row.key.startswith(prefix)]
    if len(found) == 1:
        return found[0]
    if found:
        raise UserError(f"{len(found)} trials of run {run} have keys that begin with {wanted}; give more of the key")
    there = f"its trials are 1 to {len(rows)}" if rows else "it has no settled trial yet"
    raise UserError(f"run {run} has no trial {wanted!r}; {there}")


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = " ".join(text.split())
    return text if len(text) <= _WIDEST_VALUE else text[: _WIDEST_VALUE - 1] + "…"


def person() -> str:
    """The user's name, where the machine knows one."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "a person"
