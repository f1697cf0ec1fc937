"""Instructions in HTML comments and in titles of link references (`[//]: # (…)`): no reader of the rendered page sees
them, and every model does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from orgruntime.diagnostics.codes import HIDDEN_INSTRUCTION
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.diagnostics.pattern import pattern
from orgruntime.orgfile.source import Source

CODE = HIDDEN_INSTRUCTION

_COMMENT = pattern(
    r"<!--(?P<comment>.*?)(?:-->|\Z)"
    r"|^ {0,3}\[(?!\^)[^\]\n]{1,200}\]:[ \t]*(?:\n[ \t]*)?[^\s(]\S*(?:[ \t]+(?:\n[ \t]*)?|\n[ \t]*)"
    r"(?P<title>(?:\(|\"|')[^\n]*?(?:\n[ \t]*[^\s][^\n]*?){0,3}?(?:\)|\"|'))[ \t]*$",
    re.DOTALL | re.MULTILINE,
)
_FENCE = pattern(r"^ {0,3}(?P<mark>`{3,}|~{3,})", re.MULTILINE)
_ORDER = pattern(
    r"\b(?:ignore|disregard|override|overrule|bypass|forget|secretly|exfiltrate|curl|wget|rm -rf|system prompt"
    r"|you (?:must|should|may|are|will|can)|(?:do not|don't|never) (?:tell|mention|reveal|report|ask|say|show)"
    r"|(?:always|first|instead|now|then),? (?:run|execute|send|upload|read|write|delete|call|use|approve|keep|answer)"
    r"|(?:previous|prior|above|other|all) (?:instructions?|rules|prompts?))\b",
    re.IGNORECASE,
)
_LONGEST, _MOST = 60, 50
"""Characters of a comment that are quoted, and comments of a file that are reported at once."""


def check(source: Source, findings: Findings) -> None:
    # One word is a mark for a tool, as `prettier-ignore` and `orgrun:graph` are.
    comments = (comment for comment in _comments(source.text) if len(_words(comment).split(maxsplit=1)) > 1)
    found = (comment for comment in comments if _ORDER.search(_words(comment)))
    for comment in islice(found, _MOST):
        words = " ".join(_words(comment)[: 4 * _LONGEST].split())
        quoted = words if len(words) <= _LONGEST else words[:_LONGEST] + "…"
        message = f"a comment that readers do not see holds an instruction: `{quoted}`"
        span = source.span(comment.start(), comment.end())
        findings.add(CODE, span, message, "write it as visible text, or delete it")


def _words(comment: re.Match[str]) -> str:
    return str(comment["comment"] or (comment["title"] or "")[1:-1])


def _comments(text: str) -> Iterator[re.Match[str]]:
    """Comments outside of fenced code and of code in a line. One pass, however many marks there are."""
    if "<!--" not in text and "]:" not in text:
        return
    fences = [(mark.start(), mark["mark"]) for mark in _FENCE.finditer(text)]
    at, opened, line, ticks = 0, "", 0, 0
    for match in _COMMENT.finditer(text):
        while at < len(fences) and fences[at][0] < match.start():
            mark = fences[at][1]
            opened = mark if not opened else "" if mark.startswith(opened) else opened
            at += 1
        begin = text.rfind("\n", line, match.start()) + 1
        ticks = text.count("`", begin, match.start()) if begin else ticks + text.count("`", line, match.start())
        line = match.start()
        if not opened and not ticks % 2:
            yield match
