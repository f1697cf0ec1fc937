"""A diagram in the program that is not what the workflow draws. Asked once the workflow is whole and sound."""

from __future__ import annotations

from itertools import zip_longest

from orgruntime.compiler.diagram import END, drawn, find_diagram
from orgruntime.compiler.facts import Facts
from orgruntime.compiler.seal import manifest_of
from orgruntime.diagnostics.codes import DRIFTED_DIAGRAM
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.diagnostics.span import Span

CODE = DRIFTED_DIAGRAM


def check(facts: Facts, findings: Findings) -> None:
    found, source = find_diagram(facts.document), facts.document.source
    if found is None:
        return
    if found.end is None:
        span = source.span(found.start, source.line_end(found.start))
        findings.add(CODE, span, "the diagram has no end", f"add a line `{END}` below it")
        return
    manifest = manifest_of(facts) if facts.whole and len(facts.sound) == len(facts.edges) else None
    wanted = drawn(manifest) if manifest else found.text
    if found.text != wanted:
        span = _first_difference(facts, found.start, found.text, wanted)
        message = "from here on, the diagram is not what the workflow draws"
        findings.add(CODE, span, message, "`orgrun fmt` draws it again")


def _first_difference(facts: Facts, start: int, text: str, wanted: str) -> Span:
    """The first line of the diagram that would be another one; where lines are missing, the last."""
    lines = text.split("\n")
    pairs = enumerate(zip_longest(lines, wanted.split("\n")))
    at = min(next(i for i, (one, other) in pairs if one != other), len(lines) - 1)
    begin = start + sum(len(line) + 1 for line in lines[:at])
    return facts.document.source.span(begin, begin + max(1, len(lines[at])))
