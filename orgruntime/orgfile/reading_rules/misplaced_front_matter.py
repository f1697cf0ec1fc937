"""Front matter in an odd place, or between odd lines. It is read all the same; other programs may see none."""

from __future__ import annotations

from orgruntime.diagnostics.codes import MISPLACED_FRONT_MATTER
from orgruntime.diagnostics.diagnostic import Fault
from orgruntime.diagnostics.fixes import Edit, Fix

CODE = MISPLACED_FRONT_MATTER

_TOP = "begin the file with `---`"


def below_text(move: tuple[Edit, ...] | None) -> Fault:
    """`move`: the edits that put the text below the front matter, where that can be done."""
    fix = Fix("move it below the front matter", move, is_safe=False) if move else None
    return Fault(CODE, "this text stands before the front matter and is skipped", _TOP, fix=fix)


def below_blanks(cut: Edit) -> Fault:
    fix = Fix("delete blank lines at the top", (cut,))
    return Fault(CODE, "blank lines stand before the front matter", _TOP, fix=fix)


def in_code(edits: tuple[Edit, ...] | None) -> Fault:
    fix = Fix("delete the code fence around it", edits) if edits else None
    return Fault(CODE, "the front matter stands in a code block", "delete the two lines of the code fence", fix=fix)


def indented(edits: tuple[Edit, ...] | None) -> Fault:
    fix = Fix("move every line to the left", edits) if edits else None
    return Fault(CODE, "the front matter is indented", "begin each line at the left margin", fix=fix)


def odd_line(line: str, edit: Edit) -> Fault:
    return Fault(CODE, f"`{line[:20]}` is read as `---`", "write `---`", fix=Fix("write `---`", (edit,)))
