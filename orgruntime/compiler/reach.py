"""How an org says where something is reached: addresses, and names of the variables that hold keys. Reaches nothing.

Invariant: no key is ever bound, and none is quoted in a finding.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from orgruntime.compiler import reading_rules
from orgruntime.compiler.fields import Fields
from orgruntime.diagnostics.diagnostic import Findings

_KEYED = ("key", "token", "secret", "password", "auth")
"""Words in the names of query parameters that hold keys."""


def read_address(fields: Fields, key: str, findings: Findings) -> str | None:
    """An http address without a key in it."""
    node = fields.scalar(key)
    if node is None:
        return None
    text, path = node.text.strip(), fields.path(key)
    parts = _parts(text)
    if parts is None:
        findings.put(node.span, reading_rules.bad_value.no_address(path))
        return None
    netloc, query = parts
    if "@" in netloc or any(word in name for name in query for word in _KEYED):
        findings.put(node.span, reading_rules.bad_value.key_in_address(path))
        return None
    return text


def read_variable(fields: Fields, key: str, findings: Findings) -> str | None:
    """The name of an environment variable."""
    node = fields.scalar(key)
    if node is None:
        return None
    if re.fullmatch(r"[A-Za-z_]\w*", node.text.strip()) is None:
        findings.put(node.span, reading_rules.bad_value.no_variable(fields.path(key)))
        return None
    return node.text.strip()


def _parts(address: str) -> tuple[str, list[str]] | None:
    """Host with port, and the names of the query; None for what is no http address."""
    if re.fullmatch(r"https?://\S+", address) is None:
        return None
    try:
        parts = urlsplit(address)
        _ = parts.port
    except ValueError:
        return None
    names = [pair.partition("=")[0].casefold() for pair in re.split(r"[&;]", parts.query)]
    return (parts.netloc, names) if parts.hostname else None
