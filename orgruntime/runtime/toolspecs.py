"""The tools that run at a desk, as a model is told of them. Data only.

Works on names and JSON Schemas; does not know grants, worktrees or how a tool is run (`backends.desk_tools`). Names and
parameters are those of the role files of the world, so that a model finds what it was trained on.

Invariant: nothing here depends on a run, so that the tools stay in the prefix that a server caches.
"""

from __future__ import annotations

from typing import Any

from orgruntime.model.dialogue import ToolSpec

WORKSPACE = "/workspace"
"""What a worktree is called, in paths that a model gives and in the sandbox of `Bash`."""

_PATH = f"Path in the workspace, such as `src/train.py` or `{WORKSPACE}/src/train.py`."


def _spec(name: str, description: str, required: tuple[str, ...], /, **properties: dict[str, Any]) -> ToolSpec:
    schema = {"type": "object", "properties": properties, "required": list(required)}
    return ToolSpec(name=name, description=description, input_schema=schema)


def _text(description: str, **more: Any) -> dict[str, Any]:
    return {"type": "string", "description": description, **more}


def _whole(description: str, least: int = 0) -> dict[str, Any]:
    return {"type": "integer", "minimum": least, "description": description}


def _flag(description: str) -> dict[str, Any]:
    return {"type": "boolean", "description": description}


READ = _spec(
    "Read",
    "Read a text file of the workspace. Each line comes with its number and a tab in front; neither is part of the "
    "file. Reads up to 2000 lines from the start; for a longer file give `offset` and `limit`, or find the place with "
    "Grep first.",
    ("file_path",),
    file_path=_text(_PATH),
    offset=_whole("Number of the first line to read, counted from 1.", 1),
    limit=_whole("How many lines to read.", 1),
)

GREP = _spec(
    "Grep",
    "Search the contents of files by a regular expression of Python's `re`, line by line. By default it lists the "
    "files that match; `output_mode: content` shows the lines with their numbers. Use it instead of grep in Bash.",
    ("pattern",),
    pattern=_text("The regular expression."),
    path=_text("File or folder to search. Default: the whole workspace."),
    glob=_text("Only files whose path matches, for example `*.py` or `src/**/*.toml`."),
    output_mode=_text(
        "`files_with_matches` (default), `content` or `count`.", enum=["files_with_matches", "content", "count"]
    ),
    head_limit=_whole("Stop after so many lines of output.", 1),
    **{
        "-i": _flag("Ignore case."),
        "-n": _flag("Show line numbers, with `content`. Default: true."),
        "-A": _whole("Lines to show after each match, with `content`."),
        "-B": _whole("Lines to show before each match, with `content`."),
        "-C": _whole("Lines to show around each match, with `content`."),
    },
)

GLOB = _spec(
    "Glob",
    "List the files whose path matches a pattern: `*` and `?` within a name, `**` across folders. `**/*.py` finds "
    "every Python file, `*` what lies at the top.",
    ("pattern",),
    pattern=_text("The pattern."),
    path=_text("Folder to look in. Default: the whole workspace."),
)

EDIT = _spec(
    "Edit",
    "Replace text in an editable file. `old_string` must be in the file exactly as given, white space included and "
    "without the line numbers of Read, and only once: add lines around it until it is unique, or set `replace_all`. "
    "Prefer it to Write for a change in a file: it is smaller and cannot lose the rest. Frozen files cannot be "
    "changed.",
    ("file_path", "old_string", "new_string"),
    file_path=_text(_PATH),
    old_string=_text("The text to replace."),
    new_string=_text("What to put in its place."),
    replace_all=_flag("Replace every occurrence. Default: false."),
)

WRITE = _spec(
    "Write",
    "Write a whole editable file; what it held before is gone. A new file can only be made where the workspace's "
    "editable patterns allow one. For a change in a file use Edit.",
    ("file_path", "content"),
    file_path=_text(_PATH),
    content=_text("The whole new content."),
)

BASH = _spec(
    "Bash",
    "Run a command with bash, in the top folder of the workspace, and get what it prints and its exit code. It runs in "
    "a sandbox: no network, no keys, no GPU, frozen files read-only, a limit on time, memory and processes. Each "
    "command is on its own: nothing keeps running when it ends, and `cd`, variables and files in /tmp are gone; put "
    "what belongs together into one command. It is for quick looks and checks (a unit test, a syntax check, a few "
    "steps): a number that is measured here counts for nothing, only trials do.",
    ("command",),
    command=_text("The command."),
    timeout=_whole("Limit in milliseconds; the desk's own limit holds as well.", 1),
    description=_text("What it does, in a few words."),
)

LOCAL_TOOLS: dict[str, ToolSpec] = {spec.name: spec for spec in (READ, GREP, GLOB, EDIT, WRITE, BASH)}
"""Name → what a model is told. Every other granted tool is served by the driver."""
