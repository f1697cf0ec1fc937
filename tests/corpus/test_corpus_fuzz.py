"""Bytes of any kind: the reader answers, says where, and never raises; a megabyte of anything does not hang it."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest
from corpus_readings import FILES, meaning, names, read
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orgruntime.api.fixing import fix_paths
from orgruntime.compiler import compile_org
from orgruntime.orgfile.source import MAX_FILE_BYTES

SLACK = 10
LIMIT_S = 2.0

_PIECES = st.sampled_from(
    [
        b"---", b"---\n", b"-----\n", b"...\n", b"\n", b"\r\n", b"\r", b"\xef\xbb\xbf", b" ", b"\t", b": ", b":",
        b"#", b"# ", b"name: ", b"description: ", b"tools:", b"model: ", b"org: {", b"metadata:\n  ", b"- ", b"[", b"]",
        b"{", b"}", b"'", b'"', b"\\", b"\\n", b"*", b"&a ", b"!x ", b"|", b">-", b"%", b"@", b"`", b"```yaml\n",
        b"```\n", b"<!--", b"-->", b"<example>", b"user: ", b"x", b"Read, ", b"Bash(git *)", b"\x00", b"\xff", b"true",
        b"\xe2\x80\xa8", b"\xc2\x85", "\u200b".encode(), "\U0001f52c".encode(), b"null", b"~", b"<<: ", b"? ",
        b"| a | b |\n|---|---|\n",
    ]
)  # fmt: skip
_BYTES = st.one_of(st.binary(max_size=200), st.lists(_PIECES, max_size=40).map(b"".join))


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(_BYTES)
def test_bytes_are_answered_with_places_inside_the_file(data: bytes) -> None:
    role, diagnostics = read(data)
    assert role is not None or diagnostics
    lines = data.count(b"\n") + data.count(b"\r") + 1
    for one in diagnostics:
        assert 1 <= one.span.line <= one.span.end_line <= lines
        assert one.span.column >= 1
        assert one.message
        assert "\n" not in one.message


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(_BYTES)
def test_a_fix_of_anything_keeps_the_reading(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "role.md"
    path.write_bytes(b"---\n" + data)
    before, _ = read(path.read_bytes())
    fix_paths([path])
    after, _ = read(path.read_bytes())
    assert (before is None) == (after is None)
    if before is not None and after is not None:
        assert meaning(after) == meaning(before)
    assert fix_paths([path]).files == ()


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(names()), st.integers(0, 2**32), st.integers(1, 8))
def test_corpus_files_cut_and_mixed_are_answered(name: str, seed: int, cuts: int) -> None:
    data = (FILES / name).read_bytes()
    rng = random.Random(seed)
    for _ in range(cuts):
        a, b = sorted(rng.randrange(len(data) + 1) for _ in range(2))
        data = rng.choice([data[:a] + data[b:], data[:a] + data[a:b] * 2 + data[b:], data[b:] + data[:a]])
    role, diagnostics = read(data)
    assert role is not None or diagnostics


def _of(unit: bytes, before: bytes = b"", after: bytes = b"") -> bytes:
    room = MAX_FILE_BYTES - len(before) - len(after)
    return before + (unit * (room // len(unit) + 1))[:room] + after


_END = b"\n---\nwords\n"
MEGABYTES = {
    "zeros": _of(b"\0"),
    "words": _of(b"word "),
    "lines": _of(b"\n"),
    "carriage returns": _of(b"\r"),
    "rules": _of(b"---\n"),
    "comments": _of(b"<!--"),
    "closed comments": _of(b"<!-- -->"),
    "code fences": _of(b"```\n"),
    "hidden": _of("\u200b".encode()),
    "quotes": _of(b"> "),
    "lists": _of(b"- "),
    "numbered": _of(b"1. a\n"),
    "headings": _of(b"# a\n"),
    "tables": _of(b"| a | b |\n|---|---|\n"),
    "bars": _of(b"|"),
    "brackets": _of(b"["),
    "links": _of(b"[a]: <b\n"),
    "html": _of(b"<div>\n"),
    "front of keys": _of(b"a: b\n", b"---\n", _END),
    "front of broken keys": _of(b"description: a: b\n", b"---\n", _END),
    "front of brackets": _of(b"[", b"---\nname: ", _END),
    "front of a long line": _of(b"a: ", b"---\ndescription: ", _END),
    "many short keys": b"---\n" + b"".join(b"k%d: a\n" % i for i in range(6000)) + b"x: y: z" + _END,
    "dialogue": b"---\ndescription: a: b\n" + b"user: c\nThing: d: e\n" * 3000 + _END,
    "stars": b"---\ntools: " + b"*, " * 20_000 + _END,
    "parentheses": b"---\ntools: " + b"(" * 60_000 + _END,
    "quoted": b"---\nname: " + b"'\"" * 30_000 + _END,
    "flow": b"---\nname: x\ntools: [" + b"a, " * 20_000 + b"]" + _END,
    "indented": _of(b"    a\n", b"    ---\n    name: x\n    ---\n"),
    "no heading": _of(b"words and words\n", b"---\ntools: Read\n---\n"),
}


@pytest.mark.parametrize("kind", MEGABYTES)
def test_a_megabyte_is_answered_in_time(kind: str) -> None:
    start = time.process_time()
    read(MEGABYTES[kind])
    assert time.process_time() - start < LIMIT_S * SLACK


@pytest.mark.parametrize("kind", ["words", "lists", "quotes", "tables", "links", "html", "headings", "front of keys"])
def test_a_megabyte_of_program_is_answered_in_time(kind: str, tmp_path: Path) -> None:
    (tmp_path / "program.md").write_bytes(MEGABYTES[kind])
    start = time.process_time()
    assert compile_org(tmp_path).diagnostics
    assert time.process_time() - start < LIMIT_S * SLACK


_HEAD = """---
format: orgruntime/1
objective: {metric: val_loss, direction: minimize}
workspace: {source: lab, editable: [train.py], run: "python train.py --seed {seed}", time_limit: 60s}
budget: {trials: 100}
models: {default: search/tpe}
---

