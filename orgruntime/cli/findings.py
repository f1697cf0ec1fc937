"""What `orgrun check` found, in each of its formats. Knows nothing of how it was found.

Invariant: with a format for machines, the text is that format and nothing else.
"""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orgruntime.api.checking import Checked


def said(checked: Checked, form: str, colour: bool = False, *, one_line: bool = False) -> str:
    """`form`: full, concise, json, sarif or github. `one_line`: JSON without line breaks, for a stream of objects."""
    from orgruntime.diagnostics.render import summary

    if form in ("json", "sarif"):
        content = _json_object(checked) if form == "json" else _sarif(checked)
        text = json.dumps(content, indent=None if one_line else 1, ensure_ascii=False) + "\n"
        # Bytes of a file name that are no text would make the whole object unreadable: they become JSON's own escapes.
        return text.encode("utf-8", "backslashreplace").decode("utf-8")
    lines = [f"{checked.counted}: {summary(checked.diagnostics)}"]
    if mended := sum(one.fix is not None and one.fix.is_safe for one in checked.diagnostics):
        lines.append(
            f"`orgrun fix` mends {mended} of them" if len(checked.diagnostics) > 1 else "`orgrun fix` mends it"
        )
    if checked.hidden:
        where = ", ".join(("the command line", *checked.settings)[not checked.asked :])
        lines.append(f"{checked.hidden} not shown, as {where} say{'s' * (', ' not in where)}")
    if checked.baseline is not None:
        gone = f"; {checked.baseline.gone} of it are gone: write it anew" if checked.baseline.gone else ""
        lines.append(f"{checked.baseline.accepted} known from the baseline{gone}")
    return _findings(checked, form, colour) + "".join(f"{line}\n" for line in lines)


def coloured() -> bool:
    """Whether to colour what goes to stdout."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _findings(checked: Checked, form: str, colour: bool) -> str:
    """In full, what is only said for information takes one line each, after the faults."""
    from orgruntime.diagnostics.diagnostic import Severity
    from orgruntime.diagnostics.render import concise, full

    if form == "github":
        from orgruntime.diagnostics.exchange import github

        return github(checked.diagnostics)
    if form == "concise":
        return concise(checked.diagnostics)
    faults = [one for one in checked.diagnostics if one.severity is not Severity.INFO]
    infos = [one for one in checked.diagnostics if one.severity is Severity.INFO]
    blocks = (full(faults, checked.texts, colour=colour), concise(infos))
    return "".join(f"{block}\n" for block in blocks if block)


def _json_object(checked: Checked) -> dict[str, Any]:
    from orgruntime.diagnostics.render import as_json

    files = [{"path": f.path, "kind": f.kind, "slug": f.slug, "why": f.why} for f in checked.files]
    known = checked.baseline
    return {
        **as_json(files, checked.diagnostics),
        "hidden": checked.hidden,
        "baseline": None if known is None else {"accepted": known.accepted, "gone": known.gone},
    }


def _sarif(checked: Checked) -> dict[str, Any]:
    from orgruntime import __version__
    from orgruntime.api.baselines import fingerprints
    from orgruntime.api.checking import explain
    from orgruntime.diagnostics.exchange import sarif

    return sarif(checked.diagnostics, fingerprints(checked), explain, __version__)
