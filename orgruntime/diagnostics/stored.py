"""Diagnostics as plain values and back, for whoever keeps them. Knows nothing of where they are kept.

Works on what JSON can hold. Invariant: what comes back is equal to what was given; values of another shape raise
TypeError, ValueError or KeyError.
"""

from __future__ import annotations

from typing import Any

from orgruntime.diagnostics.diagnostic import Diagnostic, Severity
from orgruntime.diagnostics.fixes import Edit, Fix
from orgruntime.diagnostics.span import Span


def from_plain(value: Any) -> Diagnostic:
    """A diagnostic is a tuple of tuples and words, so JSON writes it as it is; this reads what JSON made of it."""
    code, name, severity, span, message, help, notes, fix = value
    return Diagnostic(
        code, name, Severity(severity), Span(*span), message, help, tuple(notes), None if fix is None else _fix(fix)
    )


def _fix(value: Any) -> Fix:
    title, edits, is_safe = value
    return Fix(title, tuple(Edit(Span(*span), text) for span, text in edits), is_safe)
