"""Where the front matter of a file is, strictly or tolerantly. Knows nothing of roles.

Invariant: a strict reading changes nothing; a tolerant one says each change that it made, and offers the edit that
makes the strict reading the same.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.diagnostics.fixes import Edit
from orgruntime.diagnostics.pattern import pattern
from orgruntime.orgfile import reading_rules
from orgruntime.orgfile.repair import Tolerance, misparted, read_by_keys
from orgruntime.orgfile.source import Source
from orgruntime.orgfile.tree import ListNode, MapNode, Node, compose


class FrontMatter(NamedTuple):
    """`tree` is None where there is none, or where it could not be read (`broken`). The body is [body, end)."""

    tree: MapNode | None
    body: int
    end: int
    broken: bool = False
    indent: int = 0
    """Columns by which every line of the file is indented."""


class _Frame(NamedTuple):
    """Offsets: the line that opens the front matter, its text [start, stop), the body [body, end)."""

    opening: int
    start: int
    stop: int
    body: int
    end: int
    indent: str = ""


_FENCE = pattern(r"^(?:---|\.\.\.)[ \t]*$", re.MULTILINE)
_OPEN = pattern(r"---[ \t]*(?:\n|$)")

_PLAIN = "---\n"
"""How nearly every front matter begins, so that the patterns below are seldom asked."""
_LEADING = pattern(r"(?:\s|<!--.*?-->)*", re.DOTALL)
_LOOSE_OPEN = pattern(
    r"^(?P<indent>[ \t]*)(?P<rule>-{3,})[ \t]*\n(?P<next>[ \t\n]*[A-Za-z_][\w.-]*[ \t]*:)?", re.MULTILINE
)
_CODE = pattern(r"^[ \t]*(?P<fence>`{3,}|~{3,})[ \t]*(?P<lang>[\w-]*)[ \t]*\n", re.MULTILINE)
_MOST_INDENTED = 2_000
"""Lines of an indented file that a fix moves to the left."""


def cut(source: Source, findings: Findings, *, tolerance: Tolerance | None = None) -> FrontMatter:
    """The front matter of a file: strictly, or with the tolerance given."""
    return _strict(source, findings) if tolerance is None else _tolerant(source, findings, tolerance)


def missed(source: Source, tolerance: Tolerance) -> int | None:
    """Offset of what was surely meant as front matter in a file that has none: two known keys near its top."""
    found = [
        match.start()
        for match in _NEAR_TOP.finditer(source.text, 0, 2_000)
        if match["key"] in tolerance.texts | tolerance.names
    ]
    return found[0] if len(found) > 1 and source.place(found[0])[0] <= 8 else None


_NEAR_TOP = pattern(r"^[ \t]*(?P<key>[a-z][\w-]*)[ \t]*:[ \t]*\S", re.MULTILINE)


def _strict(source: Source, findings: Findings) -> FrontMatter:
    text = source.text
    first = _OPEN.match(text)
    if first is None:
        return FrontMatter(None, 0, len(text))
    closing = _FENCE.search(text, first.end())
    if closing is None:
        return _unterminated(source, 0, findings)
    tree = compose(source, first.end(), closing.start(), findings)
    if tree is not None and _is_swallowed(source, tree, findings):
        tree = None
    return FrontMatter(tree, min(len(text), closing.end() + 1), len(text), broken=tree is None)


def _is_swallowed(source: Source, node: Node, findings: Findings) -> bool:
    """Whether keys stand inside of a quoted value above them, which is said."""
    if isinstance(node, MapNode):
        return any(_is_swallowed(source, value, findings) for _, value in node.entries)
    if isinstance(node, ListNode):
        return any(_is_swallowed(source, item, findings) for item in node.items)
    span = node.span
    if node.plain or span.end_line == span.line:
        return False
    from orgruntime.orgfile.misread import swallowing  # noqa: PLC0415  # few values have two lines: see `compose`

    found = swallowing(source.text, *(source.offset(*at) for at in (span[1:3], span[3:5])))
    if found:
        findings.put(source.span(found.start, found.end), found.fault)
    return found is not None


def _unterminated(source: Source, opening: int, findings: Findings) -> FrontMatter:
    findings.put(source.span(opening, opening + 3), reading_rules.unterminated_front_matter.never_closed())
    return FrontMatter(None, len(source.text), len(source.text), broken=True)


def _tolerant(source: Source, findings: Findings, tolerance: Tolerance) -> FrontMatter:
    text = source.text
    at, code = 0, None
    if not text.startswith(_PLAIN):
        lead = _LEADING.match(text)
        at = text.rfind("\n", 0, lead.end() if lead else 0) + 1
        code = _CODE.match(text, at)
    frame = _in_code(source, code) if code else _frame(source, at)
    if frame is None:
        return FrontMatter(None, 0, len(text))
    if frame.stop < frame.start:
        return _unterminated(source, frame.opening + len(frame.indent), findings)
    said = Findings()
    tree = _tree(source, frame, said, tolerance)
    _report_place(source, frame, code, findings)
    for one in said:
        findings.keep(one)
    return FrontMatter(tree, frame.body, frame.end, tree is None, _depth(text, frame))


def _frame(source: Source, at: int, end: int | None = None) -> _Frame | None:
    """Front matter that opens in the line at `at`; `stop` before `start` where it has no end."""
    text = source.text
    end = len(text) if end is None else end
    indent = ""
    if not text.startswith(_PLAIN, at, end):
        first = _LOOSE_OPEN.match(text, at, end)
        if first is None or (len(first["rule"]) > 3 and not first["next"]):
            return _Frame(at, at + 3, 0, end, end) if text[at:end].strip() == "---" else None
        indent = first["indent"]
    start = text.index("\n", at) + 1
    rule = rf"^[ \t]{{0,{len(indent)}}}(?:-{{3,}}|\.\.\.)[ \t]*$"
    closing = re.compile(rule, re.MULTILINE).search(text, start, end)
    if closing is None:
        return _Frame(at, start, 0, end, end, indent)
    return _Frame(at, start, closing.start(), min(end, closing.end() + 1), end, indent)


def _in_code(source: Source, code: re.Match[str]) -> _Frame | None:
    """A file, or only its front matter, that was pasted with the code fence around it."""
    text = source.text
    fence = re.compile(rf"^[ \t]*{re.escape(code['fence'])}[ \t]*$", re.MULTILINE)
    last = fence.search(text, max(code.end(), len(text.rstrip()) - len(code["fence"]) - 1))
    inner = _frame(source, code.end(), last.start() if last else len(text))
    if inner is not None:
        after = fence.match(text, inner.body)
        if after and inner.stop >= inner.start:
            return _Frame(inner.opening, inner.start, inner.stop, min(len(text), after.end() + 1), len(text))
        return inner if last else None
    closing = fence.search(text, code.end())
    if code["lang"].casefold() in ("yaml", "yml") and closing and _NEAR_TOP.match(text, code.end()):
        body = min(len(text), closing.end() + 1)
        return _Frame(code.end(), code.end(), closing.start(), body, len(text))
    return None


def _tree(source: Source, frame: _Frame, findings: Findings, tolerance: Tolerance) -> MapNode | None:
    first = Findings()
    tree = compose(source, frame.start, frame.stop, first)
    sound = tree is not None and not misparted(source, tree, tolerance)
    if not sound and (tree is not None or any(found.name in ("invalid-yaml", "yaml-feature") for found in first)):
        entries = read_by_keys(source, frame.start, frame.stop, findings, tolerance)
        if entries is not None:
            return MapNode(source.span(frame.start, frame.stop), entries)
    for found in first:
        findings.keep(found)
    return tree


def _depth(text: str, frame: _Frame) -> int:
    """The indentation that all lines share, from the line that opens the front matter on."""
    if not frame.indent:
        return 0
    lines = text[frame.opening : frame.end].split("\n")
    return len(frame.indent) if all(not line.strip() or line.startswith(frame.indent) for line in lines) else 0


def _report_place(source: Source, frame: _Frame, code: re.Match[str] | None, findings: Findings) -> None:
    """What stands around the front matter, or is odd about the lines that enclose it."""
    text = source.text
    before = text[: code.start() if code else frame.opening]
    if before.strip():
        first = len(before) - len(before.lstrip())
        move = (Edit(source.span(0, len(before)), ""), Edit(source.span(frame.body, frame.body), before))
        fault = reading_rules.misplaced_front_matter.below_text(None if code or frame.indent else move)
        findings.put(source.span(first, source.line_end(first)), fault)
    elif before:
        cut_off = Edit(source.span(0, len(before)), "")
        findings.put(source.span(0, 1), reading_rules.misplaced_front_matter.below_blanks(cut_off))
    if code:
        _report_code(source, frame, code, findings)
        return
    if frame.indent:
        _report_indent(source, frame, findings)
        return
    for start in (frame.opening, frame.stop):
        end = source.line_end(start)
        line = text[start:end].rstrip()
        if line not in ("---", "..."):
            span = source.span(start, end)
            findings.put(span, reading_rules.misplaced_front_matter.odd_line(line, Edit(span, "---")))


def _report_code(source: Source, frame: _Frame, code: re.Match[str], findings: Findings) -> None:
    text = source.text
    span = source.span(code.start(), code.end() - 1)
    bare = frame.opening == frame.start
    closing = (frame.stop, source.line_end(frame.stop)) if bare else (frame.end, source.line_end(frame.end))
    if not bare and frame.end == len(text):
        fence_line = text.rfind("\n", 0, frame.body - 1) + 1
        closing = (fence_line, frame.body)
    edits = [Edit(source.span(code.start(), code.end()), "---\n" if bare else "")]
    if bare or code["fence"] in text[closing[0] : closing[1]]:
        edits.append(Edit(source.span(*closing), "---" if bare else ""))
    fault = reading_rules.misplaced_front_matter.in_code(None if text[: code.start()].strip() else tuple(edits))
    findings.put(span, fault)


def _report_indent(source: Source, frame: _Frame, findings: Findings) -> None:
    text = source.text
    depth = _depth(text, frame)
    starts = [at for at in source.starts if frame.opening <= at < frame.end and text.startswith(frame.indent, at)]
    edits = None
    if depth and len(starts) <= _MOST_INDENTED:
        edits = tuple(Edit(source.span(at, at + depth), "") for at in starts)
    span = source.span(frame.opening, frame.opening + len(frame.indent))
    findings.put(span, reading_rules.misplaced_front_matter.indented(edits))
