"""The `workspace:` key: what is under research, what may change, and how it is run. Reads the disk, changes nothing.

Knows nothing of git and judges nothing. Invariant: what is given is bound as it will be used: paths plain, without
`./`, commands without blanks around them.
"""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

from orgruntime.compiler import words
from orgruntime.compiler.fields import Fields
from orgruntime.compiler.keys import WORKSPACE
from orgruntime.diagnostics.pattern import pattern
from orgruntime.model.manifest import WorkspaceSpec
from orgruntime.orgfile import disk

DEFAULT_TIME_LIMIT_S = 600.0

_REMOTE = pattern(r"[\w.-]+/[\w.-]+@[0-9A-Za-z][\w./-]*")


def bind_workspace(parent: Fields, org: Path) -> WorkspaceSpec | None:
    """The workspace, or None where a part that must be there is not. `source` becomes absolute where it is a path."""
    fields = parent.mapping("workspace", WORKSPACE)
    if fields is None:
        return None
    source = fields.text("source")
    editable = tuple(plain(node.text) for node in fields.words("editable") or ())
    run, setup, verify = (fields.text(key) for key in ("run", "setup", "verify"))
    limit = fields.read("time_limit", words.duration)
    memory = fields.read("memory", words.mebibytes)
    if source is None or not editable or run is None:
        return None
    return WorkspaceSpec(
        source=locate(org, source)[0],
        editable=editable,
        setup=setup,
        run=run,
        verify=verify,
        time_limit_s=DEFAULT_TIME_LIMIT_S if limit is None else limit,
        memory_mb=memory,
    )


def locate(org: Path, text: str) -> tuple[str, Path | None]:
    """A source as the manifest keeps it, and the folder whose files can be looked at (none of a bare repository)."""
    path = Path(os.path.normpath(Path(os.path.abspath(org)) / text))
    try:
        if not disk.is_folder(path):
            return text, None
        is_bare = disk.is_file(path / "HEAD") and disk.is_folder(path / "objects")
    except (OSError, ValueError):
        return text, None
    return str(path), None if is_bare else path


def is_pinned_repository(text: str) -> bool:
    """Whether a source is written as `owner/repo@commit`."""
    return bool(_REMOTE.fullmatch(text)) and not text.startswith(".")


def plain(text: str) -> str:
    """A path or pattern in the form in which a run compares it: without `./`."""
    return str(PurePosixPath(text.strip()))


def leaves_the_workspace(text: str) -> bool:
    """Whether a plain path is absolute, climbs, or reaches into git's own files."""
    path = PurePosixPath(text)
    parts = path.parts
    return path.is_absolute() or ".." in parts or "\\" in text or any(p.lower().startswith(".git") for p in parts)
