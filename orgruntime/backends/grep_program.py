"""The search of one Grep, a process of its own: a pattern can take for ever, and nothing but a kill ends it then. Runs
in a bare interpreter; standard library only.

Works on one JSON object from stdin: `pattern`, `ignore_case`, `files` (pairs of shown path and place), `mode`,
`numbers`, `before`, `after`, `most_lines`, `most_chars`, `cpu_s`. Prints one: `lines`, `cut`, `skipped`, or `error`.
Does not know worktrees. Invariant: it reads regular files only, through no link at their end, and ends by itself.
"""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import stat
import sys
from collections.abc import Iterator
from typing import Any

WALL_S = 60
MEMORY = 1 << 30
LARGEST = 64 << 20
"""Bytes of a file that is searched."""
LONGEST_LINE = 2000
"""Characters of a line that are searched and shown."""


def main() -> None:
    signal.alarm(WALL_S)
    asked = json.load(sys.stdin)
    resource.setrlimit(resource.RLIMIT_CPU, (asked["cpu_s"], asked["cpu_s"]))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    json.dump(answer(asked), sys.stdout)


def answer(asked: dict[str, Any]) -> dict[str, Any]:
    try:
        pattern = re.compile(asked["pattern"], re.IGNORECASE if asked["ignore_case"] else 0)
    except (re.error, OverflowError, RecursionError) as error:
        return {"error": f"the pattern is no regular expression: {error}"}
    said: list[str] = []
    room = asked["most_chars"]
    skipped: list[str] = []
    for line in _searched(pattern, asked, skipped):
        room -= len(line) + 1
        if room < 0 or len(said) >= asked["most_lines"]:
            return {"lines": said, "cut": True, "skipped": skipped}
        said.append(line)
    return {"lines": said, "cut": False, "skipped": skipped}


def _searched(pattern: re.Pattern[str], asked: dict[str, Any], skipped: list[str]) -> Iterator[str]:
    for shown, place in asked["files"]:
        text = _text(place)
        if text is None:
            skipped.append(shown)
            continue
        lines = [line[:LONGEST_LINE] for line in text.splitlines()]
        if asked["mode"] == "content":
            yield from _content(pattern, asked, shown, lines)
        elif asked["mode"] == "count":
            found = sum(1 for line in lines if pattern.search(line))
            if found:
                yield f"{shown}:{found}"
        elif any(pattern.search(line) for line in lines):
            yield shown


def _content(pattern: re.Pattern[str], asked: dict[str, Any], shown: str, lines: list[str]) -> Iterator[str]:
    """Matches with `:` after the number, lines around them with `-`, as grep does."""
    before, after = asked["before"], asked["after"]
    done = -1
    for at, line in enumerate(lines):
        if not pattern.search(line):
            continue
        first = max(0, at - before)
        if (before or after) and 0 <= done < first - 1:
            yield "--"
        for near in range(max(first, done + 1), min(len(lines), at + after + 1)):
            # What follows a match may match as well, and is then printed when its turn comes.
            if near > at and pattern.search(lines[near]):
                break
            mark = ":" if near == at else "-"
            number = f"{near + 1}{mark}" if asked["numbers"] else ""
            yield f"{shown}{mark}{number}{lines[near]}"
            done = near


def _text(place: str) -> str | None:
    try:
        fd = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with open(fd, "rb") as file:
            status = os.fstat(fd)
            if not stat.S_ISREG(status.st_mode) or status.st_size > LARGEST:
                return None
            data = file.read(LARGEST)
    except OSError:
        return None
    return None if b"\0" in data[:8192] else data.decode(errors="replace")


if __name__ == "__main__":
    main()
