"""The tools that an agent may be granted: the closed set of built-in ones, and how tools of servers are called.

Works on names. Does not know what runs a tool, or what a model is told of it. Invariant: a granted name is built in,
with or without a pattern in parentheses, or says which server it is of.
"""

from __future__ import annotations

ABLATE = "Ablate"
"""The one tool that a role of kind `verifier` can have."""

BUILT_IN = {
    "Read": "reads a file of the worktree",
    "Grep": "searches the files of the worktree",
    "Glob": "lists files by pattern",
    "Edit": "changes an editable file",
    "Write": "writes an editable file anew",
    "Bash": "runs a command in the sandbox of trials: no network, no keys",
    "RunTrial": "asks for a trial of the worktree as it stands; paid from the run's budget",
    "Ledger": "looks up what was tried, and why it failed",
    "Notebook": "reads and writes the org's shared findings",
    "AskHuman": "asks a person; the run goes on meanwhile",
    ABLATE: "asks that the parts of a proposal be measured apart; paid from the run's budget",
}
"""Name → what it does."""

SERVER_PREFIX = "mcp__"


def plain_name(tool: str) -> str:
    """A tool without its pattern: `Bash` of `Bash(git log)`."""
    return tool.partition("(")[0].strip()


def server_of(tool: str) -> str | None:
    """The server whose tool this is, or all of whose tools: `papers` for `mcp__papers` and `mcp__papers__search`."""
    return tool.removeprefix(SERVER_PREFIX).partition("__")[0] if tool.startswith(SERVER_PREFIX) else None
