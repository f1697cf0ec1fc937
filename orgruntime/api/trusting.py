"""What a fork may do here: it runs nothing until a person of this machine has accepted it.

Works on an org's lock and on one file of this user that lies in no org. Runs nothing. Invariants: an org cannot vouch
for itself; what is accepted is the compiled manifest, so authority that widens later is found by comparing meaning, and
words, goals and anything narrower need no second look.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, NamedTuple

from orgruntime.api.errors import FINDINGS, UserError
from orgruntime.api.orgs import load_org
from orgruntime.model.base import Noun
from orgruntime.model.manifest import Manifest
from orgruntime.study.changes import Change, Effect
from orgruntime.study.lock import LOCK, Lock, read_lock
from orgruntime.study.meaning import difference_of

STORE = "ORGRUN_TRUST"
"""Variable that names the file."""
SHOWN = 3


class Accepted(Noun):
    at: str
    """UTC."""
    manifest: Manifest


class Store(Noun):
    schema_version: Literal[1] = 1
    orgs: dict[str, Accepted] = {}
    """Real path of the org's folder → what was accepted there."""


class Question(NamedTuple):
    """A fork, and what of it nobody has accepted."""

    lock: Lock
    manifest: Manifest
    accepted: Accepted | None
    wider: tuple[Change, ...]
    """Since it was accepted."""

    @property
    def is_open(self) -> bool:
        return self.accepted is None or bool(self.wider)


def question_of(org: Path) -> Question | None:
    """None for an org that is no fork. Raises UserError for one that does not compile."""
    lock = _lock(org)
    if lock is None:
        return None
    manifest, _ = load_org(org, {}, {})
    accepted = _stored().orgs.get(_key(org))
    changes = difference_of(accepted.manifest, manifest).changes if accepted is not None else ()
    wider = tuple(change for change in changes if change.effect in (Effect.WIDER, Effect.DIFFERENT))
    return Question(lock, manifest, accepted, wider)


def refuse_untrusted(org: Path) -> None:
    """Raises UserError for a fork that nobody has accepted, or that may do more than what was accepted."""
    question = question_of(org)
    if question is None or not question.is_open:
        return
    look = f"see what it may do, and accept it, with `orgrun trust {org}`"
    if question.accepted is None:
        raise UserError(
            f"{org} is a fork of {question.lock.origin.source}, and a fork runs nothing yet: {look}", FINDINGS
        )
    found = [f"{change.subject} {change.said}".strip() for change in question.wider]
    more = f", and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    raise UserError(f"{org} may do more than was accepted: {'; '.join(found[:SHOWN])}{more}: {look}", FINDINGS)


def accept(org: Path, question: Question) -> Path:
    """Writes down that the fork may do what it asks for now; returns the file. Raises UserError."""
    path = store_file(os.environ)
    accepted = Accepted(at=datetime.now(UTC).isoformat(timespec="seconds"), manifest=question.manifest)
    orgs = {**_stored().orgs, _key(org): accepted}
    text = json.dumps(Store(orgs=orgs).model_dump(mode="json"), sort_keys=True, ensure_ascii=False)
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        part.touch(0o600)
        part.write_text(f"{text}\n", encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}; name another file with {STORE}") from error
    return path


def store_file(environ: Mapping[str, str]) -> Path:
    """`ORGRUN_TRUST`, else `orgruntime/trust.json` in the user's folder for data."""
    if environ.get(STORE):
        return Path(environ[STORE])
    data = environ.get("XDG_DATA_HOME", "")
    return (Path(data) if os.path.isabs(data) else Path.home() / ".local/share") / "orgruntime" / "trust.json"


def _stored() -> Store:
    path = store_file(os.environ)
    try:
        return Store.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return Store()
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is none that this release wrote"
        raise UserError(f"{path} cannot be read: {why}; move it away, and accept your forks again") from error


def _lock(org: Path) -> Lock | None:
    """A lock that cannot be read is a fork's all the same."""
    try:
        data = (org / LOCK).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise UserError(f"{org / LOCK} cannot be read: {error.strerror}") from error
    lock = read_lock(data)
    if lock is None:
        raise UserError(f"{org / LOCK} is no lock of this release; fork the org again, or take the file away to own it")
    return lock


def _key(org: Path) -> str:
    return os.path.realpath(org)
