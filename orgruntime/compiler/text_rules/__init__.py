"""The rules that judge the text of one file, whether it belongs to an org or not: one module a rule, with its `CODE`.

Works on a source; knows nothing of roles or orgs. Invariant: what is found depends on the text alone, so that it can be
remembered with it.
"""

from __future__ import annotations

from typing import Protocol

from orgruntime.compiler.text_rules import hidden_instruction, secret_in_file
from orgruntime.diagnostics.diagnostic import Code, Findings
from orgruntime.orgfile.source import Source


class TextRule(Protocol):
    """A module that judges a text."""

    CODE: Code

    def check(self, source: Source, findings: Findings) -> None: ...


TEXT_RULES: tuple[TextRule, ...] = (hidden_instruction, secret_in_file)


def judge_text(source: Source, findings: Findings) -> None:
    """Asks every rule of texts."""
    for rule in TEXT_RULES:
        rule.check(source, findings)
