"""Where the front matter of a file is, and the tolerant reading of one that is not quite YAML. Knows nothing of roles.

Invariant: a strict reading changes nothing; a tolerant one says each change that it made.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from orgruntime.diagnostics.codes import REPAIRED_FRONT_MATTER, UNTERMINATED_FRONT_MATTER
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.orgfile.source import Source
from orgruntime.orgfile.tree import MapNode, Node, ScalarNode, compose

_FENCE = re.compile(r"^(?:---|\.\.\.)[ \t]*$", re.MULTILINE)
_OPEN = re.compile(r"---[ \t]*(?:\n|$)")
_LEADING = re.compile(r"(?:\s|<!--.*?-->)*", re.DOTALL)
_KEY_LINE = re.compile(r"^(?P<key>[A-Za-z_][\w-]*):(?:[ \t]+(?P<value>.*?))?[ \t]*$", re.MULTILINE)


@dataclass(frozen=True)
class FrontMatter:
    """`tree` is None where there is none, or where it could not be read (`broken`). The body begins at `body`."""

    tree: MapNode | None
    body: int
    broken: bool = False


def cut(source: Source, findings: Findings, *, repair: Sequence[str] | None = None) -> FrontMatter:
    """The front matter of a file. `repair`: keys whose lines may be read one by one where YAML fails."""
    text = source.text
    lead = _LEADING.match(text) if repair is not None else None
    opening = lead.end() if lead else 0
    if not (first := _OPEN.match(text, opening)):
        return FrontMatter(None, 0)
    closing = _FENCE.search(text, first.end())
    if closing is None:
        span = source.span(opening, opening + 3)
        findings.add(UNTERMINATED_FRONT_MATTER, span, "front matter has no end", "close it with a line `---`")
        return FrontMatter(None, len(text), broken=True)
    body = min(len(text), closing.end() + 1)
    if repair is None:
        tree = compose(source, first.end(), closing.start(), findings)
        return FrontMatter(tree, body, broken=tree is None)
    tree = _tolerant(source, first.end(), closing.start(), findings, repair)
    return FrontMatter(tree, body, broken=tree is None)


def _tolerant(source: Source, start: int, end: int, findings: Findings, repair: Sequence[str]) -> MapNode | None:
    first = Findings()
    tree = compose(source, start, end, first)
    if tree is not None or not any(found.name in ("invalid-yaml", "yaml-feature") for found in first):
        _pass_on(first, findings)
        return tree
    entries = _line_by_line(source, start, end, findings, repair)
    if entries is None:
        _pass_on(first, findings)
        return None
    return MapNode(source.span(start, end), tuple(entries))


def _line_by_line(
    source: Source, start: int, end: int, findings: Findings, repair: Sequence[str]
) -> list[tuple[ScalarNode, Node]] | None:
    """Each top-level key with what stands up to the next one; None where some part is beyond repair."""
    keys = list(_KEY_LINE.finditer(source.text, start, end))
    if not keys or source.text[start : keys[0].start()].strip():
        return None
    entries: list[tuple[ScalarNode, Node]] = []
    for here, stop in zip(keys, [key.start() for key in keys[1:]] + [end], strict=True):
        chunk = Findings()
        tree = compose(source, here.start(), stop, chunk)
        if tree is not None:
            _pass_on(chunk, findings)
            entries += [entry for entry in tree.entries if entry[0].text not in {key.text for key, _ in entries}]
            continue
        if here["key"] not in repair:
            return None
        entries.append(_as_text(source, here, stop))
        span = entries[-1][1].span
        message = f"`{here['key']}` is not valid YAML and is read as plain text"
        findings.add(REPAIRED_FRONT_MATTER, span, message, "put the value in quotes")
    return entries


def _as_text(source: Source, key: re.Match[str], stop: int) -> tuple[ScalarNode, Node]:
    begin = key.start("value") if key["value"] else key.end()
    raw = source.text[begin:stop].rstrip()
    words = " ".join(line.strip() for line in raw.split("\n"))
    name = ScalarNode(source.span(key.start("key"), key.end("key")), key["key"])
    first_line = min(begin + len(raw), source.line_end(begin))
    return name, ScalarNode(source.span(begin, first_line), words, plain=False)


def _pass_on(found: Findings, findings: Findings) -> None:
    for one in found:
        findings.keep(one)
