"""A small network that learns the noisy spiral. This is the one file to edit.

    python train.py --seed 1 --budget 1.0

The notes in `notes/` claim what should help. Nothing here follows them yet.
"""

from __future__ import annotations

import prepare  # before numpy, because it sets the number of threads

# isort: split
import numpy as np

LEARNING_RATE = 0.05  # 1e-3 .. 0.5, log
MOMENTUM = 0.0  # 0.0 .. 0.95
BATCH = 64  # 8 .. 256, log
HIDDEN = 24  # 8 .. 96, log
WEIGHT_DECAY = 0.0  # 0.0 .. 0.02
SMOOTHING = 0.0  # 0.0 .. 0.3 ; how far training labels are moved towards one half
SCALED = False  # False | True ; give both axes the same spread
AVERAGED = False  # False | True ; judge the mean of the weights over the last quarter


def main() -> None:
    given = prepare.arguments()
    rng, budget = np.random.default_rng(given.seed), prepare.Budget(given.budget)
    data = prepare.training_data()
    shift, scale = data.points.mean(axis=0), (data.points.std(axis=0) if SCALED else np.ones(2))
    points = (data.points - shift) / scale
    targets = data.labels * (1.0 - SMOOTHING) + SMOOTHING / 2.0

    shapes = {"w1": (2, HIDDEN), "b1": (HIDDEN,), "w2": (HIDDEN, HIDDEN), "b2": (HIDDEN,), "w3": (HIDDEN,), "b3": (1,)}
    weights = {name: rng.normal(0.0, 1.0 / np.sqrt(shape[0]), shape) for name, shape in shapes.items()}
    speed = {name: np.zeros(shape) for name, shape in shapes.items()}
    total = {name: np.zeros(shape) for name, shape in shapes.items()}
    steps = counted = 0
    while budget.take(BATCH):
        rows = rng.integers(0, len(points), BATCH)
        for name, gradient in gradients(weights, points[rows], targets[rows]).items():
            speed[name] = MOMENTUM * speed[name] - LEARNING_RATE * (gradient + WEIGHT_DECAY * weights[name])
            weights[name] = weights[name] + speed[name]
        steps += 1
        if budget.spent_share >= 0.75:
            counted += 1
            total = {name: total[name] + weights[name] for name in weights}
    if AVERAGED and counted:
        weights = {name: value / counted for name, value in total.items()}

    def predict(points: np.ndarray) -> np.ndarray:
        return forward(weights, (points - shift) / scale)[0]

    prepare.report(prepare.judge(predict, given.split), steps)


def forward(weights: dict[str, np.ndarray], points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Log-odds, and what both hidden layers say."""
    first = np.tanh(points @ weights["w1"] + weights["b1"])
    second = np.tanh(first @ weights["w2"] + weights["b2"])
    return second @ weights["w3"] + weights["b3"][0], first, second


def gradients(weights: dict[str, np.ndarray], points: np.ndarray, targets: np.ndarray) -> dict[str, np.ndarray]:
    """Of the mean loss, by hand."""
    odds, first, second = forward(weights, points)
    error = (1.0 / (1.0 + np.exp(-np.clip(odds, -60, 60))) - targets) / len(points)
    back2 = error[:, None] * weights["w3"] * (1.0 - second**2)
    back1 = back2 @ weights["w2"].T * (1.0 - first**2)
    return {
        "w3": second.T @ error, "b3": error.sum(keepdims=True),
        "w2": first.T @ back2, "b2": back2.sum(axis=0),
        "w1": points.T @ back1, "b1": back1.sum(axis=0),
    }  # fmt: skip


if __name__ == "__main__":
    main()
