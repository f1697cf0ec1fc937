"""Texts with a mark where the cursor is, on an org on disk."""

from __future__ import annotations

from pathlib import Path

from lsprotocol.types import CompletionItem, TextEdit

from orgruntime.lsp.buffer import Buffer
from orgruntime.lsp.program import ProgramView

ROOT = Path(__file__).parents[3]
LAB = ROOT / "orgs" / "microgpt-lab"
CURSOR = "‸"


def marked(text: str, path: Path = LAB / "program.md", encoding: str = "utf-16") -> tuple[ProgramView, int]:
    """The program and the offset of the mark, which is taken out."""
    at = text.index(CURSOR)
    return ProgramView(Buffer(path, text.replace(CURSOR, "", 1), encoding)), at


def edit_of(item: CompletionItem) -> TextEdit:
    assert isinstance(item.text_edit, TextEdit)
    return item.text_edit


def replaced(buffer: Buffer, item: CompletionItem) -> str:
    """What of the text a proposal replaces."""
    where = edit_of(item).range
    return buffer.text[buffer.offset(where.start) : buffer.offset(where.end)]


def applied(buffer: Buffer, item: CompletionItem) -> str:
    """The text after a proposal is taken."""
    where = edit_of(item).range
    return buffer.text[: buffer.offset(where.start)] + edit_of(item).new_text + buffer.text[buffer.offset(where.end) :]
