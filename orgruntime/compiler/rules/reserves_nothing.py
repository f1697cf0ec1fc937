"""Trials that reserve neither a CPU nor a GPU, so that nothing keeps a node from starting them all."""

from __future__ import annotations

from orgruntime.compiler.facts import Facts
from orgruntime.diagnostics.codes import RESERVES_NOTHING
from orgruntime.diagnostics.diagnostic import Findings

CODE = RESERVES_NOTHING


def check(facts: Facts, findings: Findings) -> None:
    for role in facts.measuring:
        if not role.resources.cpus and not role.resources.gpus:
            message = f"a trial of `{role.slug}` reserves neither CPUs nor GPUs, so nothing bounds how many run at once"
            findings.add(CODE, facts.needs[role.slug], message, "reserve what it uses, such as `cpus: 1`")
