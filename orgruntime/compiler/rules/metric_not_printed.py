"""A metric that no file of the workspace names, so that the run command cannot print it, as far as can be seen."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path

from orgruntime.compiler.command import target_of
from orgruntime.compiler.facts import Facts
from orgruntime.compiler.keys import METRIC
from orgruntime.diagnostics.codes import METRIC_NOT_PRINTED
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.diagnostics.nearest import edit_distance, nearest
from orgruntime.diagnostics.pattern import pattern
from orgruntime.orgfile import disk

CODE = METRIC_NOT_PRINTED

_COMPUTED = pattern(r"\{[^{}\n]*\}\s*[:=]\s*\{|%s\s*[:=]|json\.dump")
"""A name that is put together when it is printed: whether it is the metric's cannot be seen. Looked for where the run
begins and in what that imports."""

_PRINTED = pattern(r"[\"']([A-Za-z_][\w.@/-]*)\s*[:=]")
_SUFFIXES = (".py", ".sh", ".toml", ".yaml", ".yml", ".json", ".cfg", ".ini")
_MOST_FILES = 200
"""So much of a workspace is looked at: the script first, then files in the order of their paths."""


def check(facts: Facts, findings: Findings) -> None:
    node, run = facts.scalar("objective.metric"), facts.scalar("workspace.run")
    script = facts.script(run.text) if run else None
    target = target_of(run.text) if run else None
    if target is None or target.program:
        # What it prints was compiled into it.
        return
    if node is None or script is None or facts.root is None or not _is_plain(facts.root / script):
        return
    name = node.text.strip()
    if not re.fullmatch(METRIC, name):
        return
    whole = re.compile(rf"(?<!\w){re.escape(name)}(?!\w)")
    printed: dict[str, None] = {}
    texts: dict[str, str] = {}
    for path, text in _texts(facts.root, script, facts.workspace_files):
        if whole.search(text):
            return
        texts[path] = text
        printed.update(dict.fromkeys(match[1] for match in _PRINTED.finditer(text)))
    listed = list(islice(printed, _MOST_FILES))
    slip = next((one for one in listed if len(name) > 3 and edit_distance(name, one) <= min(2, len(name) - 3)), None)
    if slip is None and any(_COMPUTED.search(texts[path]) for path in _imported(script, texts)):
        return
    near = slip or nearest(name, listed)
    help = f"did you mean `{near}`?" if near else f"print a line `---` and then `{name}: NUMBER`"
    message = f"no file of the workspace names the metric `{name}`, so `workspace.run` cannot print it"
    findings.add(CODE, node.span, message, help)


def _imported(script: str, texts: Mapping[str, str]) -> Iterator[str]:
    """The script, and the files of the workspace that it imports, directly or not, as far as that can be seen."""
    seen, queue = {script}, [script]
    while queue:
        path = queue.pop()
        yield path
        folder = posixpath.dirname(path)
        for match in _IMPORT.finditer(texts.get(path, "")):
            names = [name.split(" as ")[0].strip() for name in (match["names"] or "").strip("()").split(",")]
            start = match["module"] or ""
            for name in names if not start else [start, *(f"{start}.{name}" for name in names)]:
                stem = name.lstrip(".").replace(".", "/")
                ways = (
                    posixpath.join(base, f"{stem}{end}") for base in (folder, "") for end in (".py", "/__init__.py")
                )
                found = next((way for way in ways if way in texts and way not in seen), None)
                if found is not None:
                    seen.add(found)
                    queue.append(found)


_IMPORT = pattern(
    r"^[ \t]*(?:from[ \t]+(?P<module>[\w.]+)[ \t]+)?import[ \t]+(?P<names>\([^)]{0,2000}\)|[^\n#;(]+)", re.MULTILINE
)


def _texts(root: Path, script: str, files: Iterable[str]) -> Iterator[tuple[str, str]]:
    names = [script, *(name for name in files if name.endswith(_SUFFIXES) and name != script)]
    for name in names[:_MOST_FILES]:
        try:
            if _is_plain(root / name):
                yield name, disk.start(root / name).decode("utf-8", errors="replace")
        except OSError:
            continue


def _is_plain(path: Path) -> bool:
    """Neither a link, which may lead out of the workspace, nor a pipe, which may never end."""
    return disk.is_file(path) and not disk.is_link(path)
