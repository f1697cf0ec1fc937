"""The spool: what trials on this machine leave in the run's folder for a driver that resumes it.

Works on one folder: `<attempt>.json` is an outcome that nobody may have heard, a line of a file `started-…` the attempt
and the moment at which a zygote set out to start it. Does not know the ledger. Invariant: a mark is there before its
trial is, so where every start is marked (`promise_marks`), an attempt without a mark never started.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from orgruntime.backends.zygote import MARKS, MARKS_PROMISED
from orgruntime.model.ids import AttemptId
from orgruntime.model.trial import TrialOutcome


def read_spool(folder: Path) -> list[TrialOutcome]:
    """The outcomes. Half-written ones are none."""
    found = []
    for path in sorted(folder.glob("*.json")):
        try:
            found.append(TrialOutcome.model_validate_json(path.read_bytes()))
        except ValueError:
            continue
    return found


def clear_spool(folder: Path, attempts: Sequence[AttemptId]) -> None:
    """Forgets outcomes that the ledger has settled."""
    for attempt in attempts:
        (folder / f"{attempt}.json").unlink(missing_ok=True)


def read_marks(folder: Path) -> dict[AttemptId, float]:
    """Attempt → UTC seconds of its start, of the attempts that were set out to be started here."""
    found = {}
    for path in folder.glob(f"{MARKS}*"):
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            attempt, _, moment = line.partition(" ")
            try:
                found[AttemptId(attempt)] = float(moment)
            except ValueError:
                continue  # It was cut off by a full disk.
    return found


def marks_are_promised(folder: Path) -> bool:
    """Whether the last driver's attempts could start nowhere but where each start is marked."""
    return (folder / MARKS_PROMISED).exists()


def promise_marks(folder: Path, *, promised: bool) -> None:
    """Begins a driver's marks anew. To be called once what its predecessor left is settled, and before anything is
    started."""
    if not promised:
        (folder / MARKS_PROMISED).unlink(missing_ok=True)
    for path in folder.glob(f"{MARKS}*"):
        path.unlink(missing_ok=True)
    if promised:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder / MARKS_PROMISED, os.O_CREAT | os.O_WRONLY, 0o600)
        os.close(handle)
