"""How the functional tests call the command: in this process for sentences and codes, as a process for what needs one,
as a Python that starts and imports for what is about its start."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from click.testing import CliRunner

from orgruntime.cli.main import main

sys.path.insert(0, str(Path(__file__).parents[1]))

import warm


class Said(NamedTuple):
    code: int
    out: str
    err: str


def orgrun(*words: object, env: Mapping[str, str | None] | None = None) -> Said:
    """In this process."""
    result = CliRunner().invoke(main, [str(word) for word in words], env=env)
    return Said(result.exit_code, result.stdout, result.stderr)


def orgrun_process(*words: object, cwd: Path, env: Mapping[str, str] | None = None, timeout: float = 300) -> Said:
    """In a process of its own, as a user's shell would, but forked from one that has its imports behind it."""
    done = warm.run(*words, cwd=cwd, env={**os.environ, **(env or {})}, timeout=timeout)
    return Said(done.returncode, done.stdout, done.stderr)


def orgrun_afresh(*words: object, cwd: Path, env: Mapping[str, str] | None = None, timeout: float = 300) -> Said:
    """As a user's shell would: a Python that starts and imports."""
    done = subprocess.run(
        command(*words),
        cwd=cwd,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    return Said(done.returncode, done.stdout, done.stderr)


def command(*words: object) -> list[str]:
    return [sys.executable, "-m", "orgruntime.cli.main", *map(str, words)]


def assert_one_sentence(said: Said, code: int, *needed: str) -> None:
    """A refusal that a person can act on: the code, no traceback, and the words that name place and remedy."""
    everything = said.out + said.err
    assert said.code == code, everything
    assert "Traceback" not in everything
    assert "bug of orgruntime" not in everything
    for word in needed:
        assert word in everything, f"{word!r} is not in {everything!r}"
