"""What a folder is, as far as an import is concerned. Looks at names and first lines; compiles nothing.

Invariant: the answer rests on files alone, so that `orgrun run` and `orgrun import` see the same thing in a folder.
"""

from __future__ import annotations

import re
from enum import StrEnum
from itertools import islice
from pathlib import Path

from orgruntime.compiler.keys import is_ours
from orgruntime.compiler.rolefile import is_by_place

PROGRAM = "program.md"
AGENT_FOLDERS = (
    ".claude/agents", ".github/agents", ".opencode/agents", ".opencode/agent", ".gemini/agents", ".deepagents/agents",
)  # fmt: skip
"""Where coding agents look for role files, below the root of a project."""

MOST_LOOKED_AT = 2000
"""Files, before a folder counts as one without roles: a home directory is answered at once."""
_NEAR = ("*.md", "*/*.md", "*/*/*.md", "*/*/*/*.md")
"""Down to `plugins/NAME/agents/role.md`, the deepest layout of collections that is common."""
_COMPANY = ("COMPANY.md", ".paperclip.yaml", "TEAM.md")
_HEAD_BYTES = 4096
_FRONT_BYTES = 1 << 16
_KEY = re.compile(r"^[\"']?([A-Za-z_][\w-]*)[\"']?[ \t]*:", re.MULTILINE)


class Kind(StrEnum):
    ORG = "org"
    """A strict `program.md`: compiled, not imported."""
    BARE = "bare"
    """A `program.md` that is prose alone, or prose below front matter of somebody else: a loop for one agent."""
    COMPANY = "company"
    """A Paperclip company or team."""
    AGENTS = "agents"
    """Role files of a coding agent, in a folder or in one of the folders where such agents look."""
    UNKNOWN = "unknown"


def kind_of(path: Path) -> Kind:
    """What lies at `path`: a folder, or the markdown file that speaks for its folder. Raises OSError."""
    folder = path.parent if path.is_file() else path
    if path.is_file() and path.name not in (PROGRAM, *_COMPANY):
        return Kind.BARE if _may_be_program(path) else Kind.UNKNOWN
    if path.name not in _COMPANY and (folder / PROGRAM).is_file():
        return Kind.ORG if _is_strict(folder / PROGRAM) else Kind.BARE
    if any((folder / name).is_file() for name in _COMPANY):
        return Kind.COMPANY
    return Kind.AGENTS if role_folders(folder) else Kind.UNKNOWN


def role_folders(folder: Path) -> tuple[Path, ...]:
    """The folders with role files of coding agents: those below `folder` that are known by name, else itself."""
    known = tuple(folder / name for name in AGENT_FOLDERS if (folder / name).is_dir())
    if known or not folder.is_dir():
        return known
    near = (one for pattern in _NEAR for one in folder.glob(pattern))
    own = any(one.is_file() and (is_by_place(one) or has_front_matter(one)) for one in islice(near, MOST_LOOKED_AT))
    return (folder,) if own else ()


def has_front_matter(path: Path) -> bool:
    """Whether the file begins with a `---` line, after a byte-order mark at most. Raises OSError."""
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES).removeprefix(b"\xef\xbb\xbf")
    first = head.splitlines()[0] if head else b""
    return first.rstrip(b" \t") == b"---" and len(first) >= 3


def _is_strict(path: Path) -> bool:
    """Whether the front matter is an org's."""
    if not has_front_matter(path):
        return False
    with path.open("rb") as file:
        text = file.read(_FRONT_BYTES).decode("utf-8", errors="replace")
    front, _ = split_front(text)
    return is_ours(_KEY.findall(front or text))


def split_front(text: str) -> tuple[str, str]:
    """The front matter between its lines of `---`, and the rest with an empty line for each of its lines; an empty
    front where there is none that ends."""
    lines = text.removeprefix("\ufeff").split("\n")
    ends = [number for number, line in enumerate(lines) if line.rstrip() == "---"][:2]
    if len(ends) < 2 or ends[0] != 0:
        return "", text
    return "\n".join(lines[1 : ends[1]]), "\n".join([""] * (ends[1] + 1) + lines[ends[1] + 1 :])


def _may_be_program(path: Path) -> bool:
    """`program_2.md`, `PROGRAM.md`: the same kind of file under another name."""
    return path.suffix.lower() == ".md" and path.stem.lower().startswith("program") and not _is_strict(path)
