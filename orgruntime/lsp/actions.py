"""Quick fixes: the remedy of a finding as an edit, where it names the very word to write. Knows findings, no rule.

Invariant: an edit replaces exactly the text that the finding quotes; where the two differ, nothing is offered.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from lsprotocol import types

from orgruntime.lsp.buffer import Buffer
from orgruntime.lsp.checker import Shown, as_diagnostic

_NEAREST = re.compile(r"did you mean `([^`\n]+)`\?")


def quick_fixes(uri: str, buffer: Buffer, shown: Iterable[Shown]) -> list[types.CodeAction]:
    """One for each finding whose help gives the nearest known word."""
    found = []
    for one in shown:
        nearest = _NEAREST.fullmatch(one.finding.help)
        wrong = buffer.text[buffer.offset(one.where.start) : buffer.offset(one.where.end)]
        if nearest and f"`{wrong}`" in one.finding.message:
            found.append(_replace(uri, buffer, one, nearest[1]))
    return found


def _replace(uri: str, buffer: Buffer, one: Shown, word: str) -> types.CodeAction:
    document = types.OptionalVersionedTextDocumentIdentifier(uri, buffer.version)
    edit = types.TextDocumentEdit(document, [types.TextEdit(one.where, word)])
    return types.CodeAction(
        title=f"Write `{word}`",
        kind=types.CodeActionKind.QuickFix,
        diagnostics=[as_diagnostic(one)],
        is_preferred=True,
        edit=types.WorkspaceEdit(document_changes=[edit]),
    )
