"""Diagnostics for other programs: SARIF 2.1.0 and the workflow commands of GitHub Actions.

Knows nothing of how they were found. Invariant: no text of a file can end a workflow command, begin another, or leave
the string that it stands in.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from orgruntime.diagnostics.baseline import Fingerprints
from orgruntime.diagnostics.diagnostic import Diagnostic, Severity, in_order
from orgruntime.diagnostics.render import printable

SARIF_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}
_COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}


def sarif(
    diagnostics: Iterable[Diagnostic], prints: Fingerprints, page: Callable[[str], str], version: str
) -> dict[str, Any]:
    """One SARIF 2.1.0 log with one run. `page` gives the markdown of a code; only rules that were found are listed.

    Columns count code points, and the end is exclusive, as SARIF has it. Paths become URI references as they stand.
    """
    found = in_order(diagnostics)
    rules = {one.code: one for one in found}
    order = sorted(rules)
    driver = {
        "name": "orgrun",
        "version": version,
        "informationUri": "https://github.com/orgruntime/orgruntime",
        "rules": [_rule(rules[code], page(code)) for code in order],
    }
    results = [_result(one, order.index(one.code), name) for one, name in zip(found, prints.of(found), strict=True)]
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return {"$schema": SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}


def github(diagnostics: Iterable[Diagnostic]) -> str:
    """One workflow command a diagnostic: an annotation at its place."""
    return "".join(_command(found) + "\n" for found in in_order(diagnostics))


def _rule(found: Diagnostic, page: str) -> dict[str, Any]:
    return {
        "id": found.code,
        "name": found.name,
        "shortDescription": {"text": found.name.replace("-", " ")},
        "help": {"text": page, "markdown": page},
        "defaultConfiguration": {"level": _LEVELS[found.severity]},
    }


def _result(found: Diagnostic, rule: int, fingerprint: str) -> dict[str, Any]:
    span = found.span
    said = [found.message, *([f"help: {found.help}"] if found.help else []), *(f"note: {one}" for one in found.notes)]
    region = {
        "startLine": span.line,
        "startColumn": span.column,
        "endLine": span.end_line,
        "endColumn": span.end_column,
    }
    return {
        "ruleId": found.code,
        "ruleIndex": rule,
        "level": _LEVELS[found.severity],
        "message": {"text": printable("; ".join(said))},
        "locations": [{"physicalLocation": {"artifactLocation": {"uri": _uri(span.file)}, "region": region}}],
        "partialFingerprints": {"orgrun/v1": fingerprint},
    }


def _uri(file: str) -> str:
    """A reference that cannot be taken for one with a scheme: a colon in the first segment is quoted too."""
    path = PurePath(file)
    return path.as_uri() if path.is_absolute() else quote(os.fsencode(path))


def _command(found: Diagnostic) -> str:
    span = found.span
    values: dict[str, object] = {"file": span.file, "line": span.line, "col": span.column, "endLine": span.end_line}
    if span.end_line == span.line:
        values["endColumn"] = span.end_column
    values["title"] = f"{found.code} {found.name}"
    said = "\n".join([printable(found.message), *([f"help: {printable(found.help)}"] if found.help else [])])
    fields = ",".join(f"{key}={_property(printable(str(value)))}" for key, value in values.items())
    return f"::{_COMMANDS[found.severity]} {fields}::{_data(said)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
