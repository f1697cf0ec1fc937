"""The words for a dial, in order: each at most as willing as the next, and as the presets where they mean one."""

from __future__ import annotations

import pytest

from orgruntime.model.appetite import PRESETS, SETTINGS, Appetite, BlastRadius, Preset, Setting

DIALS = [name for name in Appetite.model_fields if name != "preset"]
LEVELS = (Setting.AVERSE, Setting.MINIMAL, Setting.CAUTIOUS, Setting.OPEN, Setting.EAGER)
STRICTER_UPWARDS = {"smallest_win", "keep_per_rung"}
"""Of these a larger number is the more careful one: a larger win is asked for, more trials run to their end."""


def willingness(dial: str, setting: Setting) -> tuple[float, ...]:
    value = getattr(SETTINGS[setting], dial)
    if isinstance(value, BlastRadius):
        return tuple(float(number) for number in value.model_dump().values())
    return (-value if dial in STRICTER_UPWARDS else value,)


@pytest.mark.parametrize("dial", DIALS)
def test_each_word_is_at_most_as_willing_as_the_next(dial: str) -> None:
    words = [willingness(dial, setting) for setting in Setting]
    for lower, upper in zip(words, words[1:], strict=False):
        assert all(one <= other for one, other in zip(lower, upper, strict=True))
    levels = [willingness(dial, level) for level in LEVELS]
    assert len(set(levels)) == len(LEVELS), "no two levels are the same"


def test_there_are_eight_dials_and_a_preset_means_itself() -> None:
    assert len(DIALS) == 8
    for preset in Preset:
        assert SETTINGS[Setting(preset.value)] == PRESETS[preset]
    assert set(SETTINGS) == set(Setting)
