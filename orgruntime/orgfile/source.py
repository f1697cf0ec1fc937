"""One text file in memory, and the way from offsets to spans. Knows nothing of markdown.

Works on bytes. Invariant: `Source.text` is valid text with `\\n` line ends and no byte-order mark, and its lines and
columns are those that an editor shows for the file.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from orgruntime.diagnostics.diagnostic import Diagnostic, Findings
from orgruntime.diagnostics.pattern import pattern
from orgruntime.diagnostics.span import Span
from orgruntime.orgfile import reading_rules

MAX_FILE_BYTES = 1 << 20
"""The largest of 2,089 role files in the wild has 41,000 characters."""

_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_HIDDEN = (
    frozenset("\u00ad\u180e\u200b\u2060\u2061\u2062\u2063\u2064\ufeff\x7f")
    | frozenset(map(chr, range(0xE0000, 0xE0080)))
    | (frozenset(map(chr, range(32))) - frozenset("\t\n\r"))
)
_NEVER_HIDDEN = bytes(
    byte for byte in range(256) if (32 <= byte != 127 or byte in b"\t\n\r") and byte not in b"\xc2\xd8\xe1\xe2\xef\xf3"
)
"""Bytes that begin none of the characters above in UTF-8."""
_HIDDEN_E2 = pattern(rb"\xe2(?:\x80[\x8b-\x8f\xaa-\xae]|\x81[\xa0-\xaf])")
"""Those of the characters above that begin as dashes, curly quotes and arrows do."""
_FLAG = "\U0001f3f4"
"""Tag characters are honest in one place: after the black flag, where they spell a region."""


@dataclass(frozen=True)
class Source:
    file: str
    """The path as it is shown."""
    text: str
    sha256: str = ""
    """Of the bytes as they are on disk."""

    @cached_property
    def starts(self) -> tuple[int, ...]:
        """The offset of each line."""
        return (0, *(match.end() for match in re.finditer("\n", self.text)))

    def span(self, start: int, end: int | None = None) -> Span:
        """The span of the characters [start, end); one character if `end` is not given."""
        line, column = self.place(start)
        end_line, end_column = self.place(max(start, end if end is not None else start + 1))
        return Span(self.file, line, column, end_line, end_column)

    def place(self, offset: int) -> tuple[int, int]:
        """(line, column) of an offset, both from 1."""
        line = bisect_right(self.starts, offset)
        return line, offset - self.starts[line - 1] + 1

    def offset(self, line: int, column: int) -> int:
        """The offset of a place; `place` the other way round."""
        return self.starts[line - 1] + column - 1

    def line_end(self, offset: int) -> int:
        """Offset of the end of the line that holds `offset`, without its line end."""
        end = self.text.find("\n", offset)
        return len(self.text) if end < 0 else end


Reader = Callable[[Path, str, Findings], Source | None]
"""How the file at a path is read; `read_source` reads the disk, an editor's buffers may stand before it."""


def read_source(path: Path, shown: str, findings: Findings) -> Source | None:
    """The file at `path`, or None with an error in `findings`."""
    here = Span(shown)
    try:
        size = _size(path)
        if size is None:
            findings.put(here, reading_rules.unreadable_file.not_regular(shown))
            return None
        if size > MAX_FILE_BYTES:
            findings.put(here, reading_rules.unreadable_file.too_large(shown))
            return None
        with open(path, "rb", buffering=0) as file:
            data = file.readall()
    except OSError as error:
        findings.put(here, reading_rules.unreadable_file.failed(shown, error.strerror or str(error)))
        return None
    return decode(data, shown, findings)


def reading_once(read: Reader) -> Reader:
    """As `read`, and the same again for a file that was read before."""
    known: dict[tuple[str, str], tuple[Source | None, tuple[Diagnostic, ...]]] = {}

    def again(path: Path, shown: str, findings: Findings) -> Source | None:
        asked = (str(path), shown)
        if asked not in known:
            own = Findings()
            known[asked] = read(path, shown, own), tuple(own)
        source, found = known[asked]
        for one in found:
            findings.keep(one)
        return source

    return again


def _size(path: Path) -> int | None:
    """Of a regular file; None where there is none. Raises OSError where that cannot be seen."""
    try:
        found = os.stat(path)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    except OSError as error:
        if error.errno == errno.ELOOP:
            return None
        raise
    return found.st_size if stat.S_ISREG(found.st_mode) else None


def decode(data: bytes, shown: str, findings: Findings) -> Source | None:
    """Bytes as a Source. UTF-8 faults, byte-order marks, carriage returns and hidden characters are reported."""
    digest = hashlib.sha256(data).hexdigest()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        good = Source(shown, data[: error.start].decode("utf-8", errors="replace").lstrip("\ufeff"))
        looks_wide = data.startswith((b"\xff\xfe", b"\xfe\xff"))
        fault = reading_rules.not_utf8.bad_byte(data[error.start], error.start, looks_wide=looks_wide)
        findings.put(good.span(len(good.text)), fault)
        return None
    if data.startswith(b"\xef\xbb\xbf"):
        findings.put(Span(shown), reading_rules.byte_order_mark.skipped(shown))
    if "\r" in text:
        findings.put(Span(shown), reading_rules.carriage_returns.read_as_line_ends())
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    source = Source(shown, text, digest)
    if may_hide(data):
        _report_hidden(source, findings)
    return source


def may_hide(data: bytes) -> bool:
    """False where UTF-8 text surely has no hidden or direction character, at a tenth of the time of a search."""
    odd = data.translate(None, _NEVER_HIDDEN)
    return bool(odd) and (bool(odd.strip(b"\xe2")) or _HIDDEN_E2.search(data) is not None)


def _report_hidden(source: Source, findings: Findings) -> None:
    """The first place of each character; the work is that of a few searches, however many there are."""
    for char in sorted((_BIDI | _HIDDEN).intersection(source.text)):
        at = source.text.index(char) if char in _BIDI else _first_astray(source.text, char)
        if at is not None:
            _report_one(source, at, findings)


def _first_astray(text: str, char: str) -> int | None:
    """Where a hidden character stands first, flags left out."""
    at = text.find(char)
    while at >= 0 and _FLAG in text[max(0, at - 7) : at]:
        at = text.find(char, at + 1)
    return at if at >= 0 else None


def _report_one(source: Source, at: int, findings: Findings) -> None:
    char = source.text[at]
    if char in _BIDI:
        findings.put(source.span(at), reading_rules.bidi_control.control(char))
    else:
        findings.put(source.span(at), reading_rules.hidden_character.invisible(char))
