"""Diagnostics as text and as JSON. Knows nothing of how they were found.

Invariant: nothing that a file holds reaches a terminal raw. Control and direction characters of excerpts and messages
are shown as their code points, so an untrusted org cannot move the cursor or recolour the screen.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

from orgruntime.diagnostics.diagnostic import Diagnostic, Severity, in_order
from orgruntime.diagnostics.fixes import Fix

_COLOURS = {Severity.ERROR: "\x1b[1;31m", Severity.WARNING: "\x1b[1;33m", Severity.INFO: "\x1b[1;36m"}
_BLUE, _BOLD, _PLAIN = "\x1b[1;34m", "\x1b[1m", "\x1b[0m"
_WIDEST_EXCERPT = 160
"""Columns of an excerpt line; longer lines are cut around the fault."""
_TAB = "→   "
"""A tab that is marked, as wide as one that is not."""
_AROUND = 2
"""Lines of an excerpt before and after the fault."""


def concise(diagnostics: Iterable[Diagnostic]) -> str:
    """One line a diagnostic: `file:line:column: severity CODE [name] message; help: …`."""
    return "".join(_one_line(found) + "\n" for found in in_order(diagnostics))


def full(diagnostics: Iterable[Diagnostic], texts: Mapping[str, str], *, colour: bool = False) -> str:
    """Each diagnostic with its line, a caret, and the two lines before and after.

    `texts` maps the files of the spans to their text; a file that is not there gets no excerpt.
    """
    blocks = [_block(found, texts.get(found.span.file), colour) for found in in_order(diagnostics)]
    return "\n".join(blocks)


def as_json(files: Iterable[Mapping[str, Any]], diagnostics: Iterable[Diagnostic]) -> dict[str, Any]:
    """The promised object of `check --format json`: `files` and `diagnostics`."""
    return {"files": [dict(file) for file in files], "diagnostics": [_entry(found) for found in in_order(diagnostics)]}


def summary(diagnostics: Iterable[Diagnostic]) -> str:
    """`2 errors, 1 warning`, or `no faults`. Infos are not faults and are counted last."""
    found = [one.severity for one in diagnostics]
    counts = [(found.count(kind), kind.value) for kind in Severity]
    parts = [f"{n} {word}{'s' if n != 1 and word != 'info' else ''}" for n, word in counts if n]
    return ", ".join(parts) if parts else "no faults"


def printable(text: str) -> str:
    """`text` with control and invisible characters spelled as `\\u202e`."""
    return "".join(_cell(char) for char in text)


def _one_line(found: Diagnostic) -> str:
    place = f"{found.span.file}:{found.span.line}:{found.span.column}"
    text = f"{place}: {found.severity} {found.code} [{found.name}] {found.message}"
    return printable(text + (f"; help: {found.help}" if found.help else ""))


def _block(found: Diagnostic, text: str | None, colour: bool) -> str:
    def paint(shade: str, words: str) -> str:
        return f"{shade}{words}{_PLAIN}" if colour else words

    shade = _COLOURS[found.severity]
    span = found.span
    head = paint(shade, f"{found.severity}[{found.code}]") + paint(_BOLD, f": {printable(found.message)}")
    excerpt = _excerpt(found, text) if text is not None else []
    gutter = " " * max((len(number) for number, _, _ in excerpt), default=1)
    bar = paint(_BLUE, "|")
    place = f"{printable(span.file)}:{span.line}:{span.column}"
    lines = [head, f"{gutter}{paint(_BLUE, '-->')} {place} ({found.name})"]
    if excerpt:
        lines.append(f"{gutter} {bar}")
    for number, line, is_caret in excerpt:
        lines.append(f"{number.rjust(len(gutter))} {bar} {paint(shade, line) if is_caret else line}".rstrip())
    if excerpt:
        lines.append(f"{gutter} {bar}")
    for word, note in [("help", found.help)] * bool(found.help) + [("note", note) for note in found.notes]:
        lines.append(f"{gutter} {paint(_BLUE, '=')} {paint(_BOLD, word)}: {printable(note)}")
    return "\n".join(lines) + "\n"


def _excerpt(found: Diagnostic, text: str) -> list[tuple[str, str, bool]]:
    """(line number or blank, text, is the caret line) of the fault's line and its neighbours."""
    lines = text.split("\n")
    if lines and not lines[-1]:
        lines.pop()
    at = found.span.line
    shown: list[tuple[str, str, bool]] = []
    for number in range(max(1, at - _AROUND), min(len(lines), at + _AROUND) + 1):
        line, caret = _aligned(found, lines[number - 1], number == at)
        shown.append((str(number), line, False))
        if caret:
            shown.append(("", caret, True))
    return shown


def _aligned(found: Diagnostic, line: str, is_fault: bool) -> tuple[str, str]:
    """A line of an excerpt as it is printed, and the carets below it."""
    start = found.span.column - 1
    end = found.span.end_column - 1 if found.span.end_line == found.span.line else len(line)
    first = max(0, start - _WIDEST_EXCERPT // 2) if is_fault and len(line) > _WIDEST_EXCERPT else 0
    stop = first + _WIDEST_EXCERPT
    cut = printable(line[first:stop])
    if is_fault and "\t" in line[start:end]:
        cut = printable(line[first:start]) + printable(line[start:end].replace("\t", _TAB)) + printable(line[end:stop])
    left = "…" if first else ""
    text = left + cut + ("…" if stop < len(line) else "")
    if not is_fault:
        return text, ""
    before = _width(left) + sum(_width(_cell(char)) for char in line[first:start])
    under = sum(_width(_cell(char)) for char in line[start : min(end, stop)])
    return text, " " * before + "^" * max(1, under)


def _cell(char: str) -> str:
    """How one character is printed."""
    if char == "\t":
        return "    "
    if char == "\n":
        return " "
    if char in "\u200d\ufe0f" or unicodedata.category(char) not in ("Cc", "Cf", "Zl", "Zp", "Cs"):
        return char
    return f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}"


def _width(text: str) -> int:
    """Terminal columns. Combining marks take none, wide East Asian characters two."""
    wide = sum(unicodedata.east_asian_width(char) in "WF" for char in text)
    return len(text) + wide - sum(bool(unicodedata.combining(char)) or char in "\u200d\ufe0f" for char in text)


def _entry(found: Diagnostic) -> dict[str, Any]:
    return {
        "code": found.code,
        "name": found.name,
        "severity": found.severity.value,
        "file": found.span.file,
        "line": found.span.line,
        "column": found.span.column,
        "end_line": found.span.end_line,
        "end_column": found.span.end_column,
        "message": found.message,
        "help": found.help,
        "notes": list(found.notes),
        "fix": _remedy(found.fix) if found.fix else None,
    }


def _remedy(fix: Fix) -> dict[str, Any]:
    edits = [
        {
            "line": edit.span.line,
            "column": edit.span.column,
            "end_line": edit.span.end_line,
            "end_column": edit.span.end_column,
            "text": edit.text,
        }
        for edit in fix.edits
    ]
    return {"title": fix.title, "safe": fix.is_safe, "edits": edits}
