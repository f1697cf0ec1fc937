"""Quick fixes: what `orgrun fix` would do about a finding, else the nearest word that its help names. Knows no rule.

Invariant: a word is written only over the very text that the finding quotes; where the two differ, nothing is offered.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from lsprotocol import types

from orgruntime.lsp.buffer import Buffer
from orgruntime.lsp.checker import Shown, as_diagnostic

_NEAREST = re.compile(r"did you mean `([^`\n]+)`\?")


def quick_fixes(uri: str, buffer: Buffer, shown: Iterable[Shown]) -> list[types.CodeAction]:
    """One for each finding that carries a fix, or whose help gives the nearest known word."""
    found = []
    for one in shown:
        if fix := one.finding.fix:
            edits = [types.TextEdit(buffer.of_span(edit.span), edit.text) for edit in fix.edits]
            found.append(_action(uri, buffer, one, fix.title, edits))
        elif word := _nearest(buffer, one):
            found.append(_action(uri, buffer, one, f"Write `{word}`", [types.TextEdit(one.where, word)]))
    return found


def _nearest(buffer: Buffer, one: Shown) -> str | None:
    nearest = _NEAREST.fullmatch(one.finding.help)
    wrong = buffer.text[buffer.offset(one.where.start) : buffer.offset(one.where.end)]
    return nearest[1] if nearest and f"`{wrong}`" in one.finding.message else None


def _action(uri: str, buffer: Buffer, one: Shown, title: str, edits: list[types.TextEdit]) -> types.CodeAction:
    document = types.OptionalVersionedTextDocumentIdentifier(uri, buffer.version)
    return types.CodeAction(
        title=title,
        kind=types.CodeActionKind.QuickFix,
        diagnostics=[as_diagnostic(one)],
        is_preferred=True,
        edit=types.WorkspaceEdit(document_changes=[types.TextDocumentEdit(document, list(edits))]),
    )
