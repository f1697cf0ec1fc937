"""The `workspace:` key: what is under research, what may change, and how it is run. Reads the disk, changes nothing.

Knows nothing of git. Invariant: without findings, every editable path exists below the source and cannot leave it.
"""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePosixPath

from orgruntime.compiler import words
from orgruntime.compiler.command import check_command
from orgruntime.compiler.fields import Fields
from orgruntime.diagnostics.codes import (
    EDITABLE_ESCAPES,
    MISSING_EDITABLE,
    MISSING_SCRIPT,
    MISSING_WORKSPACE,
    NOTHING_EDITABLE,
)
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.diagnostics.nearest import did_you_mean, nearest
from orgruntime.model.editable import is_editable
from orgruntime.model.manifest import WorkspaceSpec
from orgruntime.orgfile.tree import ScalarNode

KEYS = ("source", "editable", "setup", "run", "verify", "time_limit", "memory")
DEFAULT_TIME_LIMIT_S = 600.0

_REMOTE = re.compile(r"[\w.-]+/[\w.-]+@[0-9A-Za-z][\w./-]*")
_INTERPRETERS = re.compile(r"(?:.*/)?(?:python[\d.]*|bash|sh)")
_SCRIPT = re.compile(r"[\w./-]+\.(?:py|sh)")
_MOST_FILES = 20_000
"""Files of a source that are looked at to match globs and offer near names."""


def bind_workspace(parent: Fields, org: Path, findings: Findings) -> WorkspaceSpec | None:
    """The workspace, or None with the reason in `findings`. `source` becomes absolute where it is a path."""
    fields = parent.mapping("workspace", KEYS)
    if fields is None:
        return None
    fields.require("source", "editable", "run")
    source, root = _source(fields, org, findings)
    editable = _editable(fields, root, findings)
    commands = {key: _command(fields, key, root, findings) for key in ("setup", "run", "verify")}
    limit = fields.read("time_limit", words.duration)
    memory = fields.read("memory", words.mebibytes)
    if source is None or not editable or commands["run"] is None:
        return None
    return WorkspaceSpec(
        source=source,
        editable=editable,
        setup=commands["setup"],
        run=commands["run"],
        verify=commands["verify"],
        time_limit_s=DEFAULT_TIME_LIMIT_S if limit is None else limit,
        memory_mb=memory,
    )


def _source(fields: Fields, org: Path, findings: Findings) -> tuple[str | None, Path | None]:
    """The source as the manifest keeps it, and the folder whose files can be looked at."""
    node = fields.scalar("source")
    if node is None:
        return None, None
    text = node.text.strip()
    path = Path(os.path.normpath(org / Path(text)))
    try:
        exists = path.is_dir()
    except (OSError, ValueError):
        exists = False
    if exists:
        is_bare = (path / "HEAD").is_file() and (path / "objects").is_dir()
        return str(path), None if is_bare else path
    if _REMOTE.fullmatch(text) and not text.startswith("."):
        return text, None
    what = "is not a folder" if _is_there(path) else "does not exist"
    findings.add(MISSING_WORKSPACE, node.span, f"the workspace `{text}` {what}", _source_help(text, path))
    return text, None


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def _source_help(text: str, path: Path) -> str:
    """The nearest folder; for what looks like a repository of a code host, the form that pins it."""
    near = nearest(path.name, _folders(path.parent))
    if near:
        return f"did you mean `{near}`?"
    hosted = re.fullmatch(r"(?:https?://[\w.-]+/|git@[\w.-]+:)?([\w-][\w.-]*/[\w.-]+?)(?:\.git)?", text)
    if hosted:
        return f"give a folder relative to the org; a repository is pinned as `{hosted[1]}@COMMIT`"
    return "give a folder relative to the org, or `owner/repo@commit`"


def _folders(parent: Path) -> list[str]:
    try:
        return sorted(entry.name for entry in os.scandir(parent) if entry.is_dir())
    except (OSError, ValueError):
        return []


def _editable(fields: Fields, root: Path | None, findings: Findings) -> tuple[str, ...]:
    nodes = fields.words("editable")
    if nodes is None:
        return ()
    if not nodes:
        help = "name the files that proposals may change, such as `[train.py]`"
        findings.add(NOTHING_EDITABLE, fields.span("editable"), "no file is editable, so nothing can be tried", help)
    files = _files(root) if root else None
    return tuple(_check_editable(node, root, files, findings) for node in nodes)


def _check_editable(node: ScalarNode, root: Path | None, files: list[str] | None, findings: Findings) -> str:
    """The path or pattern in the form in which a run compares it: plain, without `./`."""
    written = node.text.strip()
    path = PurePosixPath(written)
    text = str(path)
    if (
        path.is_absolute()
        or ".." in path.parts
        or "\\" in text
        or any(p.lower().startswith(".git") for p in path.parts)
    ):
        help = "name files of the workspace by their path below it"
        findings.add(EDITABLE_ESCAPES, node.span, f"`{written}` is not a plain path inside the workspace", help)
    elif root is not None and files is not None:
        if (root / text).is_dir():
            help = f"write `{text}/*` for every file below it" if text != "." else "name its files"
            findings.add(MISSING_EDITABLE, node.span, f"`{written}` is a folder, and only files are editable", help)
        elif not (root / text).is_file() and not any(is_editable(name, (text,)) for name in files):
            help = did_you_mean(text, files) or "check the path; it is relative to the workspace"
            findings.add(MISSING_EDITABLE, node.span, f"no file of the workspace is `{written}`", help)
        elif not (root / text).resolve().is_relative_to(root.resolve()):
            message = f"`{written}` is a link that leaves the workspace"
            findings.add(EDITABLE_ESCAPES, node.span, message, "copy the file in")
    return text


def _files(root: Path) -> list[str]:
    """Paths of the files below `root`, sorted, without hidden folders."""
    found: list[str] = []
    for folder, names, files in os.walk(root):
        names[:] = sorted(name for name in names if not name.startswith(".") and name != "__pycache__")
        found += [Path(folder, name).relative_to(root).as_posix() for name in sorted(files)]
        if len(found) > _MOST_FILES:
            break
    return found


def _command(fields: Fields, key: str, root: Path | None, findings: Findings) -> str | None:
    node = fields.scalar(key)
    if node is None:
        return None
    split = check_command(node, fields.path(key), findings, seeded=key != "setup")
    script = _script(split)
    if root is not None and script and not (root / script).is_file():
        at = node.text.find(script)
        help = did_you_mean(script, [name for name in _files(root) if name.endswith((".py", ".sh"))])
        findings.add(MISSING_SCRIPT, node.part(at, at + len(script)), f"the workspace has no `{script}`", help)
    return node.text.strip()


def _script(split: tuple[str, ...]) -> str | None:
    """The script that an interpreter is asked to run, where it can be told."""
    if len(split) < 2 or not _INTERPRETERS.fullmatch(split[0]) or not _SCRIPT.fullmatch(split[1]):
        return None
    return split[1]
