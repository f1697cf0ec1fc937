"""The tools that run at a desk: Read, Grep, Glob, Edit, Write, Bash, on the worktree of one step.

Works on the input of one use and answers with text; does not know grants (whoever asks had them checked), models or
conversations. Invariants: a tool never raises for what a model gave it; what it says is cleaned of what terminals and
readers do not see, and bounded; it says what it left out.
"""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from orgruntime.backends.desk_inputs import Fields
from orgruntime.backends.desk_paths import Fault, located, matcher, shortened
from orgruntime.backends.desk_search import search
from orgruntime.backends.desk_shell import Ended, Shell, Watched
from orgruntime.backends.worktree import Changes, Worktree
from orgruntime.model.dialogue import ToolResult, ToolUse
from orgruntime.model.step import StepLimits
from orgruntime.runtime.readings import plain
from orgruntime.runtime.toolspecs import LOCAL_TOOLS

READ_LINES = 2000
LONGEST_LINE = 2000
"""Characters of a line that are shown."""
LARGEST_READ = 64 << 20
"""Bytes of a file that can be paged through."""
MOST_PATHS = 1000
SETTLE_SENTENCES = 40


@dataclass(frozen=True)
class Ran:
    result: ToolResult
    changes: Changes = field(default_factory=dict)
    malformed: bool = False
    """The input was none that the tool takes, or there is no such tool."""


@dataclass(frozen=True)
class Said:
    text: str
    changes: Changes = field(default_factory=dict)
    is_error: bool = False


