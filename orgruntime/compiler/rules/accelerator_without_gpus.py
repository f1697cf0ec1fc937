"""A type of accelerator for trials that reserve no GPU."""

from __future__ import annotations

from orgruntime.compiler.facts import Facts
from orgruntime.diagnostics.codes import ACCELERATOR_WITHOUT_GPUS
from orgruntime.diagnostics.diagnostic import Findings

CODE = ACCELERATOR_WITHOUT_GPUS


def check(facts: Facts, findings: Findings) -> None:
    for role in facts.measuring:
        if role.resources.accelerator and not role.resources.gpus:
            message = f"`{role.slug}` asks for the accelerator `{role.resources.accelerator}` and for no GPU of it"
            findings.add(CODE, facts.needs[role.slug], message, "add `gpus: 1`, or leave the accelerator out")
