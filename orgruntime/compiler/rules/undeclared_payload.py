"""A payload that handoffs carry and nobody declares: it is a note of another name."""

from __future__ import annotations

from orgruntime.compiler.facts import Facts
from orgruntime.diagnostics.codes import UNDECLARED_PAYLOAD
from orgruntime.diagnostics.diagnostic import Findings

CODE = UNDECLARED_PAYLOAD


def check(facts: Facts, findings: Findings) -> None:
    said = set(facts.undeclared)
    for edge in facts.edges:
        if edge.payload in said:
            said.discard(edge.payload)
            message = (
                f"`{edge.payload}` is declared nowhere, so it is handed off as a note is: markdown in one field, `text`"
            )
            help = "nothing has to be done; a row in `## Payloads` gives it fields that are checked"
            findings.add(CODE, edge.payload_span, message, help)
