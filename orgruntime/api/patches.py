"""A certificate's patch, put onto files: strict unified diffs of text files, as the workspace writes them.

Works on texts. Invariant: every context line and every removed line must be where the patch says, so a patch that
applies gives exactly one result.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

_HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_NO_NEWLINE = "\\ No newline at end of file"


class PatchError(ValueError):
    """The patch does not fit: one sentence."""


def apply_patch(patch: str, read: Callable[[str], bytes]) -> dict[str, bytes]:
    """Path → new content of each file that the patch changes or adds. `read` gives a file as it is now and raises
    KeyError for one that is not there. Raises PatchError."""
    changed: dict[str, bytes] = {}
    for header, hunks in _files(patch.split("\n")):
        old, new = _side(header, "--- "), _side(header, "+++ ")
        if new is None:
            raise PatchError(f"it changes {old or 'a file'} in a way that only the run's own workspace can show")
        before = ""
        if old is not None:
            try:
                before = read(old).decode("utf-8")
            except (KeyError, UnicodeDecodeError) as error:
                raise PatchError(f"it changes {old}, which the workspace does not hold as text") from error
        changed[new] = _patched(before, hunks, new).encode()
    return changed


def _files(lines: list[str]) -> Iterator[tuple[list[str], list[str]]]:
    """(header lines, hunk lines) of each file."""
    starts = [index for index, line in enumerate(lines) if line.startswith("diff --git ")]
    if any(line.strip() for line in lines[: starts[0] if starts else len(lines)]):
        raise PatchError("it is no unified diff")
    for start, end in zip(starts, [*starts[1:], len(lines)][: len(starts)], strict=True):
        part = lines[start:end]
        at = next((index for index, line in enumerate(part) if line.startswith("@@")), len(part))
        yield part[:at], part[at:]


def _side(header: list[str], mark: str) -> str | None:
    """The path behind `---` or `+++`, without its `a/` or `b/`; None for /dev/null."""
    for line in header:
        if line.startswith(mark):
            path = line[len(mark) :].rstrip("\t")
            return None if path == "/dev/null" else path[2:]
    return None


def _patched(before: str, hunks: list[str], path: str) -> str:
    old = _LINE.findall(before)
    result: list[str] = []
    at = 0
    for line, after in zip(hunks, [*hunks[1:], ""], strict=True):
        sign, text = line[:1], line[1:] + ("" if after == _NO_NEWLINE else "\n")
        if match := _HUNK.match(line):
            start = int(match[1]) - (match[2] != "0")
            result += old[at:start]
            at = start
        elif sign in (" ", "-"):
            if at >= len(old) or old[at] != text:
                raise PatchError(f"line {at + 1} of {path} is not what the patch expects")
            at += 1
            if sign == " ":
                result.append(text)
        elif sign == "+":
            result.append(text)
        elif line and line != _NO_NEWLINE:
            raise PatchError(f"it holds the line {line[:40]!r}, which is none of a patch")
    return "".join(result + old[at:])
