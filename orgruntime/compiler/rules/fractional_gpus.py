"""GPUs of a trial that Ray cannot reserve: more than one, and not a whole number."""

from __future__ import annotations

from orgruntime.compiler.facts import Facts
from orgruntime.diagnostics.codes import FRACTIONAL_GPUS
from orgruntime.diagnostics.diagnostic import Findings

CODE = FRACTIONAL_GPUS


def check(facts: Facts, findings: Findings) -> None:
    for role in facts.measuring:
        gpus = role.resources.gpus
        if gpus > 1 and gpus != int(gpus):
            message = f"a trial of `{role.slug}` asks for {gpus:g} GPUs, and above one only whole GPUs can be reserved"
            findings.add(CODE, facts.needs[role.slug], message, f"write `gpus: {int(gpus)}` or `gpus: {int(gpus) + 1}`")
