"""An agent without a word of what it is to do."""

from __future__ import annotations

from orgruntime.diagnostics.codes import EMPTY_ROLE
from orgruntime.diagnostics.diagnostic import Fault

CODE = EMPTY_ROLE


def no_words(slug: str) -> Fault:
    message = f"the role `{slug}` has no words below its front matter, so the agent is told nothing"
    return Fault(CODE, message, "say what the role sees, does and hands off")
