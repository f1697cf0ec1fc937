"""A `source` that is no folder."""

from __future__ import annotations

import os
import re
from pathlib import Path

from orgruntime.compiler.facts import Facts
from orgruntime.compiler.workspace import is_pinned_repository
from orgruntime.diagnostics.codes import MISSING_WORKSPACE
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.diagnostics.nearest import nearest
from orgruntime.orgfile import disk

CODE = MISSING_WORKSPACE


def check(facts: Facts, findings: Findings) -> None:
    node = facts.scalar("workspace.source")
    if node is None:
        return
    text = node.text.strip()
    path = Path(os.path.normpath(facts.org / text))
    if disk.is_folder(path) or is_pinned_repository(text):
        return
    what = "is not a folder" if disk.is_there(path) else "does not exist"
    findings.add(CODE, node.span, f"the workspace `{text}` {what}", _help(text, path))


def _help(text: str, path: Path) -> str:
    """The nearest folder; for what looks like a repository of a code host, the form that pins it."""
    near = nearest(path.name, _folders(path.parent))
    if near:
        return f"did you mean `{near}`?"
    hosted = re.fullmatch(r"(?:https?://[\w.-]+/|git@[\w.-]+:)?([\w-][\w.-]*/[\w.-]+?)(?:\.git)?", text)
    if hosted and not text.startswith("."):
        return f"give a folder relative to the org; a repository is pinned as `{hosted[1]}@COMMIT`"
    return "give a folder relative to the org, or `owner/repo@commit`"


def _folders(parent: Path) -> tuple[str, ...]:
    try:
        return disk.folders(parent)
    except (OSError, ValueError):
        return ()
