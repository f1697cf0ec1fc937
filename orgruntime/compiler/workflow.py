"""The `## Workflow` list: its closed grammar. Knows links and words, nothing of kinds or payload types.

    item    = link ("→" | "asks") link ["×" N] ":" `payload` {"," clause} | link "every" period ":" `payload`
    clause  = "when" WORD ["is" WORD] | "otherwise" | "at most" N "times"
    period  = N "trials" | TIME

Invariant: an item gives an edge or exactly one fault, at the word where the reading stopped.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from orgruntime.compiler import reading_rules, words
from orgruntime.compiler.library import RoleLinks, RoleRef
from orgruntime.diagnostics.diagnostic import Fault, Findings
from orgruntime.diagnostics.pattern import pattern
from orgruntime.diagnostics.span import Span
from orgruntime.model.manifest import HandoffKind
from orgruntime.orgfile.document import Cell, Document, Section
from orgruntime.orgfile.inline import PieceKind, links, pieces
from orgruntime.orgfile.recall import recall


class Edge(NamedTuple):
    """One item of the list. `number` counts from 1. A cadence has no target."""

    number: int
    span: Span
    source: RoleRef
    source_span: Span
    payload: str
    payload_span: Span
    target: RoleRef | None = None
    target_span: Span | None = None
    kind: HandoffKind = HandoffKind.TRANSFER
    fan_out: int = 1
    when: str | None = None
    when_span: Span | None = None
    otherwise: bool = False
    at_most: int | None = None
    every_trials: int | None = None
    every_s: float | None = None


class Workflow(NamedTuple):
    edges: tuple[Edge, ...]
    complete: bool
    """Whether every item could be read, so that rules over the whole graph mean something."""


class _Link(NamedTuple):
    """A link to a role. `at`: the offset of its target."""

    href: str
    span: Span
    at: int


class _Made(NamedTuple):
    """What an edge has beside its roles; fields as there."""

    number: int
    span: Span
    payload: str
    payload_span: Span
    kind: HandoffKind = HandoffKind.TRANSFER
    fan_out: int = 1
    when: str | None = None
    when_span: Span | None = None
    otherwise: bool = False
    at_most: int | None = None
    every_trials: int | None = None
    every_s: float | None = None


class _Written(NamedTuple):
    """An item as it stands in the text. `links`: those to roles that were read, source first, not yet followed."""

    links: tuple[_Link, ...]
    made: _Made | None
    stop: tuple[Span, Fault] | None = None
    """Where the reading stopped, and why."""


def read_workflow(document: Document, section: Section, role_links: RoleLinks, findings: Findings) -> Workflow:
    kind = f"workflow {section.heading.start}"
    items, complete = recall(kind, document.source, findings, lambda own: _written(document, section, own))
    edges: list[Edge] = []
    for item in items:
        edge = _followed(document, item, role_links, findings)
        complete = complete and edge is not None
        edges += [edge] if edge else []
    return Workflow(tuple(edges), complete)


def _written(document: Document, section: Section, findings: Findings) -> tuple[tuple[_Written, ...], bool]:
    """The items, and whether nothing else looks like one: a function of the text, so that it can be remembered."""
    found: list[_Written] = []
    complete = True
    for block in section.blocks:
        if block.kind == "paragraph" and _looks_like_edge(document, block.start, block.end):
            span = document.source.span(block.start, document.source.line_end(block.start))
            findings.put(span, reading_rules.workflow_syntax.outside_the_list())
            complete = False
        if block.kind == "list":
            found += [_Reader(document, item).read(len(found) + at) for at, item in enumerate(document.items(block), 1)]
    if not found and complete:
        findings.put(document.heading_span(section), reading_rules.likely_typo.no_items())
    return tuple(found), complete


def _followed(document: Document, item: _Written, role_links: RoleLinks, findings: Findings) -> Edge | None:
    """The edge of an item; None, with one fault, where a link leads to no role or the reading stopped behind them."""
    refs: list[RoleRef] = []
    for link in item.links:
        ref = role_links.resolve(link.href)
        if not isinstance(ref, RoleRef):
            findings.put(document.source.span(link.at, link.at + max(1, len(link.href))), ref)
            return None
        refs.append(ref)
    made = item.made
    if made is None:
        if item.stop:
            findings.put(*item.stop)
        return None
    has_target = len(refs) > 1
    return Edge(
        number=made.number, span=made.span, source=refs[0], source_span=item.links[0].span, payload=made.payload,
        payload_span=made.payload_span, target=refs[1] if has_target else None,
        target_span=item.links[1].span if has_target else None, kind=made.kind, fan_out=made.fan_out, when=made.when,
        when_span=made.when_span, otherwise=made.otherwise, at_most=made.at_most, every_trials=made.every_trials,
        every_s=made.every_s,
    )  # fmt: skip


class _Token(NamedTuple):
    kind: str
    """link, code, arrow, times, punct, word, end"""
    text: str
    start: int
    end: int
    href: str = ""
    href_start: int = 0

    @property
    def quoted(self) -> str:
        """How a message names it."""
        if self.kind == "end":
            return self.text
        return f"a link to `{self.href}`" if self.kind == "link" else f"`{self.text}`"


class _Stopped(Exception):
    def __init__(self, span: Span, fault: Fault) -> None:
        super().__init__(fault.message)
        self.span, self.fault = span, fault


_TOKEN = pattern(
    r"(?P<arrow>→|⟶|⇒|->|-->|=>)|(?P<times>[×xX]\s*\d+(?![\w.]))|(?P<punct>[:,;.])(?=\s|$)"
    r"|(?P<word>[^\s:,;→⟶⇒×]+?)(?=\.?(?:[\s:,;→⟶⇒×]|$))|(?P<other>\S)"
)
_NESTED = pattern(r"(?:[-*+]|\d{1,9}[.)])[ \t]")
_MOST = 10_000


class _Reader:
    """Reads one item from left to right."""

    def __init__(self, document: Document, item: Cell) -> None:
        self._source, self._item = document.source, item
        self._links: list[_Link] = []
        self._tokens = _tokens(document.source.text, item)
        self._at = 0

    def read(self, number: int) -> _Written:
        try:
            made = self._edge(number)
        except _Stopped as stop:
            return _Written(tuple(self._links), None, (stop.span, stop.fault))
        return _Written(tuple(self._links), made)

    def _edge(self, number: int) -> _Made:
        self._role(lambda found: reading_rules.workflow_syntax.no_source(found))
        verb = self._next()
        if verb.kind == "word" and verb.text.casefold() == "every":
            made = self._cadence(number)
        elif verb.kind == "arrow" or (verb.kind == "word" and verb.text.casefold() == "asks"):
            kind = HandoffKind.TRANSFER if verb.kind == "arrow" else HandoffKind.ASK
            made = self._handoff(number, kind)
        else:
            raise self._stop(verb, reading_rules.workflow_syntax.no_verb(verb.quoted, verb.text))
        if self._peek().kind == "punct" and self._peek().text == ".":
            self._next()
        if self._peek().kind != "end":
            raise self._stop(self._peek(), reading_rules.workflow_syntax.not_understood(self._peek().quoted))
        return made

    def _handoff(self, number: int, kind: HandoffKind) -> _Made:
        after = "→" if kind is HandoffKind.TRANSFER else "asks"
        self._role(lambda found: reading_rules.workflow_syntax.no_target(found, after))
        fan_out = 1
        if self._peek().kind == "times":
            token = self._next()
            fan_out = self._count(token._replace(text=token.text[1:].strip()))
        payload, payload_span = self._payload()
        made = _Made(number, self._item_span(), payload, payload_span, kind, fan_out)
        while self._more():
            made = self._clause(made)
        return made

    def _cadence(self, number: int) -> _Made:
        token = self._next()
        unit = self._peek()
        trials: int | None = None
        seconds: float | None = None
        if unit.kind == "word" and unit.text.casefold() in ("trial", "trials"):
            trials = self._count(token)
            self._next()
        else:
            text = token.text
            if unit.kind == "word":
                text = f"{text} {self._next().text}"
            seconds = self._time(token, text)
        payload, payload_span = self._payload()
        return _Made(number, self._item_span(), payload, payload_span, every_trials=trials, every_s=seconds)

    def _clause(self, made: _Made) -> _Made:
        token = self._next()
        word = token.text.casefold() if token.kind == "word" else ""
        if word == "when" and made.when is None and not made.otherwise:
            when, span = self._condition()
            return made._replace(when=when, when_span=span)
        if word == "otherwise" and made.when is None and not made.otherwise:
            return made._replace(otherwise=True, when_span=self._span(token))
        if word == "at" and made.at_most is None:
            return made._replace(at_most=self._bound())
        if word in ("when", "otherwise", "at"):
            raise self._stop(token, reading_rules.workflow_syntax.second_condition(token.text))
        if self._begins_a_list(token):
            raise self._stop(token, reading_rules.workflow_syntax.nested_list())
        raise self._stop(token, reading_rules.workflow_syntax.no_clause(token.quoted, token.text))

    def _begins_a_list(self, token: _Token) -> bool:
        text = self._source.text
        line = text.rfind("\n", self._item.start, token.start)
        return line >= 0 and not text[line : token.start].strip() and _NESTED.match(text, token.start) is not None

    def _condition(self) -> tuple[str, Span]:
        first = self._next()
        if first.kind not in ("word", "code"):
            raise self._stop(first, reading_rules.workflow_syntax.no_condition(first.quoted, "when"))
        if self._peek().text.casefold() != "is":
            return first.text, self._span(first)
        self._next()
        last = self._next()
        if last.kind not in ("word", "code"):
            raise self._stop(last, reading_rules.workflow_syntax.no_condition(last.quoted, "is"))
        return f"{first.text} is {last.text}", self._source.span(first.start, last.end)

    def _bound(self) -> int:
        most = self._next()
        if most.text.casefold() != "most":
            raise self._stop(most, reading_rules.workflow_syntax.no_bound(most.quoted))
        token = self._next()
        once = {"once": 1, "twice": 2}.get(token.text.casefold())
        if once:
            return once
        bound = self._count(token)
        times = self._next()
        if times.text.casefold() not in ("time", "times"):
            raise self._stop(times, reading_rules.workflow_syntax.no_bound(times.quoted))
        return bound

    def _payload(self) -> tuple[str, Span]:
        token = self._next()
        if token.kind == "punct" and token.text == ":":
            token = self._next()
        if token.kind != "code":
            raise self._stop(
                token,
                reading_rules.workflow_syntax.no_payload(token.quoted, token.text if token.kind == "word" else ""),
            )
        return token.text, self._source.span(token.start + 1, token.end - 1)

    def _role(self, missing: Callable[[str], Fault]) -> None:
        token = self._next()
        if token.kind != "link":
            raise self._stop(token, missing(token.quoted))
        self._links.append(_Link(token.href, self._span(token), token.href_start))

    def _count(self, token: _Token) -> int:
        try:
            value = words.count(token.text)
        except words.Unclear as error:
            raise self._stop(token, reading_rules.workflow_syntax.bad_number(error.fault, error.help)) from error
        if value > _MOST:
            raise self._stop(token, reading_rules.workflow_syntax.too_large(token.text, _MOST))
        return value

    def _time(self, token: _Token, text: str) -> float:
        try:
            return words.duration(text)
        except words.Unclear as error:
            raise self._stop(token, reading_rules.workflow_syntax.no_period(text, error.fault)) from error

    def _more(self) -> bool:
        if self._peek().kind == "punct" and self._peek().text in ",;":
            self._next()
            return True
        return self._peek().kind == "word"

    def _peek(self) -> _Token:
        return self._tokens[min(self._at, len(self._tokens) - 1)]

    def _next(self) -> _Token:
        token = self._peek()
        self._at += 1
        return token

    def _stop(self, token: _Token, fault: Fault) -> _Stopped:
        return _Stopped(self._span(token), fault)

    def _span(self, token: _Token) -> Span:
        return self._source.span(token.start, max(token.end, token.start + 1))

    def _item_span(self) -> Span:
        return self._source.span(self._item.start, max(self._item.end, self._item.start + 1))


def _tokens(text: str, item: Cell) -> tuple[_Token, ...]:
    found: list[_Token] = []
    for piece in pieces(text, item.start, item.end):
        if piece.kind is PieceKind.LINK:
            found.append(_Token("link", piece.text, piece.start, piece.end, piece.href, piece.href_start))
        elif piece.kind is PieceKind.CODE:
            found.append(_Token("code", piece.text, piece.start, piece.end))
        else:
            for match in _TOKEN.finditer(text, piece.start, piece.end):
                if match.group().strip("*_"):
                    found.append(_Token(str(match.lastgroup), match.group(), match.start(), match.end()))
    found.append(_Token("end", "the end of the item", max(item.start, item.end - 1), item.end))
    return tuple(found)


def _looks_like_edge(document: Document, start: int, end: int) -> bool:
    text = document.source.text[start:end]
    return bool(re.search(r"→|->|=>|\basks\b|\bevery\b", text)) and any(
        ".md" in link.href for link in links(document.source.text, start, end)
    )
