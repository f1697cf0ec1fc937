"""A search problem whose truth is known, for two arms that run it in their own way: as a program of an org's workspace
(awk, since an interpreter's start would be longer than a short trial), and as a function.

Four constants in [0, 1], the default of each 0.5. The true loss is 2 at the optimum and 2 + headroom at the default,
quadratic between; where the optimum lies follows from the world's seed. A run shows the true loss plus luck, half of
whose variance belongs to its seed, and on the way there a curve that falls like 1/f and whose height is the
constants' own, so that curves cross. Invariant: both forms give the same figures for the same constants and seed.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from random import Random

KNOBS = 4
FRACTIONS = (0.125, 0.25, 0.5, 1.0)
FLOOR, SD, LAG = 2.0, 0.1, 0.05
HEADROOM = {"typical": 1.0, "slight": 0.2, "null": 0.0}
"""What can be gained at most. The spread of single runs is 0.1."""
_MODULUS, _FACTOR = 2**31 - 1, 48271

_AWK = """# awk -v seed=SEED -f trial.awk train.py
function step(s) { return (s * 48271) % 2147483647 }
function unit(s) { return (s + 0.5) / 2147483647 }
function gauss(s,   u) {
  s = step(step(step(s))); u = unit(s)
  return sqrt(-2 * log(u)) * cos(6.283185307179586 * unit(step(step(s))))
}
/^X[0-9] = / { x[substr($1, 2) + 0] = $3 + 0 }
END {
  split("OPTIMUM", optimum, " "); split("SHARES", share, " ")
  own = 7
  for (i = 0; i < KNOBS; i++) {
    loss += HEADROOM * share[i + 1] * ((x[i] - optimum[i + 1]) / 0.25) ^ 2
    own = step((own + int(x[i] * 1000000 + 0.5) + 1) % 2147483647)
  }
  seed = seed % 2147483647
  luck = sqrt(0.5) * (gauss(seed + 1) + gauss(step((own + seed) % 2147483647)))
  end = FLOOR + loss + SD * luck
  slow = 0.5 + unit(step(step(own)))
  split("FRACTIONS", at, " ")
  for (i = 1; i <= 4; i++) {
    system("exec sleep " (at[i] - (i > 1 ? at[i - 1] : 0)) * SECONDS)
    printf "progress %g loss %.6f\\n", at[i], end + LAG * slow * (1 / at[i] - 1); fflush()
  }
  printf "---\\nloss: %.6f\\n", end
}
"""


@dataclass(frozen=True)
class World:
    headroom: float
    seed: int
    seconds: float
    """Of a trial that runs to its end."""

    @cached_property
    def _terms(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Optimum and share of the headroom, of each constant."""
        draw = Random(f"world {self.seed}")
        shares = [0.4, 0.3, 0.2, 0.1]
        draw.shuffle(shares)
        return tuple(draw.choice((0.25, 0.75)) for _ in range(KNOBS)), tuple(shares)

    def true_loss(self, x: Sequence[float]) -> float:
        optimum, shares = self._terms
        off = (share * ((at - best) / 0.25) ** 2 for at, best, share in zip(x, optimum, shares, strict=True))
        return FLOOR + self.headroom * sum(off)

    def true_gain(self, x: Sequence[float]) -> float:
        """Over the default; positive is better."""
        return self.true_loss((0.5,) * KNOBS) - self.true_loss(x)

    def curve(self, x: Sequence[float], seed: int) -> list[float]:
        """What a run shows at each of `FRACTIONS`."""
        own = 7
        for at in x:
            own = _step((own + int(at * 1e6 + 0.5) + 1) % _MODULUS)
        seed %= _MODULUS
        luck = math.sqrt(0.5) * (_gauss(seed + 1) + _gauss(_step((own + seed) % _MODULUS)))
        end, slow = self.true_loss(x) + SD * luck, 0.5 + _unit(_step(_step(own)))
        return [end + LAG * slow * (1 / f - 1) for f in FRACTIONS]

    def played(self, x: Sequence[float], seed: int) -> Iterator[tuple[float, float]]:
        """A run in its own time: (fraction, loss)."""
        before = 0.0
        for f, loss in zip(FRACTIONS, self.curve(x, seed), strict=True):
            time.sleep((f - before) * self.seconds)
            before = f
            yield f, loss

    def write(self, folder: Path) -> None:
        """The program: `awk -v seed=SEED -f trial.awk train.py`."""
        optimum, shares = self._terms
        script = _AWK.replace("OPTIMUM", " ".join(map(str, optimum))).replace("SHARES", " ".join(map(str, shares)))
        script = script.replace("FRACTIONS", " ".join(map(str, FRACTIONS)))
        for word, value in (
            ("KNOBS", KNOBS),
            ("HEADROOM", self.headroom),
            ("FLOOR", FLOOR),
            ("SD", SD),
            ("LAG", LAG),
            ("SECONDS", self.seconds),
        ):
            script = script.replace(word, f"{value:g}")
        (folder / "trial.awk").write_text(script)
        (folder / "train.py").write_text("".join(f"X{i} = 0.5  # 0.0 .. 1.0\n" for i in range(KNOBS)))


def read_constants(text: str) -> tuple[float, ...]:
    """Of a `train.py`, in order."""
    rows = dict(line.split("=", 1) for line in text.splitlines() if line.startswith("X"))
    found = {name.strip(): float(value.split("#")[0]) for name, value in rows.items()}
    return tuple(found[f"X{i}"] for i in range(KNOBS))


def _step(s: int) -> int:
    return s * _FACTOR % _MODULUS


def _unit(s: int) -> float:
    return (s + 0.5) / _MODULUS


def _gauss(s: int) -> float:
    s = _step(_step(_step(s)))
    return math.sqrt(-2 * math.log(_unit(s))) * math.cos(6.283185307179586 * _unit(_step(_step(s))))
