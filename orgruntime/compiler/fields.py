"""Typed reading of a front-matter mapping. Knows nodes and findings, nothing of what the keys mean.

Invariant: every fault is reported at the key or value that has it, and reading goes on; a getter returns None for what
is absent or faulty.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from functools import lru_cache
from typing import TypeVar

from orgruntime.compiler import reading_rules
from orgruntime.compiler.keys import MOST_ITEMS, Table, meant
from orgruntime.compiler.nodes import curly, is_thousands, kind_of, split_commas
from orgruntime.compiler.words import OutOfRange, Unclear
from orgruntime.diagnostics.diagnostic import Fault, Findings
from orgruntime.diagnostics.nearest import nearest
from orgruntime.diagnostics.span import Span
from orgruntime.orgfile.tree import ListNode, MapNode, Node, ScalarNode

_MOST_HELPS = 50
"""Unknown keys of one mapping for which a near one is looked for."""

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)


class Fields:
    """One mapping whose keys are a closed set. `where` is its name in messages, empty for the top level; `at` its key.

    Reports keys that are not in `known` and, of a table, those that are required and absent. `asked`: where a draft
    asks for a key, by its path.
    """

    def __init__(
        self,
        node: MapNode,
        where: str,
        known: Iterable[str],
        findings: Findings,
        at: Span | None = None,
        asked: Mapping[str, Span] | None = None,
    ) -> None:
        self.node, self.where, self._known, self._findings = node, where, known, findings
        self._asked = asked or {}
        self._report_unknown(tuple(known))
        if isinstance(known, Table):
            self._report_missing(known, at or self._start())

    def has(self, key: str) -> bool:
        return self.node.get(key) is not None

    def value(self, key: str) -> Node | None:
        return self.node.get(key)

    def span(self, key: str) -> Span:
        """Of the value, or of the mapping where the key is absent."""
        value = self.node.get(key)
        return value.span if value is not None else self.node.span

    def scalar(self, key: str) -> ScalarNode | None:
        """A non-empty scalar; anything else is reported."""
        value = self.node.get(key)
        if value is None:
            return None
        if not isinstance(value, ScalarNode):
            self._wrong(value.span, key, "one value", value)
            return None
        if value.is_null or not value.text.strip():
            self._findings.put(self._key_span(key), reading_rules.bad_value.empty(self.path(key)))
            return None
        return value if self._is_straight(value, key) else None

    def text(self, key: str) -> str | None:
        node = self.scalar(key)
        return node.text.strip() if node else None

    def read(self, key: str, reader: Callable[[str], T]) -> T | None:
        """The scalar through `reader`; what it raises as Unclear is reported."""
        node = self.scalar(key)
        return convert(node.text.strip(), node.span, self.path(key), reader, self._findings) if node else None

    def choice(self, key: str, kinds: type[E]) -> E | None:
        return self.read(key, lambda text: one_of(text, kinds))

    def words(self, key: str, *, comma_string: bool = False) -> tuple[ScalarNode, ...] | None:
        """A list of scalars. A single scalar counts as a list of one, or of several parted by commas."""
        value = self.node.get(key)
        if value is None:
            return None
        if isinstance(value, ScalarNode):
            node = self.scalar(key)
            return None if node is None else split_commas(node) if comma_string else (node,)
        if isinstance(value, MapNode):
            self._wrong(value.span, key, "a list", value)
            return None
        if len(value.items) > MOST_ITEMS:
            fault = reading_rules.out_of_range.items(self.path(key), len(value.items), MOST_ITEMS)
            self._findings.put(value.items[MOST_ITEMS].span, fault)
            return None
        good: list[ScalarNode] = []
        for item in value.items:
            if isinstance(item, ScalarNode) and not item.is_null:
                if self._is_straight(item, key):
                    good.append(item)
            else:
                self._findings.put(item.span, reading_rules.wrong_type.item(self.path(key), kind_of(item)))
        return tuple(good)

    def mapping(self, key: str, known: Iterable[str]) -> Fields | None:
        value = self.node.get(key)
        if value is None:
            return None
        if not isinstance(value, MapNode):
            self._wrong(value.span, key, "a mapping", value)
            return None
        return Fields(value, self.path(key), known, self._findings, self._key_span(key), self._asked)

    def path(self, key: str) -> str:
        return f"{self.where}.{key}" if self.where else key

    def _is_straight(self, node: ScalarNode, key: str) -> bool:
        """False, and said, where a plain value was put in quotes that a word processor made."""
        inner = curly(node)
        if inner is not None:
            self._findings.put(node.span, reading_rules.bad_value.curly(self.path(key), inner))
        return inner is None

    def _key_span(self, key: str) -> Span:
        name = self.node.key(key)
        return name.span if name else self.node.span

    def _start(self) -> Span:
        if self.node.entries:
            return self.node.entries[0][0].span
        span = self.node.span
        return Span(span.file, span.line, span.column, span.line, span.column + 1)

    def _wrong(self, span: Span, key: str, wanted: str, found: Node) -> None:
        example = self._known[key].example if isinstance(self._known, Table) and key in self._known else ""
        words = (
            [item.text for item in found.items if isinstance(item, ScalarNode)] if isinstance(found, ListNode) else []
        )
        words = [found.text] if isinstance(found, ScalarNode) else words
        fault = reading_rules.wrong_type.shape(self.path(key), wanted, kind_of(found), example, words)
        if isinstance(found, ScalarNode) and wanted == "a mapping":
            fault = reading_rules.wrong_type.no_blank(self.path(key), wanted, found.text) or fault
        self._put(span, fault, key)

    def _put(self, span: Span, fault: Fault, key: str) -> None:
        """At the question that asks for the key, where one does."""
        question = self._asked.get(self.path(key))
        if question is not None:
            span, fault = question, reading_rules.missing_key.asked(fault)
        self._findings.put(span, fault)

    def _report_unknown(self, known: tuple[str, ...]) -> None:
        names, whole = set(known), _with_thousands(self.node.entries)
        for at, (name, _) in enumerate(self.node.entries):
            if name.text not in names and at not in whole:
                fault = reading_rules.unknown_key.key(name.text, self.where, known, helped=at < _MOST_HELPS)
                self._findings.put(name.span, fault)
        if not whole:
            return
        # The number that was meant stands for its beginning, so that nothing is said of the wrong one.
        entries = list(self.node.entries)
        for at, number in {whole[at][0]: whole[at][1] for at in whole}.items():
            key = entries[at][0]
            self._findings.put(number.span, reading_rules.unknown_key.thousands(key.text, number.text))
            entries[at] = key, number
        self.node = MapNode(self.node.span, tuple(entries))

    def _report_missing(self, table: Table, at: Span) -> None:
        for key in table.required:
            if self.node.get(key) is None:
                known = table[key]
                example = known.example or " or ".join(known.choices)
                self._put(at, reading_rules.missing_key.absent(self.path(key), key, example, known.meaning), key)


def _with_thousands(entries: Sequence[tuple[ScalarNode, Node]]) -> dict[int, tuple[int, ScalarNode]]:
    """Entries that are the end of a number, each with the entry where that begins, and the number: in a mapping of one
    line, `trials: 1,000` is `trials: 1` and a key `000`."""
    found: dict[int, tuple[int, ScalarNode]] = {}
    for at, (name, value) in enumerate(entries):
        if not at or not is_thousands(name.text) or not isinstance(value, ScalarNode) or not value.is_null:
            continue
        first, before = found.get(at - 1, (at - 1, entries[at - 1][1]))
        if isinstance(before, ScalarNode) and before.text.isdigit():
            end = name.span
            span = before.span._replace(end_line=end.end_line, end_column=end.end_column)
            found[at] = first, ScalarNode(span, before.text + name.text)
    return found


def convert(text: str, span: Span, path: str, reader: Callable[[str], T], findings: Findings) -> T | None:
    """`reader(text)`, or None with the fault reported at `span`."""
    try:
        return reader(text)
    except OutOfRange as error:
        findings.put(span, reading_rules.out_of_range.value(path, error.fault, error.help))
    except Unclear as error:
        findings.put(span, reading_rules.bad_value.unclear(path, error.fault, error.help))
    return None


def one_of(text: str, kinds: type[E]) -> E:
    """The member with this value. Raises Unclear with the nearest."""
    for kind in kinds:
        if kind.value == text.casefold():
            return kind
    values = [kind.value for kind in kinds]
    near = near_of(text, kinds)
    known = ", ".join(f"`{value}`" for value in values)
    raise Unclear(f"`{text}` is not one of {known}", f"did you mean `{near.value}`?" if near else "write one of them")


@lru_cache(maxsize=256)
def near_of(text: str, kinds: type[E]) -> E | None:
    """The member that a word is most likely meant to be."""
    values = [kind.value for kind in kinds]
    words = (text.casefold(), *text.casefold().split()[:1])
    near = next((other for word in words if (other := meant(word)) in values), None) or nearest(text, values)
    return next((kind for kind in kinds if kind.value == near), None)