# Much

"""
_ROLES = "## Roles\n\n| role | kind | count | model | resources |\n|---|---|---|---|---|\n"
MANY = {
    "rows that lead nowhere": _ROLES + "".join(f"| [R](roles/r{i}.md) | k{i} x | cpus: 1 |\n" for i in range(30_000)),
    "rows without an ending": _ROLES + "".join(f"| [R](roles/r{i}) | agent | | | |\n" for i in range(30_000)),
    "faulty rows of one role": _ROLES + "| [One](roles/one.md) | zz | gpu |\n" * 30_000,
    "handoffs that lead nowhere": "## Workflow\n\n"
    + "".join(f"1. [A](roles/a{i}.md) → [B](b{i}.md): `x{i}`\n" for i in range(25_000)),
    "handoffs of anything": "## Workflow\n\n"
    + "".join(f"1. [One](roles/one.md) → [Two](roles/two.md): `x{i}`, when y{i}\n" for i in range(20_000)),
}


@pytest.mark.parametrize("kind", MANY)
def test_a_megabyte_of_an_org_is_answered_in_time(kind: str, tmp_path: Path) -> None:
    (tmp_path / "program.md").write_bytes((_HEAD + MANY[kind]).encode()[:1_000_000])
    (tmp_path / "roles").mkdir()
    for name in ("one", "two", "three"):
        (tmp_path / "roles" / f"{name}.md").write_text(
            f"---\nname: {name}\norg: {{was: [old-{name}]}}\n---\n\nWords.\n"
        )
    start = time.process_time()
    assert len(compile_org(tmp_path).diagnostics) > 1_000
    assert time.process_time() - start < LIMIT_S * SLACK
