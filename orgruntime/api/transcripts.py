"""What the desks of a role said and did, for people: the transcripts of its steps as lines, also while they grow.

Reads files of a run's folder beside its driver. Invariant: what a model, a tool or a trial wrote is shown without
control characters and keys, and never as anything but text.
"""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from orgruntime.api.errors import UserError
from orgruntime.api.folders import RunFolder
from orgruntime.diagnostics.nearest import nearest
from orgruntime.runtime.redaction import clean, without_keys
from orgruntime.runtime.transcripts import Line, read_lines

POLL_S = 0.3
SHOWN = 3
"""Lines of a result."""
WIDEST = 200


@dataclass(frozen=True)
class Whose:
    """A role, and one of its desks where one is named."""

    role: str
    desk: int | None


@dataclass
class _Step:
    """One file, as far as it was read."""

    path: Path
    offset: int = 0
    name: str = ""
    lines: list[Line] = field(default_factory=list)
    """Read and not shown yet."""
    is_wanted: bool | None = None
    """None: its first line is not there yet."""


def whose(folder: RunFolder, word: str) -> Whose:
    """`ROLE`, or `ROLE#N` as the events name a desk. Raises UserError with the near roles."""
    slug, _, desk = word.partition("#")
    slugs = [role.slug for role in folder.manifest().roles]
    if slug not in slugs or (desk and not desk.isdecimal()):
        near = nearest(slug, slugs)
        raise UserError(
            f"run {folder.id} has no role and no trial {word!r}; "
            + (f"did you mean {near}?" if near else f"its roles are {', '.join(slugs)}")
        )
    return Whose(slug, int(desk) if desk else None)


def transcript(
    folder: RunFolder, who: Whose, *, last: int | None = None, follow: bool = False, as_json: bool = False
) -> Iterator[str]:
    """The steps of a role one after the other, oldest first; with `follow` what comes, as it comes, until the run's
    driver has left."""
    steps: dict[str, _Step] = {}
    alive = folder.has_driver()
    _look(folder, who, steps)
    begun = sorted((step for step in steps.values() if step.is_wanted), key=_begun)
    said = (text for step in begun for line in _taken(step) for text in _shown(step, line, as_json=as_json))
    yield from said if last is None else deque(said, maxlen=last) if last else ()
    while follow and alive:
        time.sleep(POLL_S)
        alive = folder.has_driver()
        _look(folder, who, steps)
        fresh = [(line, step) for step in steps.values() if step.is_wanted for line in _taken(step)]
        for line, step in sorted(fresh, key=lambda one: float(one[0].get("t", 0.0))):
            yield from _shown(step, line, as_json=as_json)


def _look(folder: RunFolder, who: Whose, steps: dict[str, _Step]) -> None:
    """Reads what is new of every step that is wanted, or may be."""
    for path in sorted(folder.steps.glob("*.jsonl")) if folder.steps.is_dir() else ():
        step = steps.setdefault(path.name, _Step(path))
        if step.is_wanted is False:
            continue
        lines, step.offset = read_lines(path, step.offset)
        if step.is_wanted is None and lines:
            first = lines[0]
            step.is_wanted = first.get("role") == who.role and who.desk in (None, first.get("desk"))
            step.name = f"{first.get('role')}#{first.get('desk')} {path.stem}"
        if step.is_wanted:
            step.lines += lines


def _begun(step: _Step) -> tuple[float, str]:
    return (float(step.lines[0].get("t", 0.0)) if step.lines else 0.0, step.path.name)


def _taken(step: _Step) -> list[Line]:
    lines, step.lines = step.lines, []
    return lines


def _shown(step: _Step, line: Line, *, as_json: bool) -> Iterator[str]:
    if as_json:
        yield json.dumps({"step": step.path.stem, **without_keys(line)}, ensure_ascii=True)
        return
    clock = datetime.fromtimestamp(float(line.get("t", 0.0))).astimezone().strftime("%H:%M:%S")
    for text in _texts(line):
        yield f"{clock} {step.name}  {_safe(text)}"


def _texts(line: Line) -> Iterable[str]:
    match line.get("kind"):
        case "begin":
            brief = str(((line.get("request") or {}).get("bench") or {}).get("brief", ""))
            return [f"begins, {line.get('model')}, with a brief of {len(brief.splitlines())} lines"]
        case "model":
            return _model(line.get("answer") or {})
        case "may":
            return _may(line.get("use") or {}, line.get("answer") or {})
        case "did":
            changed = sorted(line.get("changes") or {})
            said = _first_lines(str((line.get("result") or {}).get("text", "")))
            return [*said, *([f"← changed {', '.join(changed)}"] if changed else [])]
        case "end":
            why = line.get("why")
            return [f"ends: {line.get('how')}{f', {why}' if why else ''}"]
    return []


def _model(answer: dict[str, Any]) -> Iterator[str]:
    reply = answer.get("reply")
    if not reply:
        yield f"no answer: {answer.get('over', '')}"
        return
    for block in reply.get("content", []):
        kind = block.get("type")
        if kind == "text":
            yield from (f"“{text}" for text in str(block.get("text", "")).splitlines() if text.strip())
        elif kind == "tool_use":
            yield f"→ {block.get('name')} {_fields(block.get('input'))}"
        elif kind == "thinking":
            yield f"(thinking, {len(str(block.get('thinking', '')))} characters)"
        else:
            yield f"({kind})"
    used = reply.get("usage") or {}
    read, cached = used.get("input", 0) + used.get("cache_write", 0), used.get("cache_read", 0)
    yield f"[{read + cached} tokens in, {cached} of them cached, {used.get('output', 0)} out]"


def _may(use: dict[str, Any], answer: dict[str, Any]) -> Iterator[str]:
    if answer.get("handed"):
        yield f"✓ {use.get('name')}"
    elif answer.get("over"):
        yield f"✗ {answer['over']}"
    elif answer.get("result"):
        sign = "✗ " if answer["result"].get("is_error") else "← "
        yield from _first_lines(str(answer["result"].get("text", "")), sign)


def _first_lines(text: str, sign: str = "← ") -> list[str]:
    lines = [line for line in text.splitlines() if line.strip()]
    rest = [f"  … {len(lines) - SHOWN} more lines"] if len(lines) > SHOWN else []
    return [*(f"{sign}{line}" for line in lines[:SHOWN] or ["(nothing)"]), *rest]


def _fields(given: Any) -> str:
    if not isinstance(given, dict):
        return str(given)
    return " ".join(f"{name}={' '.join(str(value).split())[:80]}" for name, value in given.items())


def _safe(text: str) -> str:
    line = " ".join(clean(text).split("\n"))
    return line if len(line) <= WIDEST else line[: WIDEST - 1] + "…"
