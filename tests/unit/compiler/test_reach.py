"""Addresses, variables and tool servers: no key is bound, and none is quoted."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orgruntime.compiler import compile_org
from orgruntime.compiler.command import split

QUIET = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
SECRET = "hunter2hunter2"
MODEL = "models:\n  own: {{model: q, base_url: '{}'}}\n  default: search/tpe\n"
SERVER = "models: {{default: search/tpe}}\nmcp_servers:\n  own: {{url: '{}'}}\n"


def findings(org: Path, front: str) -> list[str]:
    program = org / "program.md"
    before = program.read_text()
    program.write_text(before.replace("models: {default: search/tpe}\n", front))
    found = compile_org(org)
    program.write_text(before)
    assert found.manifest is None or SECRET not in found.manifest.model_dump_json()
    return [f"{one.code} {one.message} {one.help}" for one in found.diagnostics]


@pytest.mark.parametrize(
    "url",
    [
        f"https://me:{SECRET}@example.org",
        f"https://{SECRET}@example.org/v1",
        f"https://example.org?api_key={SECRET}",
        f"https://example.org/x?a=1&access_token={SECRET}",
        f"https://example.org/x?Authorization={SECRET}",
    ],
)
@pytest.mark.parametrize("where", [MODEL, SERVER], ids=["model", "server"])
def test_a_key_in_an_address_is_refused_and_not_quoted(org: Path, url: str, where: str) -> None:
    found = findings(org, where.format(url))
    assert any("has a key or a password in it" in one for one in found)
    assert not any(SECRET in one for one in found)


@pytest.mark.parametrize(
    "url", ["ftp://x", "http://", "http:///x", "http://[::1", "http://x:99999", "localhost:1", "http://a b"]
)
def test_what_is_no_address_is_said(org: Path, url: str) -> None:
    found = findings(org, MODEL.format(url))
    assert any("is not an http address" in one for one in found)


@pytest.mark.parametrize("url", ["http://[::1]:8000", "http://localhost:11434", "https://h.example.org/a?keep=1"])
def test_an_address_is_taken_as_it_stands(org: Path, url: str) -> None:
    assert findings(org, MODEL.format(url)) == []


@QUIET
@given(words=st.lists(st.text(st.characters(codec="ascii", categories=("L", "N")), min_size=1), min_size=1, max_size=4))
def test_a_command_is_the_same_as_a_list_and_as_a_line(org: Path, words: list[str]) -> None:
    program = org / "program.md"
    before, made = program.read_text(), []
    for command in (str([*words]).replace("'", '"'), '"' + " ".join(words) + '"'):
        more = f"mcp_servers: {{own: {{command: {command}}}}}\ntools: [Read, mcp__own]\nmodels:"
        program.write_text(before.replace("models:", more))
        manifest = compile_org(org).manifest
        assert manifest is not None
        made.append(manifest.servers[0].command)
    program.write_text(before)
    assert made[0] == made[1] == tuple(words) == split(" ".join(words))
