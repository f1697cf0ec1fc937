"""Commands of the workspace: one program and its words, split like a shell splits, run by none.

Pure; knows nothing of files and reports nothing. Invariant: a command without shell signs means the same when it is
split and run directly as when a person types it.
"""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from orgruntime.diagnostics.pattern import pattern

COMMANDS = ("setup", "run", "verify")
"""Keys of `workspace:` that hold a command."""

PLACEHOLDERS = ("seed", "budget")
"""Filled in for each trial; `setup` runs once a node and has none."""

NO_SHELL = "no shell runs it: put the line in a script and name the script here"

_OPERATORS = pattern(r"\|\|?|&&?|;|<<?|>>?|`|\n|\$(?=[\w{(?#@*!-])")
_PLACEHOLDER = pattern(r"\{([A-Za-z_]\w*)\}")
_INTERPRETERS = pattern(r"(?:.*/)?(?:python[\d.]*|bash|sh)")
_SCRIPT = pattern(r"[\w./-]+\.(?:py|sh)")
_FILE = pattern(r"(?!/|-)[\w./-]+")
_ELSEWHERE = pattern(r"(?:^|/)(?:\.\.|\.?v?env|node_modules)(?:/|$)")
_MODULE = pattern(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")
_LAUNCHERS = pattern(r"(?:.*/)?(?:torchrun|deepspeed)|launch")
_RUNNERS: Mapping[str, tuple[str, ...]] = {
    "uv": (
        "--with", "--with-requirements", "--with-editable", "--python", "-p", "--extra", "--group", "--only-group",
        "--no-group", "--env-file", "--project", "--directory", "--package", "--index", "--index-url", "--config-file",
        "--cache-dir",
    ),
    "poetry": ("-C", "--directory", "-P", "--project"),
    "pdm": ("-p", "--project", "--venv"),
    "pipenv": (),
    "rye": (),
    "pixi": ("-e", "--environment", "--manifest-path"),
    "conda": ("-n", "--name", "-p", "--prefix", "--cwd"),
}  # fmt: skip
"""Programs of which `run` starts another one, each with its flags that take a value."""


def split(text: str) -> tuple[str, ...] | None:
    """The words of a command; None where a quote is not closed."""
    try:
        return tuple(shlex.split(text))
    except ValueError:
        return None


def placeholders(text: str) -> Iterator[re.Match[str]]:
    """`{name}` in a command; group 1 is the name."""
    return _PLACEHOLDER.finditer(text)


class Target(NamedTuple):
    """What a command runs of the workspace. `word`: as it stands in the command; `module`: behind `-m`; `program`: it
    stands for itself and has no ending that says what it is, so that it may be built by the set-up."""

    word: str
    module: bool = False
    program: bool = False

    @property
    def is_sure(self) -> bool:
        """Whether it is a script by its name. What an interpreter is given may be a folder, or have no ending."""
        return _SCRIPT.fullmatch(self.word) is not None

    @property
    def paths(self) -> tuple[str, ...]:
        """Where it can be, below the workspace."""
        if not self.module:
            return (posixpath.normpath(self.word),)
        stem = self.word.replace(".", "/")
        return (f"{stem}.py", f"{stem}/__main__.py")


def target_of(text: str) -> Target | None:
    """The script or module that an interpreter is asked to run, behind launchers and flags; None where it cannot be
    told. A script or program that stands for itself has a path: `./setup.sh`, `bin/train`."""
    words = program_words(text)
    if not words:
        return None
    if _LAUNCHERS.fullmatch(words[0]):
        return _first_script(words[1:])
    if not _INTERPRETERS.fullmatch(words[0]):
        return _own(words[0]) if "/" in words[0] else None
    at = 1
    while at < len(words) and words[at].startswith("-") and words[at] != "-":
        flag = words[at]
        if flag == "-c" or (not flag.startswith("--") and flag.endswith("c")):
            return None
        if flag.endswith("m") and "python" in words[0] and not flag.startswith("--"):
            return _module(words[at + 1 : at + 2])
        at += 2 if flag in ("-W", "-X") or (flag.endswith("o") and "python" not in words[0]) else 1
    return Target(words[at]) if at < len(words) and _FILE.fullmatch(words[at]) else None


def program_words(text: str) -> tuple[str, ...]:
    """A command from the program on that does the work: without `uv run`, `poetry run` and the like."""
    words = split(text) or ()
    while len(words) > 1 and words[0] in _RUNNERS and words[1] == "run":
        own = _RUNNERS[words[0]]
        at = 2
        while at < len(words) and words[at].startswith("-"):
            if words[at] in ("-m", "--module"):
                return ("python", "-m", *words[at + 1 :])
            at += 2 if words[at] in own else 1
        words = words[at:]
        if words and words[0].endswith((".py", ".sh")):
            return ("python" if words[0].endswith(".py") else "sh", *words)
    return words[1:] if words[:2] == ("accelerate", "launch") else words


def _first_script(words: Sequence[str]) -> Target | None:
    """Behind a launcher: its flags take values with a blank or without, so the first script is meant."""
    for at, word in enumerate(words):
        if word in ("-m", "--module"):
            return _module(words[at + 1 : at + 2])
        if not word.startswith("-") and (found := _script(word)):
            return found
    return None


def _own(word: str) -> Target | None:
    """A file of the workspace that is started by its path. An environment may lie anywhere: `.venv/bin/train`."""
    if script := _script(word):
        return script
    is_own = _FILE.fullmatch(word) and not _ELSEWHERE.search(word)
    return Target(word, program=True) if is_own else None


def _script(word: str) -> Target | None:
    return Target(word) if _SCRIPT.fullmatch(word) and not word.startswith("/") else None


def _module(words: Sequence[str]) -> Target | None:
    return Target(words[0], module=True) if words and _MODULE.fullmatch(words[0]) else None


def shell_signs(text: str) -> Iterator[tuple[int, int]]:
    """Places of unquoted operators, and of `$` and backticks outside single quotes."""
    quote, at = "", 0
    while at < len(text):
        char = text[at]
        if char == "\\" and quote != "'":
            at += 2
            continue
        if char in "'\"" and quote in ("", char):
            quote = "" if quote else char
            at += 1
            continue
        match = _OPERATORS.match(text, at)
        if match and (not quote or (quote == '"' and match[0] in ("$", "`"))):
            yield match.start(), match.end()
            at = match.end()
            continue
        at += 1
