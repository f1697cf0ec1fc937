"""Instructions in HTML comments: no reader of the rendered page sees them, and every model does."""

from __future__ import annotations

import re
from collections.abc import Iterator

from orgruntime.diagnostics.codes import HIDDEN_INSTRUCTION
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.orgfile.source import Source

CODE = HIDDEN_INSTRUCTION

_COMMENT = re.compile(r"<!--(.*?)(?:-->|\Z)", re.DOTALL)
_FENCE = re.compile(r"^(`{3,}|~{3,}).*?(?:^\1|\Z)|(`+)[^`\n].*?\2", re.MULTILINE | re.DOTALL)
_ORDER = re.compile(
    r"\b(?:ignore|disregard|override|overrule|bypass|forget|secretly|exfiltrate|curl|wget|rm -rf|system prompt"
    r"|you (?:must|should|may|are|will|can)|(?:do not|don't|never) (?:tell|mention|reveal|report|ask|say|show)"
    r"|(?:always|first|instead|now|then),? (?:run|execute|send|upload|read|write|delete|call|use|approve|keep|answer)"
    r"|(?:previous|prior|above|other|all) (?:instructions?|rules|prompts?))\b",
    re.IGNORECASE,
)
_LONGEST = 60


def check(source: Source, findings: Findings) -> None:
    if "<!--" not in source.text:
        return
    for comment in _comments(source.text):
        order = _ORDER.search(comment[1])
        if order:
            words = " ".join(comment[1].split())
            quoted = words if len(words) <= _LONGEST else words[:_LONGEST] + "…"
            span = source.span(comment.start(), comment.end())
            message = f"a comment that readers do not see holds an instruction: `{quoted}`"
            findings.add(CODE, span, message, "write it as visible text, or delete it")


def _comments(text: str) -> Iterator[re.Match[str]]:
    """Comments outside of code."""
    code = [match.span() for match in _FENCE.finditer(text)]
    for match in _COMMENT.finditer(text):
        if not any(start <= match.start() < end for start, end in code):
            yield match
