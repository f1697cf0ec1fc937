"""A command that names a script which the workspace does not have."""

from __future__ import annotations

from orgruntime.compiler.command import script_of
from orgruntime.compiler.facts import Facts
from orgruntime.diagnostics.codes import MISSING_SCRIPT
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.diagnostics.nearest import did_you_mean
from orgruntime.orgfile import disk

CODE = MISSING_SCRIPT


def check(facts: Facts, findings: Findings) -> None:
    for key, node in facts.commands() if facts.root else ():
        script = script_of(node.text)
        if script and facts.root and not disk.is_file(facts.root / script):
            at = node.text.find(script)
            help = did_you_mean(script, [name for name in facts.workspace_files if name.endswith((".py", ".sh"))])
            help = help or "check the path; it is relative to the workspace"
            message = f"`workspace.{key}` runs `{script}`, and the workspace has no such file"
            findings.add(CODE, node.part(at, at + len(script)), message, help)