class Tools:
    """Belongs to one thread. Once `stopped` is set, the next long wait raises `desk_shell.Abandoned`."""

    def __init__(self, worktree: Worktree, shell: Shell, limits: StepLimits, stopped: threading.Event) -> None:
        self._worktree = worktree
        self._shell = shell
        self._limits = limits
        self._stopped = stopped
        self.cpu_s = 0.0
        """Of the commands so far."""
        self._runs: dict[str, Callable[[Fields], Said]] = {
            "Read": self._read, "Grep": self._grep, "Glob": self._glob, "Edit": self._edit, "Write": self._write,
            "Bash": self._bash,
        }  # fmt: skip
        assert self._runs.keys() == LOCAL_TOOLS.keys()

    def use(self, use: ToolUse) -> Ran:
        run = self._runs.get(use.name)
        try:
            if run is None:
                raise Fault(f"no tool called {shortened(use.name, 60)!r} runs at a desk", malformed=True)
            if use.input.keys() == {"malformed"}:
                raise Fault("the input was no JSON object; send one with the tool's fields", malformed=True)
            said = run(Fields(use.input))
        except Fault as fault:
            text = capped(plain(str(fault)), self._limits.result_chars)
            return Ran(ToolResult(id=use.id, text=text, is_error=True), malformed=fault.malformed)
        text = capped(said.text, self._limits.result_chars)
        return Ran(ToolResult(id=use.id, text=text, is_error=said.is_error), said.changes)

    def apply(self, changes: Changes) -> None:
        """Makes changes that an earlier desk made. Raises Fault."""
        self._worktree.apply(changes)

    def files(self) -> dict[str, str]:
        """The editable files that differ from the base."""
        return self._worktree.texts()

    def _read(self, given: Fields) -> Said:
        path = located(given.text("file_path", "path"))
        first, most = given.whole("offset", 1, 0) or 1, given.whole("limit", READ_LINES, 1)
        tree = self._worktree
        if path not in tree.tree.paths and not os.path.isfile(tree.place(path)):
            raise Fault(self._no_file(path))
        fd = os.open(tree.place(path), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with open(fd, "rb") as file:
            size = os.fstat(fd).st_size
            if b"\0" in file.read(8192):
                raise Fault(f"{path} is no text file ({size} bytes)")
            file.seek(0)
            text, lines = _numbered(_lines(file), first, most, self._limits.result_chars - 500)
        if not text:
            return Said(
                f"[{path} is empty]" if size == 0 else f"[{path} has {lines} lines; none is at {first} or after]"
            )
        return Said(text)

    def _grep(self, given: Fields) -> Said:
        pattern = given.text("pattern")
        mode = given.text("output_mode", default="files_with_matches")
        if mode not in ("files_with_matches", "content", "count"):
            raise Fault("`output_mode` must be files_with_matches, content or count", malformed=True)
        around = given.whole("-C", 0)
        paths = self._below(located(given.text("path", default="")), given.text("glob", default=""))
        limit = given.whole("head_limit", 0) or MOST_PATHS
        asked: dict[str, Any] = {
            "pattern": pattern, "ignore_case": given.flag("-i"), "mode": mode, "numbers": given.flag("-n", True),
            "before": min(given.whole("-B", around), 100), "after": min(given.whole("-A", around), 100),
            "most_lines": limit, "most_chars": self._limits.result_chars - 500,
            "files": [(path, self._worktree.place(path)) for path in paths],
        }  # fmt: skip
        found = search(asked, self._stopped)
        lines: list[str] = [plain(line).replace("\n", " ") for line in found["lines"]]
        if found["cut"]:
            lines.append(f"[there is more; only the first {len(lines)} lines are shown]")
        if found["skipped"] and len(paths) == 1:
            lines.append(f"[{paths[0]} is no text, or too large to search]")
        return Said("\n".join(lines) or f"[no match in {len(paths)} files]")

    def _glob(self, given: Fields) -> Said:
        pattern, top = given.text("pattern"), located(given.text("path", default=""))
        if pattern.startswith("/"):
            pattern = located(pattern)
        below = f"{top}/" if top else ""
        matching = matcher(pattern)
        paths = [path for path in self._worktree.paths() if path.startswith(below) and matching(path[len(below) :])]
        lines = [plain(path) for path in paths[:MOST_PATHS]]
        if len(paths) > MOST_PATHS:
            lines.append(f"[{len(paths)} files match; only the first {MOST_PATHS} are shown]")
        return Said("\n".join(lines) or "[no file matches]")

    def _edit(self, given: Fields) -> Said:
        path = located(given.text("file_path", "path"))
        old, new = given.text("old_string"), given.text("new_string")
        whole = given.flag("replace_all")
        text = self._worktree.text(path)
        if old == new:
            raise Fault("`old_string` and `new_string` are the same", malformed=True)
        if not old:
            raise Fault("`old_string` is empty; to write a whole file use Write", malformed=True)
        if "\r\n" in text and "\r" not in old:
            # Read shows such lines without their carriage return, so that is how they are given back.
            old, new = old.replace("\n", "\r\n"), new.replace("\r\n", "\n").replace("\n", "\r\n")
        times = text.count(old)
        if times == 0:
            raise Fault(_not_found(path, text, old))
        if times > 1 and not whole:
            at = ", ".join(map(str, _lines_of(text, old)))
            more = "add lines around it until it is unique, or set `replace_all`"
            raise Fault(f"`old_string` is {times} times in {path}, at lines {at}; {more}")
        if len(text) + times * (len(new) - len(old)) > self._limits.written_bytes:
            raise Fault(f"{path} would become too large: all changed files may hold {self._limits.written_bytes} bytes")
        changes = self._worktree.write(path, text.replace(old, new))
        first = text[: text.index(old)].count("\n") + 1
        done = f"replaced {times} times" if whole else f"changed at line {first}"
        return Said(f"[{path} {done}]", changes)

    def _write(self, given: Fields) -> Said:
        path, content = located(given.text("file_path", "path")), given.text("content")
        changes = self._worktree.write(path, content)
        return Said(f"[{path} written: {content.count(chr(10)) + (not content.endswith(chr(10)))} lines]", changes)

    def _bash(self, given: Fields) -> Said:
        command = given.text("command")
        if given.flag("run_in_background"):
            raise Fault("nothing runs in the background here: a command ends with all that it started", malformed=True)
        limit_s = min(self._limits.tool_s, given.whole("timeout", 10**9, 1) / 1000)
        tree = self._worktree
        watched = Watched(self._stopped, tree.is_too_much)
        ended = self._shell.run(tree.top, tree.tree.layout.binds, command, limit_s, watched)
        self.cpu_s += ended.cpu_s
        settled = tree.settle()
        output = capped(plain(ended.output).rstrip("\n"), self._limits.result_chars - 2000)
        notes = [f"[{plain(note)}]" for note in (_how(ended, limit_s), *settled.notes[:SETTLE_SENTENCES]) if note]
        text = "\n".join([*([output] if output else []), *notes])
        is_error = ended.ending != "exited" or ended.exit_code != 0
        return Said(text or "[exit code 0; it printed nothing]", settled.changes, is_error)

    def _below(self, path: str, glob: str) -> list[str]:
        """Files to search."""
        tree = self._worktree
        if path in tree.tree.paths or (path and os.path.isfile(tree.place(path))):
            return [path]
        if not tree.is_folder(path):
            raise Fault(self._no_file(path))
        below = f"{path}/" if path else ""
        paths = [found for found in tree.paths() if found.startswith(below)]
        if glob:
            # A pattern without a folder is meant for names, wherever they are.
            matching = matcher(glob if "/" in glob else f"**/{glob}")
            paths = [found for found in paths if matching(found[len(below) :])]
        return paths

    def _no_file(self, path: str) -> str:
        if self._worktree.is_folder(path):
            return f"{path or 'the workspace'} is a folder; list it with Glob"
        name = path.rpartition("/")[2]
        near = [other for other in self._worktree.paths() if other.rpartition("/")[2] == name][:3]
        hint = f"; there is {' and '.join(near)}" if near else "; find files with Glob"
        return f"{path} does not exist{hint}"


def capped(text: str, most: int) -> str:
    """The first two thirds and the last third of a text that is too long, with what was left out in between."""
    if len(text) <= most:
        return text
    head, tail = most * 2 // 3, most // 3
    return f"{text[:head]}\n[… {len(text) - head - tail} characters left out …]\n{text[len(text) - tail :]}"


def _lines(file: Any) -> Iterator[str]:
    """Up to a bound, whatever the length of a line."""
    read = 0
    while line := file.readline(1 << 16):
        read += len(line)
        more = line
        while not more.endswith(b"\n") and read < LARGEST_READ and (more := file.readline(1 << 16)):
            read += len(more)
        yield line.decode(errors="replace").rstrip("\r\n")
        if read >= LARGEST_READ:
            yield f"[the file goes on after {LARGEST_READ} bytes; use Grep]"
            return


def _numbered(lines: Iterator[str], first: int, most: int, room: int) -> tuple[str, int]:
    """The lines from number `first` on, and how many lines were looked at."""
    shown: list[str] = []
    number = 0
    for number, line in enumerate(lines, 1):
        if number < first:
            continue
        text = f"{number:6}\t{plain(shortened(line, LONGEST_LINE))}"
        room -= len(text) + 1
        if len(shown) >= most or room < 0:
            shown.append(f"[the file goes on; read on with offset {number}]")
            break
        shown.append(text)
    return "\n".join(shown), number


def _not_found(path: str, text: str, old: str) -> str:
    sentence = f"`old_string` is not in {path} as given"
    if re.match(r"\s*\d+\t", old):
        return f"{sentence}: leave out the line numbers of Read"
    if plain(old).strip() and plain(old) in plain(text):
        return f"{sentence}: there are characters in between that are not shown; replace the whole file with Write"
    wanted = [line.strip() for line in old.splitlines() if line.strip()]
    for number, line in enumerate(text.splitlines(), 1):
        if wanted and line.strip() == wanted[0]:
            return f"{sentence}; its first line is at line {number}, with other white space or other lines after it"
    return f"{sentence}; read the file again"


def _lines_of(text: str, old: str) -> list[int]:
    """Line numbers of the first few occurrences."""
    found: list[int] = []
    at = text.find(old)
    while at >= 0 and len(found) < 10:
        found.append(text.count("\n", 0, at) + 1)
        at = text.find(old, at + len(old))
    return found


def _how(ended: Ended, limit_s: float) -> str:
    if ended.ending == "exited":
        return f"exit code {ended.exit_code}" if ended.exit_code else ""
    sentences = {
        "timeout": f"it was still running at its limit of {limit_s:g} s and was ended",
        "out of memory": "it used too much memory and was ended",
        "too many processes": "it started too many processes and was ended",
        "wrote too much": "it wrote too much into the workspace and was ended; large files can go to /tmp",
    }
    return sentences.get(ended.ending, f"the command could not be run: {json.dumps(ended.detail)[:300]}")
