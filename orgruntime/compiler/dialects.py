"""How other programs write role files: their keys, their names for tools. Knows no file and no program.

The names come from the published references of Claude Code, Copilot and VS Code, OpenCode, Gemini CLI, deepagents,
Agent Skills and Paperclip. Invariant: a name that is not in a table here is nobody's alias; it is taken as it stands.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from orgruntime.diagnostics.pattern import pattern
from orgruntime.model.tools import BUILT_IN, SERVER_PREFIX, plain_name, server_of
from orgruntime.orgfile.repair import Tolerance

USED = ("name", "description", "tools", "model", "title", "org", "metadata")
"""Keys of a role file that are used."""

TOOL_KEYS = ("tools", "allowed-tools", "allowedTools")
DENIED_KEYS = ("disallowedTools", "disallowed-tools", "excludeTools")
HELD_BACK = "permission"
"""OpenCode's table of tools, each with `allow`, `ask` or `deny`."""

READ = (*USED, *TOOL_KEYS, *DENIED_KEYS, HELD_BACK)

_TEXTS = (
    "name",
    "description",
    "title",
    "argument-hint",
    "display_name",
    "initialPrompt",
    "prompt",
    "when_to_use",
    "role",
)
_NAMES = ("model", "skills", "agents", "tags", "reportsTo", *TOOL_KEYS, *DENIED_KEYS)
_STRICT = ("org", "metadata", HELD_BACK)

FOREIGN = (
    # Claude Code
    "color", "permissionMode", "maxTurns", "skills", "mcpServers", "hooks", "memory", "background", "effort",
    "isolation", "initialPrompt",
    # Agent Skills
    "license", "compatibility", "when_to_use",
    # Copilot, VS Code
    "target", "infer", "handoffs", "agents", "agent", "argument-hint", "mcp-servers", "disable-model-invocation",
    "user-invocable", "user-invokable", "mode", "applyTo", "globs",
    # OpenCode
    "temperature", "top_p", "steps", "maxSteps", "hidden", "disable", "prompt", "reasoningEffort", "textVerbosity",
    "options", "variant", "thinking",
    # Gemini CLI
    "kind", "display_name", "mcp_servers", "max_turns", "timeout_mins", "timeout", "extensions",
    # Paperclip, gh-aw and what people add
    "reportsTo", "slug", "docs", "schema", "goals", "sources", "version", "author", "authors", "tag", "tags",
    "category", "categories", "id", "icon", "emoji", "vibe", "role", "priority", "type", "status", "date",
    "created", "updated", "capabilities", "triggers", "examples", "services", "tier", "skill", "url", "homepage",
    "language", "source",
    "team",
)  # fmt: skip
"""Keys that role files of other programs have. Known, so that they are not taken for slips of ours."""

KNOWN = tuple(dict.fromkeys((*READ, *FOREIGN)))
_PROSE = ("user", "assistant", "context", "commentary", "example", "note", "human", "system", "result", "response")

TOLERANCE = Tolerance(
    texts=frozenset(_TEXTS),
    names=frozenset(_NAMES),
    opaque=frozenset(KNOWN) - frozenset((*_TEXTS, *_NAMES, *_STRICT)),
    strict=frozenset(_STRICT),
    prose=frozenset(_PROSE),
)

ALL_TOOLS = ("*", "all", "all tools", "inherit")

_ALIASES = {
    "Bash": (
        "execute", "shell", "powershell", "run_shell_command", "terminal", "run_in_terminal", "runCommands",
        "runInTerminal",
    ),
    "Read": ("NotebookRead", "view", "read_file", "ReadFile", "read_many_files", "readFile"),
    "Edit": ("MultiEdit", "replace", "edit_file", "editFiles", "str_replace", "patch", "apply_patch"),
    "Write": ("write_file", "WriteFile", "create_file", "createFile"),
    "NotebookEdit": ("editNotebook",),
    "Grep": ("search", "grep_search", "search_file_content", "textSearch"),
    "Glob": (
        "find", "file_search", "fileSearch", "glob_search", "LS", "list", "ls", "list_directory", "listDirectory",
    ),
    "AskHuman": ("AskUserQuestion", "ask_user", "askQuestions"),
    "WebFetch": ("web", "web_fetch", "fetch", "fetch_url"),
    "WebSearch": ("web_search", "google_web_search"),
    "Task": ("agent", "custom-agent", "runSubagent", "subagent"),
    "TodoWrite": ("todo", "todos", "write_todos", "todoread"),
}  # fmt: skip
"""The name here, which is Claude Code's where it has the tool → those of Claude Code, Copilot, VS Code, OpenCode,
Gemini CLI and deepagents. Some are not built in (`model.tools`): they are known, so that a role may ask for them."""

