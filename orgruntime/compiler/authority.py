"""What roles ask for and what the program grants. Grants nothing by itself.

Invariant: a role gets no tool that `program.md` does not name; absent `tools` means the org's default set, never all.
"""

from __future__ import annotations

import re

from orgruntime.compiler.fields import Fields
from orgruntime.diagnostics.codes import SECRET_IN_FILE, TOOL_NOT_GRANTED
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.orgfile.source import Source
from orgruntime.orgfile.tree import ScalarNode

DEFAULT_TOOLS = ("Read", "Grep", "Edit")
"""Granted where the program has no `tools:`. None of them leaves the worktree or starts a process."""

_SECRET = re.compile(r"\b(?:sk-[\w-]{16,}|gh[pousr]_\w{20,}|hf_\w{20,}|AKIA[0-9A-Z]{12,}|xox[abp]-[\w-]{10,})")


def bind_tools(parent: Fields) -> tuple[str, ...]:
    """The org's set: what every role gets, and the most that a role can get."""
    nodes = parent.words("tools", comma_string=True)
    return DEFAULT_TOOLS if nodes is None else tuple(dict.fromkeys(node.text.strip() for node in nodes))


def granted(asked: tuple[ScalarNode, ...] | None, grants: tuple[str, ...], findings: Findings) -> tuple[str, ...]:
    """The tools of a role: what it asks for and is granted. `*` asks for all that is granted."""
    if asked is None or any(node.text.strip() == "*" for node in asked):
        return grants
    given: list[str] = []
    for node in asked:
        name = node.text.strip()
        if name in grants:
            given.append(name)
        else:
            message = f"the role asks for the tool `{name}`, which the program does not grant"
            help = f"add `{name}` to `tools:` in program.md if the org may have it"
            findings.add(TOOL_NOT_GRANTED, node.span, message, help)
    return tuple(dict.fromkeys(given))


def report_secrets(source: Source, findings: Findings) -> None:
    """Reports what looks like a key of a service. Quotes only its first letters."""
    for match in _SECRET.finditer(source.text):
        message = f"`{match[0][:6]}…` looks like a secret key"
        help = "remove it, revoke it, and name the environment variable that holds the new one"
        findings.add(SECRET_IN_FILE, source.span(match.start(), match.end()), message, help)
