"""What a folder is, as far as an import is concerned. Looks at names and first lines; compiles nothing.

Invariant: the answer rests on files alone, so that `orgrun run` and `orgrun import` see the same thing in a folder.
"""

from __future__ import annotations

from enum import StrEnum
from itertools import islice
from pathlib import Path

PROGRAM = "program.md"
AGENT_FOLDERS = (".claude/agents", ".github/agents", ".opencode/agents", ".gemini/agents", ".deepagents/agents")
"""Where coding agents look for role files, below the root of a project."""

MOST_LOOKED_AT = 2000
"""Files, before a folder counts as one without roles: a home directory is answered at once."""
_NEAR = ("*.md", "*/*.md", "*/*/*.md")
_COMPANY = ("COMPANY.md", ".paperclip.yaml", "TEAM.md")
_HEAD_BYTES = 4096


class Kind(StrEnum):
    ORG = "org"
    """A strict `program.md`: compiled, not imported."""
    BARE = "bare"
    """A `program.md` that is prose alone: a loop for one agent."""
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
        return Kind.ORG if has_front_matter(folder / PROGRAM) else Kind.BARE
    if any((folder / name).is_file() for name in _COMPANY):
        return Kind.COMPANY
    return Kind.AGENTS if role_folders(folder) else Kind.UNKNOWN


def role_folders(folder: Path) -> tuple[Path, ...]:
    """The folders with role files of coding agents: those below `folder` that are known by name, else itself."""
    known = tuple(folder / name for name in AGENT_FOLDERS if (folder / name).is_dir())
    if known or not folder.is_dir():
        return known
    near = (one for pattern in _NEAR for one in folder.glob(pattern))
    own = any(one.is_file() and has_front_matter(one) for one in islice(near, MOST_LOOKED_AT))
    return (folder,) if own else ()


def has_front_matter(path: Path) -> bool:
    """Whether the file begins with a `---` line, after a byte-order mark at most. Raises OSError."""
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES).removeprefix(b"\xef\xbb\xbf")
    first = head.splitlines()[0] if head else b""
    return first.rstrip(b" \t") == b"---" and len(first) >= 3


def _may_be_program(path: Path) -> bool:
    """`program_2.md`, `PROGRAM.md`: the same kind of file under another name."""
    return path.suffix.lower() == ".md" and path.stem.lower().startswith("program") and not has_front_matter(path)
