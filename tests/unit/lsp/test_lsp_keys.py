"""The table of keys against what the compiler knows: what it calls unknown, and which words it offers instead."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from orgruntime.compiler import compile_org, read_role_files
from orgruntime.diagnostics.codes import LIKELY_TYPO
from orgruntime.diagnostics.diagnostic import Diagnostic
from orgruntime.lsp import keys
from orgruntime.lsp.keys import Key

_NO_WORD = "zzzqqq"


def known(findings: tuple[Diagnostic, ...]) -> set[str]:
    """The keys that the finding about the unknown word lists."""
    helps = [one.help for one in findings if f"`{_NO_WORD}`" in one.message and one.help.startswith("known: ")]
    assert len(helps) == 1, findings
    return set(re.findall(r"`([^`]+)`", helps[0]))


def check(tmp_path: Path, name: str, front: str) -> tuple[Diagnostic, ...]:
    path = tmp_path / name
    path.write_text(f"---\n{front}\n---\n# Title\n\nWords.\n", encoding="utf-8")
    return (compile_org(tmp_path) if name == "program.md" else read_role_files([path])).diagnostics


@pytest.mark.parametrize(
    ("front", "table"),
    [
        (f"format: orgruntime/1\n{_NO_WORD}: 1", keys.PROGRAM),
        *(
            (f"{name}: {{{_NO_WORD}: 1}}", keys.PROGRAM[name].keys)
            for name in ("objective", "workspace", "risk", "budget")
        ),
        (f"risk: {{blast_radius: {{{_NO_WORD}: 1}}}}", keys.PROGRAM["risk"].keys["blast_radius"].keys),
        (f"models: {{mine: {{{_NO_WORD}: 1}}}}", keys.MODEL),
    ],
)
def test_the_compiler_and_the_table_know_the_same_keys(tmp_path: Path, front: str, table: Mapping[str, Key]) -> None:
    assert known(check(tmp_path, "program.md", front)) == set(table)


@pytest.mark.parametrize(
    ("front", "table"),
    [
        (f"org: {{{_NO_WORD}: 1}}", keys.HINTS),
    ],
)
def test_the_reader_of_roles_and_the_table_know_the_same_hints(
    tmp_path: Path, front: str, table: Mapping[str, Key]
) -> None:
    assert known(check(tmp_path, "scout.md", front)) == set(table)


def test_keys_of_role_files_are_read(tmp_path: Path) -> None:
    front = "\n".join(f"{name}: {{}}" if name in ("org", "metadata") else f"{name}: x" for name in keys.ROLE)

    assert not [
        one for one in check(tmp_path, "scout.md", front) if one.code == LIKELY_TYPO.id or "not read" in one.message
    ]


@pytest.mark.parametrize("table", [keys.PROGRAM, keys.ROLE, keys.RESOURCES])
def test_every_key_has_words(table: Mapping[str, Key]) -> None:
    for name, key in table.items():
        assert key.doc.endswith("."), name
        assert all(inner.doc.endswith(".") for inner in key.keys.values()), name


def test_values_and_examples_are_taken(tmp_path: Path) -> None:
    """Each word and example of the table, at its key, gives no finding about that key."""
    for path, key in _leaves(keys.PROGRAM):
        for value in (*key.values, *filter(None, [key.example])):
            if path[0] in ("workspace", "models", "imports"):
                continue
            front = "".join(f"{name}: {{" for name in path[:-1]) + f"{path[-1]}: {value}" + "}" * (len(path) - 1)
            said = [
                one
                for one in check(tmp_path, "program.md", front)
                if ".".join(path) in one.message and value in one.message
            ]
            assert said == [], (front, said)


def _leaves(table: Mapping[str, Key], above: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Key]]:
    found = []
    for name, key in table.items():
        found.append(((*above, name), key))
        found += _leaves(key.keys, (*above, name))
    return found
