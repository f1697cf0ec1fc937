"""A metric that no file of the workspace names, so that the run command cannot print it, as far as can be seen."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from orgruntime.compiler.command import script_of
from orgruntime.compiler.facts import Facts
from orgruntime.compiler.keys import METRIC
from orgruntime.diagnostics.codes import METRIC_NOT_PRINTED
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.diagnostics.nearest import nearest
from orgruntime.diagnostics.pattern import pattern
from orgruntime.orgfile import disk

CODE = METRIC_NOT_PRINTED

_COMPUTED = pattern(r"\{[^{}\n]*\}\s*[:=]\s*\{|%s\s*[:=]|json\.dump")
"""A name that is put together when it is printed: whether it is the metric's cannot be seen."""

_PRINTED = pattern(r"[\"']([A-Za-z_][\w.@/-]*)\s*[:=]")
_SUFFIXES = (".py", ".sh", ".toml", ".yaml", ".yml", ".json", ".cfg", ".ini")
_MOST_FILES = 200
"""So much of a workspace is looked at: the script first, then files in the order of their paths."""


def check(facts: Facts, findings: Findings) -> None:
    node, run = facts.scalar("objective.metric"), facts.scalar("workspace.run")
    script = script_of(run.text) if run else None
    if node is None or script is None or facts.root is None or not _is_plain(facts.root / script):
        return
    name = node.text.strip()
    if not re.fullmatch(METRIC, name):
        return
    whole = re.compile(rf"(?<!\w){re.escape(name)}(?!\w)")
    printed: dict[str, None] = {}
    for text in _texts(facts.root, script, facts.workspace_files):
        if whole.search(text) or _COMPUTED.search(text):
            return
        printed.update(dict.fromkeys(match[1] for match in _PRINTED.finditer(text)))
    near = nearest(name, islice(printed, _MOST_FILES))
    help = f"did you mean `{near}`?" if near else f"print a line `---` and then `{name}: NUMBER`"
    message = f"no file of the workspace names the metric `{name}`, so `workspace.run` cannot print it"
    findings.add(CODE, node.span, message, help)


def _texts(root: Path, script: str, files: Iterable[str]) -> Iterator[str]:
    names = [script, *(name for name in files if name.endswith(_SUFFIXES) and name != script)]
    for path in (root / name for name in names[:_MOST_FILES]):
        try:
            if _is_plain(path):
                yield disk.start(path).decode("utf-8", errors="replace")
        except OSError:
            continue


def _is_plain(path: Path) -> bool:
    """Neither a link, which may lead out of the workspace, nor a pipe, which may never end."""
    return disk.is_file(path) and not disk.is_link(path)
