"""A model by a name that its server is about to forget, or has forgotten: an old generation, or a dated snapshot."""

from __future__ import annotations

from orgruntime.compiler.facts import Facts
from orgruntime.compiler.model_names import CURRENT, Doubt, doubt
from orgruntime.diagnostics.codes import STALE_MODEL
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.diagnostics.pattern import pattern

CODE = STALE_MODEL

_OLD = pattern(r"claude-(?:instant|[12](?:[.-]|$))|gpt-3|text-davinci")


def check(facts: Facts, findings: Findings) -> None:
    for node in facts.species:
        text = node.text.strip()
        kind, now = doubt(text) or (None, "")
        if kind is Doubt.OLD or _OLD.match(text):
            message = f"`{text}` is the name of an old model, which may no longer be served"
            findings.add(CODE, node.span, message, f"write `{now or CURRENT['opus']}`")
