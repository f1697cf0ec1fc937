"""Where in the front matter a place is, while it is being typed. Knows YAML's shapes loosely, and no key's meaning.

A half-typed mapping is not YAML yet, so this reads lines and brackets, not a tree. Invariant: it reads any text to its
end and never fails; what it cannot place is a key of the top level.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_OPEN = re.compile(r"(?:\ufeff|\s)*---[ \t]*\n")
_CLOSE = re.compile(r"^(?:---|\.\.\.)[ \t]*$", re.MULTILINE)
_KEY = re.compile(r"(?P<indent> *(?:- +)*)(?P<key>[A-Za-z_][\w./-]*|\"[^\"\n]*\"|'[^'\n]*')[ \t]*:(?=\s|$)")
_ITEM = re.compile(r"(?P<indent> *)-(?=\s|$)[ \t]*")


@dataclass(frozen=True)
class KeyPlace:
    """One key: its path from the top, itself last, and the offsets of its word."""

    path: tuple[str, ...]
    start: int
    end: int


@dataclass(frozen=True)
class Cursor:
    """`path` leads to the mapping in which a key is typed, or to the key whose value is typed from `start` on."""

    path: tuple[str, ...]
    is_value: bool
    start: int


def bounds(text: str) -> tuple[int, int] | None:
    """[begin, end) of the front matter without its fences; to the end of the text where it is not closed yet."""
    opening = _OPEN.match(text)
    if opening is None:
        return None
    closing = _CLOSE.search(text, opening.end())
    return opening.end(), closing.start() if closing else len(text)


def keys_of(text: str) -> tuple[KeyPlace, ...]:
    """Every key of the front matter, in order."""
    inside = bounds(text)
    return tuple(_scanned(text, *inside).keys) if inside else ()


def cursor_at(text: str, offset: int) -> Cursor | None:
    """What is typed at an offset; None outside the front matter."""
    inside = bounds(text)
    if inside is None or not inside[0] <= offset <= inside[1]:
        return None
    return _scanned(text, inside[0], offset).cursor()


def _scanned(text: str, begin: int, end: int) -> _Scanner:
    scanner = _Scanner(text)
    at = begin
    while at <= end:
        stop = text.find("\n", at, end)
        stop = end if stop < 0 else stop
        scanner.line(at, stop)
        at = stop + 1
    return scanner


@dataclass
class _Flow:
    """An open `{` or `[`, and the key whose value is being read in it."""

    is_map: bool
    key: str | None = None


@dataclass
class _Scanner:
    text: str
    keys: list[KeyPlace] = field(default_factory=list)
    parents: list[tuple[int, str]] = field(default_factory=list)
    """(indent, key) of the open block mappings, the innermost last."""
    flows: list[_Flow] = field(default_factory=list)
    is_value: bool = False
    word: int = 0
    """Where the word or value that is being read begins."""

    def line(self, begin: int, end: int) -> None:
        if not self.flows:
            begin = self._block(begin, end)
        self.word = begin
        if self.flows or self.is_value:
            self._flow(begin, end)

    def cursor(self) -> Cursor:
        start = self.word + len(self.text[self.word :]) - len(self.text[self.word :].lstrip(" \t"))
        is_value = (not self.flows[-1].is_map or self.flows[-1].key is not None) if self.flows else self.is_value
        return Cursor(self._path(), is_value, start)

    def _block(self, begin: int, end: int) -> int:
        """Reads the begin of a block line; where the rest of it begins."""
        if key := _KEY.match(self.text, begin, end):
            indent = len(key["indent"])
            self._leave(indent)
            self.parents.append((indent, key["key"].strip("\"'")))
            self.keys.append(KeyPlace(self._path(), key.start("key"), key.end("key")))
            self.is_value = True
            return key.end()
        if item := _ITEM.match(self.text, begin, end):
            self._leave(len(item["indent"]) + 1)
            self.is_value = True
            return item.end()
        words = self.text[begin:end]
        self._leave(len(words) - len(words.lstrip(" ")))
        self.is_value = False
        return begin

    def _flow(self, begin: int, end: int) -> None:
        quote = ""
        for at in range(begin, end):
            char = self.text[at]
            if quote:
                quote = "" if char == quote else quote
            elif char in "\"'" and self._is_first(at):
                quote = char
            elif char == "#" and self.text[at - 1].isspace():
                return
            else:
                self._mark(char, at)

    def _mark(self, char: str, at: int) -> None:
        """One character outside quotes: brackets open only where a value begins, as `{seed}` in a command does not."""
        if char in "{[" and self._is_first(at):
            self.flows.append(_Flow(char == "{"))
            self.word = at + 1
        elif not self.flows:
            return
        elif char in "}]":
            self.flows.pop()
            self.word = at + 1
        elif char == ",":
            self.flows[-1].key = None
            self.word = at + 1
        elif char == ":" and self.flows[-1].is_map and self.flows[-1].key is None:
            self._flow_key(at)

    def _flow_key(self, at: int) -> None:
        raw = self.text[self.word : at]
        start = self.word + len(raw) - len(raw.lstrip())
        self.flows[-1].key = raw.strip().strip("\"'")
        self.keys.append(KeyPlace(self._path(), start, start + len(raw.strip())))
        self.word = at + 1

    def _leave(self, indent: int) -> None:
        while self.parents and self.parents[-1][0] >= indent:
            self.parents.pop()

    def _path(self) -> tuple[str, ...]:
        blocks = tuple(key for _, key in self.parents)
        return (*blocks, *(flow.key for flow in self.flows if flow.key is not None))

    def _is_first(self, at: int) -> bool:
        return not self.text[self.word : at].strip()
