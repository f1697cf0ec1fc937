"""Fits a polynomial to noisy points by gradient descent. This is the file to change."""

import random

from judge import points, score

RATE = 0.05  # 0.001 .. 0.5, log
DEGREE = 2  # 1 | 2 | 3 | 4 | 5
STEPS = 200  # 50 | 100 | 200 | 400


def main():
    rng = random.Random()
    weights = [0.0] * (DEGREE + 1)
    data = points(rng)
    for _ in range(STEPS):
        x, y = rng.choice(data)
        error = sum(weight * x**power for power, weight in enumerate(weights)) - y
        weights = [weight - RATE * 2 * error * x**power for power, weight in enumerate(weights)]
    print("---")
    print(f"loss: {score(weights):.6f}")


main()
