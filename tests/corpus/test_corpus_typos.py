"""A slip of one stroke in front matter never goes unsaid: the reading stays the same, or there is a new finding."""

from __future__ import annotations

import random

import pytest
from corpus_readings import FILES, meaning, names, read
from corpus_typos import typos

from orgruntime.diagnostics.diagnostic import Severity

_NOT_YAML = ("ORG109", "ORG127")


def _valid() -> list[str]:
    found = []
    for name in names():
        role, diagnostics = read((FILES / name).read_bytes(), name)
        sound = all(one.severity is Severity.INFO and one.code not in _NOT_YAML for one in diagnostics)
        if sound and role is not None and role.text.startswith("---\n") and "\n---\n" in role.text and role.body:
            found.append(name)
    return found


VALID = _valid()


def test_there_are_valid_files_of_every_dialect() -> None:
    assert {"claude", "copilot", "opencode", "gemini", "deepagents", "paperclip"} <= {n.split("/")[0] for n in VALID}
    assert len(VALID) >= 35


@pytest.mark.parametrize("name", VALID)
def test_no_typo_is_silent(name: str) -> None:
    """A sample of 25 a file; all 6,000 of them hold, in 10 s."""
    role, before = read((FILES / name).read_bytes(), name)
    assert role is not None
    said = {(one.code, one.message) for one in before}
    every = list(typos(role.text))
    for typo in random.Random(name).sample(every, min(25, len(every))):
        other, after = read(typo.text.encode(), name)
        is_new = {(one.code, one.message) for one in after} - said
        is_same = other is not None and meaning(other) == meaning(role)
        assert is_new or is_same, f"{typo.what}:\n{typo.text[:600]}"
