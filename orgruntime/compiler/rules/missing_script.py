"""A command that names a script which the workspace does not have.

What may be installed where trials run is no error: a module that nothing here knows, and a program that is nearly an
interpreter, are taken for slips.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import islice

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
_OTHERS = frozenset(
    ("ash", "base", "cash", "csh", "cython", "dash", "esh", "fish", "fsh", "gh", "hash", "ipython", "jython", "ksh",
     "mash", "mv", "nsh", "nush", "osh", "psh", "rsh", "ssh", "su", "tsh", "ush", "uvx", "xsh", "zsh")
)  # fmt: skip
"""Programs that may be there, and are no slips. What this machine has is not asked: trials may run on another."""
_LAUNCHING = frozenset(
    ("accelerate", "axolotl", "coverage", "deepspeed", "fire", "horovod", "hydra", "ipykernel", "jax", "jupyter",
     "keras", "lightning", "lightning_fabric", "mlflow", "mpi4py", "nbconvert", "numpy", "optuna", "pip", "pipenv",
     "poetry",
     "pytest", "pytorch_lightning", "ray", "sagemaker", "scipy", "sklearn", "tensorflow", "torch", "torchrun",
     "torchx", "transformers", "trl", "uv", "vllm", "wandb", "xgboost")
)  # fmt: skip
"""Packages whose modules are run by `-m`."""
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
            is_sure = target.is_sure or (target.program and (key == "setup" or facts.scalar("workspace.setup") is None))
            scripts = [name for name in facts.workspace_files if _may_be_meant(name, target, is_sure=is_sure)]
            if not is_sure and (disk.is_there(facts.root / script) or nearest(script, scripts) is None):
                continue
            help = did_you_mean(script, scripts) or "check the path; it is relative to the workspace"
            message = f"`workspace.{key}` runs `{script}`, and the workspace has no such file"
            at = node.text.find(target.word)
            findings.add(CODE, node.part(at, at + len(target.word)), message, help)


def _may_be_meant(name: str, target: Target, *, is_sure: bool) -> bool:
    """Whether a file may be what a command was to run. Beside `train.c` a set-up builds `train`: that is no slip."""
    if target.program and not is_sure:
        return "." not in name.rpartition("/")[2]
    return target.program or name.endswith((".py", ".sh"))


def _check_program(node: ScalarNode, findings: Findings) -> None:
    words = program_words(node.text)
    name = words[0] if words else ""
    if not 2 <= len(name) <= 9 or not name.isalnum() or name in _PROGRAMS or name in _OTHERS:
        return
    near = next((one for one in _PROGRAMS if edit_distance(name.casefold(), one) == 1), None)
    if near:
        at = node.text.find(name)
        findings.put(node.part(at, at + len(name)), reading_rules.likely_typo.program(name, near))


def _check_module(facts: Facts, target: Target, node: ScalarNode, findings: Findings) -> None:
    known = list(islice(_modules(facts.workspace_files), _MOST))
    top = target.word.split(".")[0]
    is_here = any(name.split(".")[0] == top for name in known)
    if not is_here and (top in sys.stdlib_module_names or top in _LAUNCHING):
        return
    near = nearest(target.word, known)
    at = node.text.find(target.word)
    findings.put(node.part(at, at + len(target.word)), reading_rules.likely_typo.module(target.word, near))


def _modules(files: tuple[str, ...]) -> Iterator[str]:
    for name in files:
        if name.endswith(".py"):
            yield name.removesuffix(".py").removesuffix("/__main__").removesuffix("/__init__").replace("/", ".")
