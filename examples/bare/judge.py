"""Draws the points and keeps the score: the mean squared distance from the curve. Frozen."""

import math


def curve(x):
    return math.sin(3 * x) + 0.5 * x


def points(rng):
    places = [n / 20 - 1 for n in range(41)]
    return [(x, curve(x) + rng.gauss(0, 0.1)) for x in places]


def score(weights):
    places = [n / 100 - 1 for n in range(201)]
    errors = [sum(weight * x**power for power, weight in enumerate(weights)) - curve(x) for x in places]
    return sum(error * error for error in errors) / len(errors)
