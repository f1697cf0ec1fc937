"""Front matter as a tree of nodes with exact spans. Knows YAML, and nothing of keys or their meaning.

Works on the event stream of the YAML parser, so nothing is expanded or constructed. Invariant: every scalar is text; no
anchors, aliases, tags, merge keys, directives or duplicate keys get through, and depth and size are bounded.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import yaml

from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.diagnostics.span import Span
from orgruntime.orgfile import reading_rules
from orgruntime.orgfile.source import Source

MAX_BYTES = 64 * 1024
MAX_DEPTH = 12


class ScalarNode(NamedTuple):
    span: Span
    text: str
    plain: bool = True
    """Written without quotes."""
    inner: int | None = None
    """Offset of `text` in the span where the two agree character by character (0 plain, 1 quoted); else None."""

    @property
    def is_null(self) -> bool:
        return self.plain and self.text in ("", "~", "null", "Null", "NULL")

    def part(self, start: int, end: int) -> Span:
        """Span of the characters [start, end) of the text; the whole node where they cannot be told apart."""
        return self.span if self.inner is None else self.span.part(start + self.inner, end + self.inner)


class ListNode(NamedTuple):
    span: Span
    items: tuple[Node, ...]


@dataclass(frozen=True)
class MapNode:
    span: Span
    entries: tuple[tuple[ScalarNode, Node], ...]

    def get(self, key: str) -> Node | None:
        found = self._by_name.get(key)
        return found[1] if found else None

    def key(self, key: str) -> ScalarNode | None:
        found = self._by_name.get(key)
        return found[0] if found else None

    @cached_property
    def _by_name(self) -> dict[str, tuple[ScalarNode, Node]]:
        """64 KiB hold 16,000 keys: looked up one by one, they would take minutes."""
        return {name.text: (name, value) for name, value in reversed(self.entries)}


Node = ScalarNode | ListNode | MapNode


class _Refused(Exception):
    """The text cannot be made a tree; the reason is in the findings."""


def compose(source: Source, start: int, end: int, findings: Findings) -> MapNode | None:
    """The mapping in source.text[start:end], or None with errors in `findings`. An empty text is an empty mapping."""
    if len(source.text[start:end].encode()) > MAX_BYTES:
        findings.put(source.span(start), reading_rules.front_matter_too_big.larger(MAX_BYTES))
        return None
    try:
        return _Composer(source, start, end, findings).mapping()
    except _Refused:
        return None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        # Most front matter is YAML, and a clean check pays for nothing that it does not use.
        from orgruntime.orgfile.misread import slip  # noqa: PLC0415  # see above

        at = min(mark.index if mark else 0, max(0, end - start - 1))
        problem = error.problem or ""
        found = slip(source.text[start:end], at, problem)
        if found is None:
            findings.put(source.span(start + at), reading_rules.invalid_yaml.refused(problem))
        else:
            findings.put(source.span(start + found.start, start + found.end), found.fault)
    except yaml.reader.ReaderError as error:
        findings.put(source.span(start + error.position), reading_rules.invalid_yaml.bad_character())
    return None


class _Composer:
    def __init__(self, source: Source, start: int, end: int, findings: Findings) -> None:
        self._source, self._offset, self._findings = source, start, findings
        self._events: Iterator[yaml.Event] = yaml.parse(source.text[start:end], Loader=yaml.SafeLoader)

    def mapping(self) -> MapNode:
        root: Node | None = None
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                if event.version or event.tags or root is not None:
                    self._refuse(event, "a YAML directive or a second document")
                root = self._node(next(self._events), 1)
        if root is None or (isinstance(root, ScalarNode) and root.is_null):
            return MapNode(self._source.span(self._offset, self._offset), ())
        if not isinstance(root, MapNode):
            self._findings.put(root.span, reading_rules.invalid_yaml.no_mapping())
            raise _Refused
        return root

    def _node(self, event: yaml.Event, depth: int) -> Node:
        self._check(event, depth)
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event)
        start = _begin(event)
        if isinstance(event, yaml.SequenceStartEvent):
            items: list[Node] = []
            for inner in self._events:
                if isinstance(inner, yaml.SequenceEndEvent):
                    return ListNode(self._span(start, _finish(inner)), tuple(items))
                items.append(self._node(inner, depth + 1))
        return self._entries(start, depth)

    def _entries(self, start: int, depth: int) -> MapNode:
        entries: dict[str, tuple[ScalarNode, Node]] = {}
        end = start
        for event in self._events:
            end = _finish(event)
            if isinstance(event, yaml.MappingEndEvent):
                break
            key = self._node(event, depth + 1)
            if not isinstance(key, ScalarNode) or key.is_null:
                self._findings.put(key.span, reading_rules.invalid_yaml.no_word())
                raise _Refused
            value = self._node(next(self._events), depth + 1)
            self._keep(entries, key, value)
        return MapNode(self._span(start, end), tuple(entries.values()))

    def _keep(self, entries: dict[str, tuple[ScalarNode, Node]], key: ScalarNode, value: Node) -> None:
        if key.text == "<<" and key.plain:
            self._findings.put(key.span, reading_rules.yaml_feature.merge_key())
            return
        if _is_figures(key, value) and key.text == next(reversed(entries), None):
            # `1,000,000` in a mapping of one line: two entries, and no key that somebody gave twice.
            first_key = entries[key.text][0]
            span = first_key.span._replace(end_line=key.span.end_line, end_column=key.span.end_column)
            entries[key.text] = (ScalarNode(span, first_key.text + key.text), value)
            return
        if key.text in entries:
            first = entries[key.text][0].span.line
            self._findings.put(key.span, reading_rules.duplicate_key.again(key.text, first))
            return
        entries[key.text] = (key, value)

    def _check(self, event: yaml.Event, depth: int) -> None:
        if depth > MAX_DEPTH:
            span = self._span(_begin(event), _begin(event) + 1)
            self._findings.put(span, reading_rules.front_matter_too_big.deeper(MAX_DEPTH))
            raise _Refused
        anchor, tag = getattr(event, "anchor", None), getattr(event, "tag", None)
        if isinstance(event, yaml.AliasEvent):
            self._refuse(event, f"the YAML alias `*{anchor}`")
        if anchor:
            self._refuse(event, f"the YAML anchor `&{anchor}`")
        if tag:
            self._refuse(event, f"the YAML tag `{tag}`")

    def _refuse(self, event: yaml.Event, what: str) -> None:
        span = self._span(_begin(event), max(_begin(event) + 1, _finish(event)))
        self._findings.put(span, reading_rules.yaml_feature.forbidden(what))
        raise _Refused

    def _scalar(self, event: yaml.ScalarEvent) -> ScalarNode:
        start, end = _begin(event), _finish(event)
        raw = self._source.text[self._offset + start : self._offset + end]
        plain = event.style is None
        inner = 0 if raw == event.value else 1 if raw[1:-1] == event.value else None
        return ScalarNode(self._span(start, end), event.value, plain, inner)

    def _span(self, start: int, end: int) -> Span:
        return self._source.span(self._offset + start, self._offset + max(start, end))


def _is_figures(key: ScalarNode, value: Node) -> bool:
    return isinstance(value, ScalarNode) and value.is_null and len(key.text) == 3 and key.text.isdigit()


def _begin(event: yaml.Event) -> int:
    return event.start_mark.index if event.start_mark else 0


def _finish(event: yaml.Event) -> int:
    return event.end_mark.index if event.end_mark else 0
