"""How seriously a reader takes each rule: severities, and files in which it is not reported. Knows no rule's meaning.

Pure. Invariant: what is left out is counted, so that no setting is silent; the order of findings does not change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatchcase
from typing import NamedTuple

from orgruntime.diagnostics.diagnostic import Code, Diagnostic, Severity
from orgruntime.diagnostics.nearest import did_you_mean

OFF = "off"
LEVELS = (*(one.value for one in Severity), OFF)
EVERY = "*"


class BadSetting(ValueError):
    """A setting that cannot be read; the message is one sentence with a remedy."""


class Ignore(NamedTuple):
    """`pattern`: a path or glob of files, in which `*` also crosses `/`. `codes`: ids; `*` is every rule."""

    pattern: str
    codes: tuple[str, ...]

    def hides(self, found: Diagnostic, file: str) -> bool:
        return (EVERY in self.codes or found.code in self.codes) and fnmatchcase(file, self.pattern)


class Policy(NamedTuple):
    """`levels`: id → severity, or None for off."""

    levels: Mapping[str, Severity | None] = {}
    ignores: tuple[Ignore, ...] = ()

    def apply(self, found: Diagnostic, name: Callable[[str], str]) -> Diagnostic | None:
        """The finding at its severity, or None where it is not reported. `name`: a file as the patterns see it."""
        level = self.levels.get(found.code, found.severity)
        if level is None or any(one.hides(found, name(found.span.file)) for one in self.ignores):
            return None
        return found if level is found.severity else found._replace(severity=level)


def read_levels(entries: Mapping[str, str], rules: Mapping[str, Code]) -> dict[str, Severity | None]:
    """`{"ORG210": "off"}`, by id or name. Raises BadSetting."""
    levels: dict[str, Severity | None] = {}
    for key, word in entries.items():
        level = word.casefold()
        if level not in LEVELS:
            raise BadSetting(f"`{word}` is no severity; {did_you_mean(level, LEVELS)}")
        levels[rule_id(key, rules)] = None if level == OFF else Severity(level)
    return levels


def read_ignores(entries: Mapping[str, Iterable[str]], rules: Mapping[str, Code]) -> tuple[Ignore, ...]:
    """`{"roles/old/*": ["ORG114"]}`; `*` stands for every rule. Raises BadSetting."""
    made = []
    for pattern, keys in entries.items():
        codes = tuple(EVERY if key == EVERY else rule_id(key, rules) for key in keys)
        made.append(Ignore(pattern.removeprefix("./"), codes))
    return tuple(made)


def rule_id(key: str, rules: Mapping[str, Code]) -> str:
    """The id of a rule that is named by id or name. Raises BadSetting with the nearest."""
    by_name = {rule.name: rule.id for rule in rules.values()}
    id = by_name.get(key.casefold(), key.upper())
    if id not in rules:
        wide = [*rules, *by_name]
        hint = did_you_mean(key.upper(), rules) or did_you_mean(key.casefold(), wide) or "`orgrun explain` shows a rule"
        raise BadSetting(f"no rule is called `{key}`; {hint}")
    return id
