"""A `format:` that this release does not read."""

from __future__ import annotations

from orgruntime.compiler.facts import Facts
from orgruntime.compiler.keys import FORMAT
from orgruntime.diagnostics.codes import UNKNOWN_FORMAT
from orgruntime.diagnostics.diagnostic import Findings

CODE = UNKNOWN_FORMAT


def check(facts: Facts, findings: Findings) -> None:
    node = facts.scalar("format")
    if node is not None and node.text.strip() != FORMAT:
        name, _, major = node.text.strip().partition("/")
        is_later = name == FORMAT.partition("/")[0] and major.isascii() and major.isdigit() and int(major[:9]) > 1
        help = f"this release reads `{FORMAT}`" + ("; install a newer one for that" if is_later else "")
        findings.add(CODE, node.span, f"unknown format `{node.text.strip()}`", help)
