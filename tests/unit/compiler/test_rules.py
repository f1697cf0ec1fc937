"""Rules that lean on a number or a list of elsewhere, and on files of a workspace that nobody may trust."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orgruntime.compiler import compile_org
from orgruntime.compiler.rules.budget_below_baseline import BASELINE_TRIALS
from orgruntime.compiler.rules.unknown_accelerator import ACCELERATORS
from orgruntime.compiler.sections import sentences


def codes(org: Path) -> list[str]:
    return [found.code for found in compile_org(org).diagnostics]


def change(org: Path, old: str, new: str) -> None:
    program = org / "program.md"
    text = program.read_text()
    assert old in text
    program.write_text(text.replace(old, new, 1))


def test_the_noise_floor_is_what_the_scheduler_measures() -> None:
    from orgruntime.scheduler.noise import NOISE_RUNS

    assert BASELINE_TRIALS == NOISE_RUNS


def test_accelerators_are_those_that_ray_detects() -> None:
    from ray.util.accelerators import accelerators

    known = {value for name, value in vars(accelerators).items() if isinstance(value, str) and name[0].isupper()}
    known.discard(accelerators.__name__)
    assert set(ACCELERATORS) <= known


def test_a_pipe_in_the_workspace_is_not_read(org: Path) -> None:
    os.mkfifo(org.parent / "lab" / "aaa.py")
    change(org, "metric: val_loss", "metric: accuracy")
    assert codes(org) == ["ORG414"]


def test_a_link_out_of_the_workspace_is_not_read(org: Path, tmp_path: Path) -> None:
    (tmp_path / "other.py").write_text("accuracy = 1\n")
    (org.parent / "lab" / "linked.py").symlink_to(tmp_path / "other.py")
    change(org, "metric: val_loss", "metric: accuracy")
    assert codes(org) == ["ORG414"]


@pytest.mark.parametrize(
    "text",
    [
        "print(f'{name}: {value}')",
        "print('%s: %f' % pair)",
        "import json; json.dump(results, out)",
        "print('accuracy', '0.5')",
        "NAME = 'accuracy'",
    ],
)
def test_what_cannot_be_seen_is_not_complained_of(org: Path, text: str) -> None:
    (org.parent / "lab" / "train.py").write_text(text)
    change(org, "metric: val_loss", "metric: accuracy")
    assert codes(org) == []


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("Balanced.", 0),
        ("We are cautious with data.", 0),
        ("Exploration: 30 %.", 0),
        ("Exploration: 0.3 of GPU time, doubled when stuck.", 0),
        ("Exploration: 31 %.", 1),
        ("Proof: at most 1 in 20 champions may be false.", 0),
        ("Proof: at most 1 in 30 champions may be false.", 1),
        ("Smallest win that counts: 0.5 x noise.", 0),
        ("Smallest win that counts: 1.5 × noise.", 1),
        ("Largest stake: 5 % and dry spell: 25 %.", 0),
        ("Keep 1.5 files, and 12 experiments.", 0),
    ],
)
def test_numbers_in_words(org: Path, words: str, found: int) -> None:
    change(org, "## Roles", f"## Risk appetite\n\n{words}\n\n## Roles")
    assert codes(org) == ["ORG419"] * found


def test_sentences_do_not_end_inside_of_a_word() -> None:
    text = "Edit train.py. Keep v1.2; not more\n\n- one 0.5\n- two"
    assert [text[a:b].strip(" .;\n") for a, b in sentences(text, 0)] == [
        "Edit train.py", "Keep v1.2", "not more", "- one 0.5", "- two",
    ]  # fmt: skip
