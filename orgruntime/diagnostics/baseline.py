"""A baseline: findings that are known and accepted, so that only new ones fail. Knows no rule.

Works on diagnostics and the texts that they point into. Invariant: a finding keeps its fingerprint when lines are added
or removed around it; the same fault twice is two findings, so a baseline never accepts more of them than it counted.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from orgruntime.diagnostics.diagnostic import Diagnostic, Severity, in_order
from orgruntime.diagnostics.pattern import pattern

VERSION = 1
_LINE = pattern(r"\bline \d+\b")


class BadBaseline(ValueError):
    """The object is not a baseline; the message says why."""


class Fingerprints(NamedTuple):
    """`texts`: file as it is shown → its text. `name`: the file as the baseline calls it, apart from who looks."""

    texts: Mapping[str, str]
    name: Callable[[str], str]

    def of(self, diagnostics: Iterable[Diagnostic]) -> list[str]:
        """One of 32 hexadecimal digits a diagnostic: of rule, file, message without line numbers, and marked words."""
        lines = {file: text.split("\n") for file, text in self.texts.items()}
        return [self._of(one, lines.get(one.span.file, [])) for one in diagnostics]

    def _of(self, found: Diagnostic, lines: Sequence[str]) -> str:
        parts = (found.code, self.name(found.span.file), _LINE.sub("line", found.message), _marked(found, lines))
        return hashlib.sha256("\0".join(parts).encode("utf-8", "backslashreplace")).hexdigest()[:32]


class Sifted(NamedTuple):
    """`new`: what the baseline does not hold. `gone`: how many of its findings are no longer there."""

    new: tuple[Diagnostic, ...]
    accepted: int
    gone: int


def sift(diagnostics: Iterable[Diagnostic], prints: Fingerprints, known: Mapping[str, int]) -> Sifted:
    """Takes known findings away, each as often as it was counted; of more equal ones the last are new."""
    left = Counter(known)
    new: list[Diagnostic] = []
    found = in_order(diagnostics)
    for one, name in zip(found, prints.of(found), strict=True):
        if left[name] > 0:
            left[name] -= 1
        else:
            new.append(one)
    return Sifted(tuple(new), len(found) - len(new), left.total())


def as_baseline(diagnostics: Iterable[Diagnostic], prints: Fingerprints) -> dict[str, Any]:
    """The object to store: every error and warning, in an order in which a change reads well."""
    faults = [one for one in in_order(diagnostics) if one.severity is not Severity.INFO]
    counted: dict[str, dict[str, Any]] = {}
    for one, name in zip(faults, prints.of(faults), strict=True):
        entry = {"code": one.code, "file": prints.name(one.span.file), "message": one.message, "count": 0}
        counted.setdefault(name, entry)["count"] += 1
    entries = [{"fingerprint": name, **entry} for name, entry in counted.items()]
    entries.sort(key=lambda entry: (entry["file"], entry["code"], entry["message"], entry["fingerprint"]))
    return {"orgrun_baseline": VERSION, "findings": entries}


def known_of(content: object) -> dict[str, int]:
    """Fingerprint → count of a stored baseline. Raises BadBaseline."""
    if not isinstance(content, dict) or "orgrun_baseline" not in content:
        raise BadBaseline("it is not a baseline of orgrun")
    if content["orgrun_baseline"] != VERSION:
        raise BadBaseline(f"its version is {content['orgrun_baseline']!r}, and this release reads {VERSION}")
    known: Counter[str] = Counter()
    entries = content.get("findings")
    for entry in entries if isinstance(entries, list) else [None]:
        name, count = (entry.get("fingerprint"), entry.get("count", 1)) if isinstance(entry, dict) else (None, 0)
        if not isinstance(name, str) or type(count) is not int or count < 1:
            raise BadBaseline("its `findings` are not a list of findings")
        known[name] += count
    return dict(known)


def _marked(found: Diagnostic, lines: Sequence[str]) -> str:
    """The words under the caret, those of the first line; their spacing does not count."""
    span = found.span
    if span.line > len(lines):
        return ""
    line = lines[span.line - 1]
    end = span.end_column - 1 if span.end_line == span.line else len(line)
    return " ".join(line[span.column - 1 : end].split())
