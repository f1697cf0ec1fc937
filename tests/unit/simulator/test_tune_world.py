"""The world in which an org and Ray Tune are compared: its two forms agree, and the figures follow from the records."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[3] / "benchmarks"))

from against_tune import Span, from_results, interval, ratios, spent
from tune_world import FRACTIONS, World, read_constants

WORLD = World(headroom=1.0, seed=3, seconds=0.0)


@pytest.mark.parametrize("seed", [0, 123456789, 2**31 - 1])
def test_the_program_and_the_function_show_the_same_curve(tmp_path: Path, seed: int) -> None:
    WORLD.write(tmp_path)
    text = (tmp_path / "train.py").read_text().replace("X1 = 0.5", "X1 = 0.123456789")
    (tmp_path / "train.py").write_text(text)
    command = ["awk", "-v", f"seed={seed}", "-f", "trial.awk", "train.py"]
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout.splitlines()
    shown = [float(line.split()[3]) for line in said[:4]]
    assert shown == pytest.approx(WORLD.curve(read_constants(text), seed), abs=1e-5)
    assert said[-1] == f"loss: {said[3].split()[3]}"


def test_the_headroom_is_the_gain_of_the_optimum() -> None:
    optimum = max(
        ((a, b, c, d) for a in (0.25, 0.75) for b in (0.25, 0.75) for c in (0.25, 0.75) for d in (0.25, 0.75)),
        key=WORLD.true_gain,
    )
    assert WORLD.true_gain(optimum) == pytest.approx(1.0)
    assert WORLD.true_gain((0.5,) * 4) == 0.0
    assert World(0.0, 3, 0.0).true_gain(optimum) == 0.0


def test_gpu_time_is_counted_up_to_a_moment() -> None:
    spans = [Span(0.0, 2.0, "useful", True), Span(1.0, 5.0, "wasted", True)]
    assert spent(spans, 3.0) == 4.0
    assert spent(spans, math.inf) == math.inf


def test_the_winner_of_tune_is_the_best_last_report() -> None:
    def row(x: float, loss: float, at: float, eighths: int) -> dict[str, object]:
        config = {"X0": x, "X1": 0.5, "X2": 0.5, "X3": 0.5}
        return {"config": config, "loss": loss, "start": at - 1, "at": at, "eighths": eighths}

    null = World(0.0, 3, 0.0)
    found = from_results([row(0.1, 3.0, 1, 8), row(0.2, 2.5, 3, 8), row(0.3, 2.8, 2, 8), row(0.4, 3.5, 4, 1)], null, 9)
    assert (found.moves, found.false_moves, found.false_winner, found.certified) == (3, 3, True, None)
    assert found.shares == {"useful": 0.75, "wasted": 0.25, "measuring": 0.0, "proof": 0.0}
    assert found.ended_early == 0.25
    assert found.reached == [math.inf, math.inf]


def test_ratios_are_paired_and_what_neither_reached_is_left_out() -> None:
    assert ratios([2.0, math.inf, 3.0, math.inf], [1.0, 5.0, math.inf, math.inf]) == [2.0, math.inf, 0.0]
    middle, low, high = interval([1.0, 2.0, 3.0])
    assert low <= middle == 2.0 <= high
    assert len(FRACTIONS) == 4
