"""A release that `requires:` leaves out, and that reads the program all the same."""

from __future__ import annotations

from orgruntime import __version__
from orgruntime.compiler.facts import Facts
from orgruntime.compiler.words import version
from orgruntime.diagnostics.codes import UNMET_RELEASE
from orgruntime.diagnostics.diagnostic import Findings

CODE = UNMET_RELEASE


def check(facts: Facts, findings: Findings) -> None:
    node, here = facts.scalar("requires"), version(__version__)
    unmet = [one for one in facts.program.requires if not one.allows(here)]
    if node is not None and unmet:
        message = f"the org asks for `{node.text.strip()}`, and this is orgruntime {__version__}"
        findings.add(CODE, node.span, message, "install a release that fits, or ask the org's author for one that does")
