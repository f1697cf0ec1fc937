"""Trials that are larger than what the appetite lets through."""

from __future__ import annotations

from orgruntime.compiler.facts import Facts
from orgruntime.diagnostics.codes import OVER_BLAST_RADIUS
from orgruntime.diagnostics.diagnostic import Findings

CODE = OVER_BLAST_RADIUS


def check(facts: Facts, findings: Findings) -> None:
    appetite = facts.program.appetite
    radius = appetite.blast_radius
    for role, seconds in facts.trials:
        minutes, gpus = seconds / 60, role.resources.all_gpus
        for much, most, words, key in (
            (minutes, radius.minutes, f"may take {minutes:g} minutes", f"time: {minutes:g}m"),
            (gpus, radius.gpus, f"takes {gpus:g} GPUs", f"gpus: {gpus:g}"),
        ):
            if much > most:
                message = (
                    f"a trial of `{role.slug}` {words}; above {most:g} (the blast radius) a person must approve it"
                )
                help = f"set `risk: {{preset: {appetite.preset}, blast_radius: {{{key}}}}}`, or make the trial smaller"
                findings.add(CODE, facts.places[role.slug], message, help)
