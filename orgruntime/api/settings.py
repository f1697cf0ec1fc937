"""What a reader asks of `check`: the words of the command line, and `.orgrun.toml` beside an org. Changes no file.

Works on paths and TOML. Knows nothing of the rules but their names. Invariant: settings change what `check` reports and
nothing else: a run, a plan and a trust decision see every error.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from orgruntime.api.errors import UserError
from orgruntime.diagnostics.codes import CODES
from orgruntime.diagnostics.diagnostic import Code, Diagnostic
from orgruntime.diagnostics.nearest import did_you_mean
from orgruntime.diagnostics.policy import BadSetting, Policy, read_ignores, read_levels
from orgruntime.diagnostics.render import printable

SETTINGS = ".orgrun.toml"
_MOST_BYTES = 64 * 1024
Judge = Callable[[Diagnostic], Diagnostic | None]


class Asked(NamedTuple):
    """`severities`: rule → error, warning, info or off. `ignores`: glob → rules. `isolated`: read no settings file."""

    severities: Mapping[str, str] = {}
    ignores: Mapping[str, Sequence[str]] = {}
    isolated: bool = False


class Settings:
    """The judges of paths. Raises UserError for words, or a settings file, that cannot be read."""

    def __init__(self, asked: Asked, rules: Mapping[str, Code] = CODES) -> None:
        self._asked, self._rules = asked, rules
        self._own = _policy(asked.severities, asked.ignores, rules, "the command line")
        self.used: dict[str, None] = {}
        """Settings files, as they are shown."""

    @property
    def asked(self) -> bool:
        """Whether the command line set anything."""
        return bool(self._own.levels or self._own.ignores)

    def judge(self, path: Path) -> Judge:
        """What is made of a finding of `path`: itself, itself at another severity, or None."""
        file = None if self._asked.isolated else settings_file(path)
        beside = Policy() if file is None else _read(file, self._rules)
        if file is not None:
            self.used.setdefault(os.path.relpath(file))
        first = Policy({**beside.levels, **self._own.levels}, beside.ignores)
        root = file.parent if file is not None else Path()
        own = Policy(ignores=self._own.ignores)

        def judged(found: Diagnostic) -> Diagnostic | None:
            kept = first.apply(found, lambda shown: name_below(root, shown))
            return own.apply(kept, lambda shown: name_below(Path(), shown)) if kept else None

        return judged


def settings_file(path: Path) -> Path | None:
    """The nearest `.orgrun.toml`: in the folder of the org or role files, or above it within its repository."""
    folder = Path(os.path.abspath(path))
    folder = folder if folder.is_dir() else folder.parent
    above = [folder, *folder.parents]
    top = next((i for i, one in enumerate(above) if (one / ".git").exists()), 0)
    return next((one / SETTINGS for one in above[: top + 1] if (one / SETTINGS).is_file()), None)


def name_below(root: Path, shown: str) -> str:
    """A file as patterns and baselines name it: relative to `root`, with `/`; absolute paths outside stay relative."""
    return Path(os.path.relpath(os.path.abspath(shown), os.path.abspath(root))).as_posix()


def _read(file: Path, rules: Mapping[str, Code]) -> Policy:
    import tomllib

    shown = os.path.relpath(file)
    try:
        if file.stat().st_size > _MOST_BYTES:
            raise UserError(f"{shown} is larger than {_MOST_BYTES // 1024} KiB; it is to hold settings alone")
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{shown} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    except tomllib.TOMLDecodeError as error:
        raise UserError(printable(f"{shown} is not TOML: {error}")) from error
    _refuse_unknown(content, ("check",), shown)
    check = _table(content, "check", shown)
    _refuse_unknown(check, ("severity", "ignore"), f"{shown}, in [check]")
    levels, ignores = _table(check, "severity", shown), _table(check, "ignore", shown)
    for name, word in levels.items():
        if not isinstance(word, str):
            raise UserError(printable(f'{shown}: the severity of {name} must be a word, such as {name} = "warning"'))
    listed = {pattern: [words] if isinstance(words, str) else words for pattern, words in ignores.items()}
    for pattern, words in listed.items():
        if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
            raise UserError(printable(f'{shown}: "{pattern}" must be given a list of rules, such as ["ORG114"]'))
    return _policy(levels, listed, rules, shown)


def _policy(
    levels: Mapping[str, str], ignores: Mapping[str, Sequence[str]], rules: Mapping[str, Code], where: str
) -> Policy:
    try:
        return Policy(read_levels(levels, rules), read_ignores(ignores, rules))
    except BadSetting as error:
        raise UserError(printable(f"{where}: {error}")) from error


def _table(content: Mapping[str, Any], key: str, shown: str) -> dict[str, Any]:
    value = content.get(key, {})
    if not isinstance(value, dict):
        raise UserError(f"{shown}: `{key}` must be a table, such as [check.severity]")
    return value


def _refuse_unknown(table: Mapping[str, object], known: Sequence[str], where: str) -> None:
    for key in table:
        if key not in known:
            raise UserError(printable(f"{where}: unknown key `{key}`; {did_you_mean(key, known)}"))
