"""Near words: slips are offered, other words are not."""

from __future__ import annotations

import pytest

from orgruntime.diagnostics.nearest import did_you_mean, edit_distance, nearest

KEYS = ("format", "objective", "workspace", "risk", "budget", "models", "tools", "imports")


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("buget", "budget"),
        ("objetcive", "objective"),
        ("Workspace", "workspace"),
        ("model", "models"),
        ("tool", "tools"),
    ],
)
def test_slips_find_their_word(word: str, meant: str) -> None:
    assert nearest(word, KEYS) == meant


@pytest.mark.parametrize("word", ["webhook", "x", "", "schedule", "secrets"])
def test_other_words_find_nothing(word: str) -> None:
    assert nearest(word, KEYS) is None


def test_where_nothing_is_near_a_short_list_is_shown() -> None:
    assert did_you_mean("zzz", ("seed", "budget")) == "known: `seed`, `budget`"
    assert did_you_mean("zzz", [f"name{i}" for i in range(50)]) == ""


def test_a_swap_is_one_edit() -> None:
    assert edit_distance("trian", "train") == 1
    assert edit_distance("kitten", "sitting") == 3
