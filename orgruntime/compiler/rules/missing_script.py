"""A command that names a script which the workspace does not have.

What may be installed where trials run is no error: a module that nothing here knows, and a program that is nearly an
interpreter, are taken for slips.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from orgruntime.compiler import reading_rules
from orgruntime.compiler.command import Target, program_words, target_of
from orgruntime.compiler.facts import Facts
from orgruntime.diagnostics.codes import MISSING_SCRIPT
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.diagnostics.nearest import did_you_mean, edit_distance, nearest
from orgruntime.orgfile import disk
from orgruntime.orgfile.tree import ScalarNode

CODE = MISSING_SCRIPT

_PROGRAMS = ("python", "python3", "bash", "sh", "uv")
_OTHERS = frozenset(("ash", "csh", "dash", "fish", "ipython", "ksh", "rsh", "ssh", "uvx", "zsh"))
"""Programs that may be there, and are no slips."""
_MOST = 1_000
"""Modules of a workspace that a name is compared with."""


def check(facts: Facts, findings: Findings) -> None:
    for key, node in facts.commands():
        _check_program(node, findings)
        target = target_of(node.text)
        if target is None or facts.root is None or facts.found(target):
            continue
        if target.module:
            _check_module(facts, target, node, findings)
        else:
            script = target.paths[0]
            scripts = [name for name in facts.workspace_files if name.endswith((".py", ".sh"))]
            if not target.is_sure and (disk.is_there(facts.root / script) or nearest(script, scripts) is None):
                continue
            help = did_you_mean(script, scripts) or "check the path; it is relative to the workspace"
            message = f"`workspace.{key}` runs `{script}`, and the workspace has no such file"
            at = node.text.find(target.word)
            findings.add(CODE, node.part(at, at + len(target.word)), message, help)


def _check_program(node: ScalarNode, findings: Findings) -> None:
    words = program_words(node.text)
    name = words[0] if words else ""
    if not 2 <= len(name) <= 9 or not name.isalnum() or name in _PROGRAMS or name in _OTHERS:
        return
    near = next((one for one in _PROGRAMS if edit_distance(name.casefold(), one) == 1), None)
    if near and not any(disk.is_file(Path(folder) / name) for folder in os.get_exec_path()):
        at = node.text.find(name)
        findings.put(node.part(at, at + len(name)), reading_rules.likely_typo.program(name, near))


def _check_module(facts: Facts, target: Target, node: ScalarNode, findings: Findings) -> None:
    known = list(islice(_modules(facts.workspace_files), _MOST))
    top = target.word.split(".")[0]
    is_here = any(name.split(".")[0] == top for name in known)
    if not is_here and (top in sys.stdlib_module_names or _is_installed(top)):
        return
    near = nearest(target.word, known)
    at = node.text.find(target.word)
    findings.put(node.part(at, at + len(target.word)), reading_rules.likely_typo.module(target.word, near))


def _modules(files: tuple[str, ...]) -> Iterator[str]:
    for name in files:
        if name.endswith(".py"):
            yield name.removesuffix(".py").removesuffix("/__main__").removesuffix("/__init__").replace("/", ".")


def _is_installed(top: str) -> bool:
    return any(
        disk.is_there(Path(folder) / top) or disk.is_there(Path(folder) / f"{top}.py") for folder in sys.path if folder
    )
