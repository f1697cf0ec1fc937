"""A proposal of completion: what is offered, and which text it replaces. Knows no grammar.

Invariant: a slot lies on one line and holds the cursor, as the protocol asks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from lsprotocol.types import CompletionItem, CompletionItemKind, InsertTextFormat, MarkupContent, MarkupKind, TextEdit

from orgruntime.lsp.buffer import Buffer


@dataclass(frozen=True)
class Slot:
    """The text [start, end) that a proposal replaces."""

    buffer: Buffer
    start: int
    end: int

    @property
    def typed(self) -> str:
        return self.buffer.text[self.start : self.end]

    @property
    def rest(self) -> str:
        """What stands behind it on the line."""
        return self.buffer.text[self.end : self.buffer.line_of(self.end)[1]]

    def last(self, separator: str = ",") -> Slot:
        """The part behind the last separator, without blanks before it."""
        word = self.typed.rpartition(separator)[2].lstrip()
        return Slot(self.buffer, self.end - len(word), self.end)

    def offer(
        self, label: str, doc: str, kind: CompletionItemKind, *, text: str | None = None, match: str | None = None
    ) -> CompletionItem:
        """`text` is written instead of the label, `match` compared with what is typed instead of it."""
        return CompletionItem(
            label=label,
            kind=kind,
            documentation=MarkupContent(MarkupKind.Markdown, doc) if doc else None,
            filter_text=match,
            insert_text_format=InsertTextFormat.PlainText,
            text_edit=TextEdit(self.buffer.range(self.start, self.end), label if text is None else text),
        )

    def words(self, words: Mapping[str, str], *, before: str = "", after: str = "") -> Iterator[CompletionItem]:
        """Keywords with what they mean. `before` replaces the blanks that are typed already."""
        blank = self.typed[: len(self.typed) - len(self.typed.lstrip())]
        for word, doc in words.items():
            yield self.offer(word, doc, CompletionItemKind.Keyword, text=before + word + after, match=blank + word)
