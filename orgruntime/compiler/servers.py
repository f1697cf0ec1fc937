"""Servers of more tools: the `mcp_servers:` key. Starts none and reaches none.

Invariant: a server is either a local command, which gets no key, or an address; and its name can be told in the name
of each of its tools.
"""

from __future__ import annotations

import re

from orgruntime.compiler import reading_rules
from orgruntime.compiler.command import shell_signs, split
from orgruntime.compiler.fields import Fields
from orgruntime.compiler.keys import SERVER
from orgruntime.compiler.reach import read_address, read_variable
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.diagnostics.span import Span
from orgruntime.model.manifest import ToolServer
from orgruntime.model.tools import SERVER_PREFIX
from orgruntime.orgfile.tree import MapNode, ScalarNode

_MOST_LETTERS = 40
"""Of a name: a tool's whole name may have 128 letters at a model server."""


def bind_servers(parent: Fields, findings: Findings) -> tuple[ToolServer, ...]:
    """The entries of `mcp_servers:`, in order."""
    value = parent.value("mcp_servers")
    names = [name for name, _ in value.entries] if isinstance(value, MapNode) else []
    fields = parent.mapping("mcp_servers", [name.text for name in names])
    found = [_server(fields, name, findings) for name in names] if fields else []
    return tuple(server for server in found if server is not None)


def _server(parent: Fields, name: ScalarNode, findings: Findings) -> ToolServer | None:
    fields = parent.mapping(name.text, SERVER)
    if not _is_name(name, findings) or fields is None:
        return None
    command = _command(fields, findings)
    url, key = read_address(fields, "url", findings), read_variable(fields, "key_env", findings)
    if fields.has("command") == fields.has("url"):
        fault = reading_rules.bad_value.command_or_address(parent.path(name.text), both=fields.has("url"))
        findings.put(name.span, fault)
        return None
    if fields.has("command") and fields.has("key_env"):
        findings.put(fields.span("key_env"), reading_rules.bad_value.key_of_local_server(fields.path("key_env")))
    return ToolServer(name=name.text, command=command, url=url, key_env=key)


def _is_name(name: ScalarNode, findings: Findings) -> bool:
    text = name.text
    if re.fullmatch(r"[A-Za-z0-9_-]+", text) and "__" not in text and text == text.strip("_"):
        if len(text) <= _MOST_LETTERS:
            return True
        findings.put(name.span, reading_rules.bad_value.long_server_name(_MOST_LETTERS))
    else:
        findings.put(name.span, reading_rules.bad_value.no_server_name(text, f"{SERVER_PREFIX}NAME__TOOL"))
    return False


def _command(fields: Fields, findings: Findings) -> tuple[str, ...]:
    """The words of a list, or of one line that is split as a shell splits it."""
    value = fields.value("command")
    nodes = fields.words("command") or ()
    if not isinstance(value, ScalarNode) or not nodes:
        if value is not None and not isinstance(value, ScalarNode) and not nodes:
            _report(fields, value.span, "has no word", findings)
        return tuple(node.text for node in nodes)
    text = nodes[0].text.strip()
    for start, end in shell_signs(text):
        _report(fields, nodes[0].part(start, end), f"holds `{text[start:end]}`, and no shell runs it", findings)
    found = split(text)
    if found is None:
        _report(fields, value.span, "has a quote that is not closed", findings)
    return found or ()


def _report(fields: Fields, span: Span, fault: str, findings: Findings) -> None:
    findings.put(span, reading_rules.bad_value.server_command(fields.path("command"), fault))
