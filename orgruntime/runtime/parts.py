"""The separable changes of a proposal, and what a proposal is without one of them, or with one of them alone.

Pure: works on a unified diff and the texts on both sides of it. Does not know what a part is worth. Invariants: the
parts of a diff cover all of it and overlap nowhere; without all but one is the same as with that one alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

APART = 3
"""Unchanged lines between two changes of one file that make them two parts, as in a diff's context."""

_HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
_CONSTANT = re.compile(r"\s*([A-Z][A-Z0-9_]*)\s*(?::[^=]*)?=[^=]")


class Block(NamedTuple):
    """Consecutive changed lines: `old` lines from `old_at` on became `new` lines from `new_at` on, counted from 0."""

    old_at: int
    old: int
    new_at: int
    new: int


class Part(NamedTuple):
    name: str
    """A constant's name, where the part is one assignment; else `path:first-last`, lines of the new text."""
    path: str
    blocks: tuple[Block, ...]


def parts_of(diff: str, new_texts: Mapping[str, Sequence[str]]) -> tuple[Part, ...]:
    """`new_texts`: path → lines after the change, for telling assignments. In the order of the diff."""
    found: list[Part] = []
    for path, blocks in _blocks(diff).items():
        lines = new_texts.get(path, ())
        groups: list[list[Block]] = []
        for block in _split(blocks, lines):
            alone = _constant(block, lines)
            near = bool(groups) and block.new_at - (groups[-1][-1].new_at + groups[-1][-1].new) < APART
            if near and not alone and not _constant(groups[-1][-1], lines):
                groups[-1].append(block)
            else:
                groups.append([block])
        found += [Part(_name(path, group, lines), path, tuple(group)) for group in groups]
    return tuple(_unique(found))


def without(part: Part, old: Sequence[str], new: Sequence[str]) -> list[str]:
    """The new lines of the part's file with the part taken back."""
    lines = list(new)
    for block in reversed(part.blocks):
        lines[block.new_at : block.new_at + block.new] = old[block.old_at : block.old_at + block.old]
    return lines


def alone(part: Part, old: Sequence[str], new: Sequence[str]) -> list[str]:
    """The old lines of the part's file with the part alone."""
    lines = list(old)
    for block in reversed(part.blocks):
        lines[block.old_at : block.old_at + block.old] = new[block.new_at : block.new_at + block.new]
    return lines


def lines_of(text: str) -> list[str]:
    """As a diff counts them: cut at line feeds alone, which stay."""
    lines = text.split("\n")
    return [f"{line}\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])


def _blocks(diff: str) -> dict[str, list[Block]]:
    """Path → its changed stretches of lines."""
    found: dict[str, list[Block]] = {}
    path, old_at, new_at, old_left, new_left = "", 0, 0, 0, 0
    for line in diff.split("\n"):
        if old_left <= 0 and new_left <= 0:
            if line.startswith(("--- ", "+++ ")) and line[4:13] != "/dev/null":
                path = _path(line[4:])
            elif hunk := _HUNK.match(line):
                old_left, new_left = int(hunk[2] or 1), int(hunk[4] or 1)
                # A side without lines is numbered by the line before it.
                old_at, new_at = int(hunk[1]) - bool(old_left), int(hunk[3]) - bool(new_left)
            continue
        sign = line[:1]
        if sign == "\\":
            continue
        if sign in ("-", "+"):
            _grow(found.setdefault(path, []), old_at, new_at, sign)
        old_at, old_left = (old_at + 1, old_left - 1) if sign != "+" else (old_at, old_left)
        new_at, new_left = (new_at + 1, new_left - 1) if sign != "-" else (new_at, new_left)
    return found


def _grow(blocks: list[Block], old_at: int, new_at: int, sign: str) -> None:
    """One more changed line: of the last stretch, where it touches it."""
    if blocks and (blocks[-1].old_at + blocks[-1].old, blocks[-1].new_at + blocks[-1].new) == (old_at, new_at):
        last = blocks.pop()
    else:
        last = Block(old_at, 0, new_at, 0)
    blocks.append(last._replace(old=last.old + (sign == "-"), new=last.new + (sign == "+")))


def _path(name: str) -> str:
    name = name.split("\t")[0].rstrip("\r")
    return name[2:] if name[:2] in ("a/", "b/") else name


def _split(blocks: Iterable[Block], lines: Sequence[str]) -> Iterable[Block]:
    """A stretch in which every line is an assignment to a constant, and as many came as went, is one change a line."""
    for block in blocks:
        names = [_CONSTANT.match(line) for line in lines[block.new_at : block.new_at + block.new]]
        if block.old == block.new > 1 and len(names) == block.new and all(names):
            yield from (Block(block.old_at + n, 1, block.new_at + n, 1) for n in range(block.new))
        else:
            yield block


def _constant(block: Block, lines: Sequence[str]) -> str:
    """The name that a one-line change assigns to; empty for any other."""
    if (block.old, block.new) != (1, 1) or block.new_at >= len(lines):
        return ""
    found = _CONSTANT.match(lines[block.new_at])
    return found[1] if found else ""


def _name(path: str, group: Sequence[Block], lines: Sequence[str]) -> str:
    if len(group) == 1 and (constant := _constant(group[0], lines)):
        return constant
    first, last = group[0].new_at + 1, group[-1].new_at + max(1, group[-1].new)
    return f"{path}:{first}-{last}" if last > first else f"{path}:{first}"


def _unique(parts: Sequence[Part]) -> Iterable[Part]:
    """Two constants of one name, in two files or two places, are told apart by their place."""
    names = [part.name for part in parts]
    for part in parts:
        if names.count(part.name) == 1:
            yield part
        else:
            yield part._replace(name=f"{part.path}:{part.blocks[0].new_at + 1}")
