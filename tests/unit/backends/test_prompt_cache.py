"""A recorded step of twenty calls, played again: most of what its model reads is in the prefix that a server keeps."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[3] / "benchmarks"))

from prompt_cache import FLOOR, RECORDED, Played, share_kept, usages

from orgruntime.model.dialogue import ModelCall
from orgruntime.testing.messages_bill import Counter


@pytest.fixture(scope="module")
def calls() -> list[ModelCall]:
    return Played(RECORDED).calls


@pytest.mark.parametrize("bytes_a_token", [1, 4])
def test_four_fifths_of_a_step_are_read_from_the_cache(calls: list[ModelCall], bytes_a_token: int) -> None:
    assert len(calls) == 20
    assert share_kept(list(usages(calls, Counter(bytes_a_token, FLOOR)))) >= 0.8


def test_a_step_of_the_same_role_finds_its_prompt_there(calls: list[ModelCall]) -> None:
    """Program, role and tools are the same bytes in every step: all that comes before the brief is read."""
    counter = Counter(1, FLOOR)
    list(usages(calls, counter))
    other = calls[0].model_copy(update={"messages": (calls[0].messages[0].model_copy(
        update={"content": ({"type": "text", "text": "another brief"},)}),)})  # fmt: skip
    (first,) = usages([other], counter)
    assert first.cache_read > 0.9 * (first.tokens - first.output)
