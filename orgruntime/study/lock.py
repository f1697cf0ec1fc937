"""The lock of a fork, `org.lock.json`: where its bytes came from, what was changed on the way, what it was allowed.

Small, sorted, versioned, for people and machines to read. It is a record and no protection: whoever can edit the org
can edit the lock, so nothing is trusted because a lock says so; what an org may do is compiled from its files.
Invariant: the tree's hash covers the path, the mode and every byte of every file of the source.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Literal, NamedTuple

from orgruntime.model.base import Noun, digest
from orgruntime.model.manifest import Manifest, RoleKind
from orgruntime.model.species import by_name, chain
from orgruntime.plan.keys import needed_keys

LOCK = "org.lock.json"
LARGEST_LOCK = 1 << 20
LONGEST_LINEAGE = 50


class Entry(NamedTuple):
    """A file of an org. `path` is relative to the org, with `/`."""

    path: str
    data: bytes
    executable: bool = False


class Authority(Noun):
    """What a compiled org may do, as one list over all its roles."""

    tools: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    servers: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    """Names of the environment variables whose keys the driver reads."""
    commands: tuple[str, ...] = ()
    editable: tuple[str, ...] = ()
    desks: int = 0
    gpus_of_a_trial: float = 0.0
    network: tuple[str, ...] = ()
    """Roles whose trials are granted the network of their nodes; it is off for all others."""
    budget: dict[str, int] = {}
    """Bounds by unit (those of `Amounts`, and `wall_ms`). A unit that is not there is not bounded."""


class Licence(Noun):
    path: str
    """From the fork's folder."""
    sha256: str


class Edit(Noun):
    """A place of `program.md` that differs from the source."""

    what: str
    before: str
    after: str


class Brought(Noun):
    """A file or a folder from outside the source's folder that came along, because the org leads there."""

    source: str
    path: str
    files: int = 1
    sha256: str
    """Of the file; of a folder as `tree` is."""


class Origin(Noun):
    source: str
    """An address, or a path: relative to the fork, or absolute."""
    folder: str = ""
    """Of the org within the repository."""
    ref: str | None = None
    """As it was asked for; the commit is what it stood for."""
    commit: str | None = None
    tree: str
    """`sha256:…` over the files of the org, as they were in the source."""
    title: str = ""
    licence: Licence | None = None
    forked_at: str
    """UTC."""
    authority: Authority | None = None
    """Of the fork as it was made; None: it did not compile."""


class Lock(Noun):
    schema_version: Literal[1] = 1
    origin: Origin
    edits: tuple[Edit, ...] = ()
    brought: tuple[Brought, ...] = ()
    lineage: tuple[Origin, ...] = ()
    """Where the source came from in its turn, newest first."""


def lock_bytes(lock: Lock) -> bytes:
    """One line a field, keys sorted, so that a code host shows a change of it well."""
    text = json.dumps(lock.model_dump(mode="json"), indent=1, sort_keys=True, allow_nan=False, ensure_ascii=False)
    return f"{text}\n".encode()


def read_lock(data: bytes) -> Lock | None:
    """The lock in a file; None where it is none of this version."""
    try:
        return Lock.model_validate_json(data) if len(data) <= LARGEST_LOCK else None
    except ValueError:
        return None


def lineage_of(lock: Lock) -> tuple[Origin, ...]:
    """What a fork of an org with this lock comes from."""
    return (lock.origin, *lock.lineage)[:LONGEST_LINEAGE]


def tree_hash(files: Iterable[Entry]) -> str:
    listed = sorted((file.path, "755" if file.executable else "644", sha256(file.data)) for file in files)
    return f"sha256:{digest(listed)}"


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def authority_of(manifest: Manifest) -> Authority:
    space, budget = manifest.workspace, manifest.budget
    wall = {} if budget.wall_ms is None else {"wall_ms": budget.wall_ms}
    return Authority(
        tools=_sorted(tool for role in manifest.roles for tool in role.tools),
        models=_sorted(
            model.name
            for role in manifest.roles
            for name in role.species
            for model in chain(by_name(manifest.models), name)
        ),
        servers=_sorted(
            url for url in (*(m.base_url for m in manifest.models), *(s.url for s in manifest.servers)) if url
        ),
        keys=_sorted(key.env for key in needed_keys(manifest)),
        commands=tuple(
            dict.fromkeys(
                filter(None, (space.setup, space.run, space.verify, *(" ".join(s.command) for s in manifest.servers)))
            )
        ),
        editable=space.editable,
        desks=sum(role.count for role in manifest.roles if role.kind is RoleKind.AGENT),
        gpus_of_a_trial=max((role.resources.all_gpus for role in manifest.roles), default=0.0),
        network=_sorted(role.slug for role in manifest.roles if role.network),
        budget={**budget.bounds(), **wall},
    )


def _sorted(words: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(words)))
