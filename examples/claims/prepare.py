"""The frozen half: data, budget, evaluation, and what is printed as the metric.

Two arms of a spiral, to be told apart by where a point lies. One training label in five is wrong; the labels that judge
are right. `train.py` may be edited by anybody; this file judges it and may not.

Invariant: the metric is a function of (train.py, seed, budget, split). Time and load do not enter.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"
os.environ["OPENBLAS_NUM_THREADS"] = "1"

import argparse
import sys
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

Array = np.ndarray
Predict = Callable[[Array], Array]
"""Points (n, 2) -> the log-odds (n,) that each belongs to the second arm."""

TRAIN, JUDGED = 600, 2000
WRONG_LABELS = 0.2
FULL_BUDGET = 150_000
"""Training examples that may be looked at, each look counted."""


class Data(NamedTuple):
    points: Array
    labels: Array


def spiral(seed: int, count: int, wrong: float) -> Data:
    """Points near two interleaved arms of a spiral, on scales that differ tenfold between the axes."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, count)
    along = np.sqrt(rng.uniform(0.02, 1.0, count)) * 3.0 * np.pi
    angle = along + np.pi * labels
    points = np.stack([along * np.cos(angle), 0.1 * along * np.sin(angle)], axis=1)
    points += rng.normal(0.0, 0.35, points.shape) * [1.0, 0.1]
    flipped = rng.uniform(size=count) < wrong
    return Data(points, np.where(flipped, 1 - labels, labels))


def training_data() -> Data:
    return spiral(11, TRAIN, WRONG_LABELS)


class Budget:
    """Hands out looks at training examples, and no more than there are."""

    def __init__(self, share: float) -> None:
        self.total = int(FULL_BUDGET * share)
        self.left = self.total

    def take(self, examples: int) -> bool:
        """Whether so many may still be looked at; then they are spent."""
        if examples < 1 or examples > self.left:
            return False
        self.left -= examples
        return True

    @property
    def spent_share(self) -> float:
        return 1.0 - self.left / self.total


def judge(predict: Predict, split: str) -> float:
    """Mean loss in nats on 2,000 points with right labels: `val` for the climb, `holdout` for the verifier alone."""
    points, labels = spiral({"val": 12, "holdout": 13}[split], JUDGED, 0.0)
    odds = np.asarray(predict(points.copy()), dtype=float)
    if odds.shape != labels.shape or not np.isfinite(odds).all():
        sys.exit(f"predict must give {labels.shape} finite numbers, not {odds.shape}")
    # One point at a time must say the same: a prediction may not lean on the other points.
    alone = float(np.asarray(predict(points[:1].copy()), dtype=float)[0])
    if abs(alone - odds[0]) > 1e-6:
        sys.exit("predict gives another answer for a point alone than among others")
    return float(np.mean(np.logaddexp(0.0, np.where(labels == 1, -odds, odds))))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Trains on a noisy spiral and prints val_loss.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--budget", type=float, default=1.0, help="share of the full budget, in (0, 1]")
    parser.add_argument("--split", choices=["val", "holdout"], default="val")
    return parser.parse_args()


def report(loss: float, steps: int) -> None:
    print("---")
    print(f"val_loss: {loss:.6f}")
    print(f"steps:    {steps}")
