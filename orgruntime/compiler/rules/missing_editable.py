"""An editable path or pattern that no file of the workspace matches."""

from __future__ import annotations

from fnmatch import fnmatchcase

from orgruntime.compiler.facts import Facts
from orgruntime.compiler.workspace import leaves_the_workspace, plain
from orgruntime.diagnostics.codes import MISSING_EDITABLE
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.diagnostics.nearest import did_you_mean

CODE = MISSING_EDITABLE


def check(facts: Facts, findings: Findings) -> None:
    root = facts.root
    for node in facts.scalars("workspace.editable") if root else ():
        written, text = node.text.strip(), plain(node.text)
        if root is None or leaves_the_workspace(text) or (root / text).is_file():
            continue
        if (root / text).is_dir():
            help = f"write `{text}/*` for every file below it" if text != "." else "name its files"
            findings.add(CODE, node.span, f"`{written}` is a folder, and only files are editable", help)
        elif not any(fnmatchcase(name, text) for name in facts.workspace_files):
            help = did_you_mean(text, facts.workspace_files) or "check the path; it is relative to the workspace"
            findings.add(CODE, node.span, f"no file of the workspace is `{written}`", help)
