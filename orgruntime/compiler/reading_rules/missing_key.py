"""A key that its mapping cannot do without."""

from __future__ import annotations

from orgruntime.diagnostics.codes import MISSING_KEY
from orgruntime.diagnostics.diagnostic import Fault

CODE = MISSING_KEY


def absent(path: str, key: str, example: str, meaning: str) -> Fault:
    """`example`: a value, or the words that may stand there."""
    return Fault(CODE, f"`{path}` is missing", f"add `{key}:{f' {example}' if example else ''}`: {meaning}")


def asked(fault: Fault) -> Fault:
    """The same where a line `# ?` of a draft asks for the key."""
    return fault._replace(
        help="answer this question: write the key below it, and delete the line that begins with `# ?`"
    )
