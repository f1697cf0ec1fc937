"""What looks like a key of a service, in any file of the org. Quotes only its first letters."""

from __future__ import annotations

from orgruntime.diagnostics.codes import SECRET_IN_FILE
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.diagnostics.pattern import pattern
from orgruntime.orgfile.source import Source

CODE = SECRET_IN_FILE

_SECRET = pattern(
    r"\b(?:sk-[\w-]{16,}|gh[pousr]_\w{20,}|hf_\w{20,}|AKIA[0-9A-Z]{12,}(?![0-9A-Z])(?<!EXAMPLE)|xox[abp]-[\w-]{10,})"
)
"""The keys of AWS's own documentation end in EXAMPLE."""
_SIGNS = ("sk-", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "hf_", "AKIA", "xox")
"""One of them is in every text that has a secret, and to look for them takes no pattern."""


def check(source: Source, findings: Findings) -> None:
    if not any(sign in source.text for sign in _SIGNS):
        return
    for match in _SECRET.finditer(source.text):
        message = f"`{match[0][:6]}…` looks like a secret key"
        help = "remove it, revoke it, and name the environment variable that holds the new one"
        findings.add(CODE, source.span(match.start(), match.end()), message, help)
