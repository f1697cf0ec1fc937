"""A script that judges or sets up, and that proposals may change."""

from __future__ import annotations

from orgruntime.compiler.facts import Facts
from orgruntime.compiler.workspace import plain
from orgruntime.diagnostics.codes import EDITABLE_JUDGE
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.model.editable import is_editable

CODE = EDITABLE_JUDGE


def check(facts: Facts, findings: Findings) -> None:
    scripts = {key: facts.script(node.text) for key, node in facts.commands()}
    run = scripts.pop("run", None)
    for node in facts.scalars("workspace.editable") if run else ():
        for key, script in scripts.items():
            if script and script != run and is_editable(script, (plain(node.text),)):
                message = f"`{script}` is what `workspace.{key}` runs, and proposals may change it"
                help = "leave it out of `editable`: what judges a proposal must not be part of it"
                findings.add(CODE, node.span, message, help)
