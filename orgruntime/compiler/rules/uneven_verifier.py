"""A verifier whose trials run on other hardware than the experiments whose gains it certifies."""

from __future__ import annotations

from orgruntime.compiler.facts import Facts
from orgruntime.diagnostics.codes import UNEVEN_VERIFIER
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.model.manifest import Role, RoleKind
from orgruntime.model.placement import types

CODE = UNEVEN_VERIFIER


def check(facts: Facts, findings: Findings) -> None:
    trainer = next((role for role in facts.roles if role.kind is RoleKind.EXPERIMENT), None)
    referee = next((role for role in facts.roles if role.kind is RoleKind.VERIFIER), None)
    if trainer is None or referee is None or _class(trainer) == _class(referee):
        return
    message = f"`{referee.slug}` measures on {_class(referee)}, and `{trainer.slug}` on {_class(trainer)}"
    help = "give both the same GPUs and accelerator: gain and noise of one need not be those of the other"
    findings.add(CODE, facts.needs[referee.slug], message, help)


def _class(role: Role) -> str:
    """`1 GPU of type H100`, `2 nodes of 8 GPUs`; CPUs of a node count as one class, however many."""
    gpus, kind = role.resources.gpus, " or ".join(types(role.resources))
    span = f"{role.resources.nodes} nodes of " if role.resources.nodes > 1 else ""
    if not gpus:
        return f"{span}CPUs"
    return f"{span}{gpus:g} GPU{'s' * (gpus != 1)}" + (f" of type {kind}" if kind else "")
