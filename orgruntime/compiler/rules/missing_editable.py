"""An editable path or pattern that no file of the workspace matches."""

from __future__ import annotations

from orgruntime.compiler.facts import Facts
from orgruntime.compiler.workspace import leaves_the_workspace, plain
from orgruntime.diagnostics.codes import MISSING_EDITABLE
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.diagnostics.nearest import did_you_mean
from orgruntime.model.editable import is_editable
from orgruntime.orgfile import disk

CODE = MISSING_EDITABLE

_MOST = 2_000
"""Files that are offered as near ones; for the first 20 entries only, so that a long list is answered at once."""


def check(facts: Facts, findings: Findings) -> None:
    root = facts.root
    for at, node in enumerate(facts.scalars("workspace.editable") if root else ()):
        written, text = node.text.strip(), plain(node.text)
        if root is None or leaves_the_workspace(text) or disk.is_file(root / text):
            continue
        if disk.is_folder(root / text):
            help = f"write `{text}/*` for every file below it" if text != "." else "name its files"
            findings.add(CODE, node.span, f"`{written}` is a folder, and only files are editable", help)
        elif not any(is_editable(path, [text]) for path in facts.workspace_files):
            parts = [word for part in text.split(",") for word in part.split()]
            if len(parts) > 1 and any(is_editable(path, parts) for path in facts.workspace_files):
                findings.add(CODE, node.span, f"`{written}` is read as one path", f"write `[{', '.join(parts)}]`")
                continue
            near = did_you_mean(text, facts.workspace_files[:_MOST]) if at < _MOST // 100 else ""
            help = near or "check the path; it is relative to the workspace"
            findings.add(CODE, node.span, f"no file of the workspace is `{written}`", help)