_OTHERS = (
    # Claude Code
    "BashOutput", "KillBash", "KillShell", "EnterPlanMode", "ExitPlanMode", "EnterWorktree", "ExitWorktree",
    "TodoRead", "TaskCreate", "TaskGet", "TaskList", "TaskOutput", "TaskStop", "TaskUpdate", "SendMessage",
    "SlashCommand", "Skill", "LSP", "ToolSearch", "ListMcpResources", "ListMcpResourcesTool", "ReadMcpResource",
    "ReadMcpResourceTool", "Monitor", "PowerShell", "Computer",
    # Copilot, VS Code
    "codebase", "usages", "problems", "changes", "githubRepo", "testFailure", "openSimpleBrowser", "vscodeAPI",
    "extensions", "new", "runTasks", "runTests", "runNotebooks", "findTestFiles", "searchResults", "vscode", "github",
    "terminalLastCommand", "terminalSelection", "createDirectory", "getTerminalOutput", "memory", "think",
    # OpenCode, Gemini CLI
    "codesearch", "question", "skill", "lsp", "plan_exit", "save_memory", "activate_skill", "get_internal_docs",
    "codebase_investigator", "external_directory", "doom_loop",
)  # fmt: skip
"""Tools of the same programs that have no counterpart here."""

_CANONICAL = {alias.casefold(): name for name, aliases in _ALIASES.items() for alias in (name, *aliases)}
KNOWN_TOOLS = frozenset(_CANONICAL)
"""In lower case."""
_EVERY_TOOL = KNOWN_TOOLS | {name.casefold() for name in (*BUILT_IN, *_OTHERS)}
_PATTERN = pattern(r"(?P<tool>[^()]+)\((?P<pattern>.*)\)$", re.DOTALL)

TOOL_NAMES = tuple(dict.fromkeys([*_ALIASES, *(alias for aliases in _ALIASES.values() for alias in aliases)]))


def canonical_tool(name: str) -> str:
    """The name under which a tool is compared: `execute` and `run_shell_command` are `Bash`."""
    return _CANONICAL.get(name.casefold(), name)


def called_here(tool: str) -> str:
    """A grant by its name here where another program's was written: `Bash(git log)` for `shell(git log)`."""
    name = plain_name(tool)
    known = canonical_tool(name)
    return tool.replace(name, known, 1) if known in BUILT_IN else tool


Renamed = tuple[tuple[str, str], ...]
"""What the program has roles call a tool, in lower case, with the tool that is meant."""


def renamed(asked: str, names: Renamed) -> str:
    """What a role asks for, by the name that the program has for it. A pattern stays: `run(git *)` is `Bash(git *)`."""
    name = plain_name(asked)
    meant = next((tool for other, tool in names if other == name.casefold()), None)
    return asked if meant is None else asked.replace(name, meant, 1)


def is_known(tool: str) -> bool:
    """Whether some program known here has a tool of this name, or it says which server has it."""
    name = plain_name(tool)
    return name.casefold() in _EVERY_TOOL or server_of(name) is not None or "/" in name


def grant_for(asked: str, grants: tuple[str, ...]) -> str | None:
    """What a role gets that asks for this tool: the grant in the program's spelling, or None.

    A narrower request stays narrow: `Bash(git *)` of a granted `Bash` is `Bash(git *)`. A narrower grant is no grant
    of the whole. Copilot's `papers/search` is `mcp__papers__search`.
    """
    by_name = _by_name(grants)
    if (whole := by_name.get(canonical_tool(asked))) is not None:
        return whole
    narrow = _PATTERN.fullmatch(asked)
    wide = by_name.get(canonical_tool(narrow["tool"].strip())) if narrow else None
    return f"{wide}({narrow['pattern']})" if narrow and wide else _of_server(asked, grants)


@lru_cache(maxsize=64)
def _by_name(grants: tuple[str, ...]) -> Mapping[str, str]:
    """Most roles of an org ask the same set of grants."""
    return {canonical_tool(grant): grant for grant in grants}


def _of_server(asked: str, grants: tuple[str, ...]) -> str | None:
    """The grant of one tool of a server, or of all of them."""
    if server_of(asked) is not None:
        name, _, tool = asked.removeprefix(SERVER_PREFIX).partition("__")
    else:
        name, sign, tool = asked.partition("/")
        if not sign:
            return None
    whole = f"{SERVER_PREFIX}{name}"
    exact = whole if tool in ("", "*") else f"{whole}__{tool}"
    return exact if exact in grants or whole in grants else None
