"""HTML that is safe by its type.

Works on strings. Knows nothing of reports. Invariant: only `tag`, `join` and `prose` make a `Safe`; whatever else
becomes part of a page is escaped on the way in, so text of a role or a trial can never be markup.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator, Sequence

from orgruntime.report.wording import plain_lines

VOID = frozenset({"img", "meta", "br", "hr", "source"})


class Safe(str):
    """Finished HTML."""

    __slots__ = ()


def tag(name: str, /, *children: str, **attributes: str) -> Safe:
    """An element. Children that are not `Safe` are escaped.

    Of an attribute's name a trailing `_` is dropped, and an inner one is a hyphen.
    """
    pairs = "".join(f' {key.rstrip("_").replace("_", "-")}="{escape(value)}"' for key, value in attributes.items())
    if name in VOID:
        return Safe(f"<{name}{pairs}>")
    return Safe(f"<{name}{pairs}>{join(children)}</{name}>")


def join(parts: Iterable[str], between: str = "") -> Safe:
    return Safe(between.join(part if isinstance(part, Safe) else escape(part) for part in parts))


def escape(text: str) -> str:
    """Markup and quotes as entities; control and bidirectional characters are gone."""
    return html.escape(plain_lines(text), quote=True)


def table(head: Sequence[str], rows: Sequence[Sequence[str]], numeric: Sequence[int] = ()) -> Safe:
    """`numeric` names the columns that are set flush right."""

    def cells(kind: str, row: Sequence[str]) -> Safe:
        return join(tag(kind, cell, **({"class_": "n"} if i in numeric else {})) for i, cell in enumerate(row))

    body = join((tag("tr", cells("td", row)) for row in rows), "\n")
    return tag("div", tag("table", tag("thead", tag("tr", cells("th", head))), tag("tbody", body)), class_="scroll")


def prose(markdown: str) -> Safe:
    """Markdown of an untrusted author: headings, lists, fenced code, `code` and **bold**; anything else is text.

    No links, images or HTML on purpose: a memo cannot send a reader, or a reader's browser, anywhere.
    """
    return join((_block(block) for block in _blocks(plain_lines(markdown).split("\n"))), "\n")


_FENCE = re.compile(r"^ {0,3}(```+|~~~+)")
_HEADING = re.compile(r"^ {0,3}(#{1,6})\s+(.*?)\s*#*\s*$")
_ITEM = re.compile(r"^\s*(?:[-*+]|(\d{1,9})[.)])\s+(.*)$")
_INLINE = re.compile(r"`([^`]+)`|\*\*([^*]+(?:\*[^*]+)*)\*\*")

_Block = tuple[str, list[str]]


def _blocks(lines: Sequence[str]) -> Iterator[_Block]:
    """(kind, lines): `code`, `h1`…`h6`, `ul`, `ol` or `p`."""
    at = 0
    while at < len(lines):
        line = lines[at]
        if fence := _FENCE.match(line):
            end = next((i for i in range(at + 1, len(lines)) if lines[i].strip().startswith(fence[1])), len(lines))
            yield "code", list(lines[at + 1 : end])
            at = end + 1
        elif heading := _HEADING.match(line):
            yield f"h{len(heading[1])}", [heading[2]]
            at += 1
        elif item := _ITEM.match(line):
            ordered = item[1] is not None
            end = _end_of_list(lines, at, ordered)
            yield "ol" if ordered else "ul", list(lines[at:end])
            at = end
        elif line.strip():
            end = next((i for i in range(at + 1, len(lines)) if _starts_block(lines[i])), len(lines))
            yield "p", list(lines[at:end])
            at = end
        else:
            at += 1


def _starts_block(line: str) -> bool:
    return not line.strip() or any(start.match(line) for start in (_FENCE, _HEADING, _ITEM))


def _end_of_list(lines: Sequence[str], at: int, ordered: bool) -> int:
    """Items of one kind, with their indented continuation lines."""
    end = at + 1
    while end < len(lines):
        item = _ITEM.match(lines[end])
        if item and (item[1] is not None) != ordered:
            break
        if not item and (_starts_block(lines[end]) or not lines[end].startswith("  ")):
            break
        end += 1
    return end


def _block(block: _Block) -> Safe:
    kind, lines = block
    if kind == "code":
        return tag("pre", tag("code", "\n".join(lines)))
    if kind in ("ul", "ol"):
        items: list[str] = []
        for line in lines:
            if item := _ITEM.match(line):
                items.append(item[2])
            else:
                items[-1] += " " + line.strip()
        return tag(kind, *(tag("li", _inline(item)) for item in items))
    # The page has its own headings above: a memo's first level is the page's fourth.
    name = f"h{min(6, int(kind[1]) + 3)}" if kind[0] == "h" else "p"
    return tag(name, _inline(" ".join(line.strip() for line in lines)))


def _inline(text: str) -> Safe:
    parts: list[str] = []
    at = 0
    for match in _INLINE.finditer(text):
        parts.append(text[at : match.start()])
        parts.append(tag("code", match[1]) if match[1] is not None else tag("strong", match[2]))
        at = match.end()
    return join([*parts, text[at:]])
