"""A model by a name that its server is about to forget, or has forgotten: an old generation, or a dated snapshot."""

from __future__ import annotations

from orgruntime.compiler.facts import Facts
from orgruntime.diagnostics.codes import STALE_MODEL
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.diagnostics.pattern import pattern

CODE = STALE_MODEL

_OLD = pattern(r"claude-(?:instant|[123](?:[.-]|$)|(?:opus|sonnet|haiku)-[34](?:-0|-20\d{6}|$))|gpt-3|text-davinci")
_DATED = pattern(r"-20\d{6}$")


def check(facts: Facts, findings: Findings) -> None:
    for node in facts.species():
        text = node.text.strip()
        is_dated = text.startswith("claude-") and _DATED.search(text)
        if is_dated or (text.startswith(("claude-", "gpt-3", "text-davinci")) and _OLD.match(text)):
            message = f"`{text}` is the name of an old model, which may no longer be served"
            help = "use a current name without a date, such as `claude-opus-5-5`"
            findings.add(CODE, node.span, message, help)
