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
        given = node.text.strip()
        name, _, major = given.partition("/")
        is_later = name == FORMAT.partition("/")[0] and major.isascii() and major.isdigit() and int(major[:9]) > 1
        help = f"write `format: {FORMAT}`: there is no other so far"
        if is_later:
            help = f"it was written for a later release of orgruntime: install that one; this one reads `{FORMAT}`"
        findings.add(CODE, node.span, f"this release does not read the format `{given}`", help)
