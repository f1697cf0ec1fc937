"""Small working orgs, written out by `orgrun init`: an org, its roles and a toy workspace, in plain files.

Invariant: what is written compiles without findings, needs no key, no network and nothing but Python, and never
overwrites a file.
"""

from __future__ import annotations

from pathlib import Path

from orgruntime.api.errors import UserError
from orgruntime.importer.role_texts import REFEREE, TRAINER

_PROGRAM = """\
---
format: orgruntime/1
objective:
  metric: val_loss
  direction: minimize
workspace:
  source: workspace
  editable: [model.py]
  run: python measure.py --seed {seed} --budget {budget}
  time_limit: 20s
risk: {preset: balanced, dry_spell: 60%, largest_stake: 10%}
budget: {trials: 120, wall_clock: 10m}
---

# @TITLE@

We fit a small model of a noisy curve and look for changes of `model.py` that lower its loss on points it has not seen.
A trial takes a fraction of a second, so this org shows in less than a minute what a run is. Make it yours: point
`workspace.source` at your own repository, and say in `objective.metric` which number your program prints.

## Standing orders

1. The baseline comes first: no change counts before the noise floor is known.
2. All else being equal, simpler is better.
3. `model.py` is yours. Everything else is the judge.

## Risk appetite

Balanced, with a longer dry spell and a larger stake than usual: the budget is small, and proof takes a good part of it.

"""

_SOLO = """\
## Roles

| role | kind | count | model | resources |
|---|---|---|---|---|
| [Scientist](roles/scientist.md) | agent | 1 | search/tpe | |
"""

_LAB = """\
## Roles

| role | kind | count | model | resources |
|---|---|---|---|---|
| [Researcher](roles/researcher.md) | agent | 2 | search/tpe, search/cmaes | |
| [Trainer](roles/trainer.md) | experiment | | | cpus: 1 |
| [Referee](roles/referee.md) | verifier | | | cpus: 1 |
| [Scribe](roles/scribe.md) | agent | 1 | digest/ledger | |

## Workflow

1. [Researcher](roles/researcher.md) → [Trainer](roles/trainer.md): `proposal`
2. [Trainer](roles/trainer.md) → [Referee](roles/referee.md): `result`, when promising
3. [Trainer](roles/trainer.md) → [Researcher](roles/researcher.md): `result`, when crashed, at most once
4. [Scribe](roles/scribe.md) every 20 trials: `memo`
"""

_SCIENTIST = """\
---
name: Scientist
description: Proposes one change of model.py at a time and learns from what was measured.
---

You improve a small program by experiments. Read what was tried before and what became of it. Propose one change at a
time, say what you expect of it and why, and never try again what was measured already.
"""

_RESEARCHER = _SCIENTIST.replace("Scientist", "Researcher")

_SCRIBE = """\
---
name: Scribe
description: Writes a memo from the ledger's facts.
---

Every so often, say in a few lines what was tried, what worked, what did not, and what it cost.
"""

_MODEL = '''\
"""The model under research: a polynomial, fitted by gradient descent. Every line here may be changed."""

LEARNING_RATE = 0.01  # 0.001 .. 0.5, log
MOMENTUM = 0.0  # 0.0 .. 0.95
WEIGHT_DECAY = 0.05  # 0.0001 .. 0.5, log
DEGREE = 2  # 1 | 2 | 3 | 4 | 5 | 7
BATCH = 4  # 1 | 2 | 4 | 8 | 16


def features(x):
    """Chebyshev polynomials of x in [-1, 1]: as large as each other, so one learning rate serves all."""
    terms = [1.0, x]
    while len(terms) <= DEGREE:
        terms.append(2 * x * terms[-1] - terms[-2])
    return terms[: DEGREE + 1]


def predict(weights, x):
    return sum(weight * term for weight, term in zip(weights, features(x)))


def fit(points, steps, rng):
    """Weights after `steps` steps of stochastic gradient descent on the points (x, y)."""
    rows = [(features(x), y) for x, y in points]
    weights, speed = [0.0] * (DEGREE + 1), [0.0] * (DEGREE + 1)
    for _ in range(steps):
        gradient = [WEIGHT_DECAY * weight for weight in weights]
        for terms, y in rng.sample(rows, BATCH):
            error = sum(weight * term for weight, term in zip(weights, terms)) - y
            for index, term in enumerate(terms):
                gradient[index] += 2 * error * term / BATCH
        for index, slope in enumerate(gradient):
            speed[index] = MOMENTUM * speed[index] - LEARNING_RATE * slope
            weights[index] += speed[index]
    return weights
'''

_MEASURE = '''\
"""The judge: draws the data, gives the model its steps, and measures it on points that it has not seen. Frozen."""

import argparse
import math
import random

STEPS = 250
NOISE = 0.25


def curve(x):
    return math.sin(3 * x) + 0.5 * x


def draw(rng, count, noise):
    xs = [2 * n / (count - 1) - 1 for n in range(count)]
    return [(x, curve(x) + rng.gauss(0, noise)) for x in xs]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--budget", type=float, default=1.0)
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    training, unseen = draw(rng, 60, NOISE), draw(rng, 200, 0.0)

    from model import fit, predict

    weights = fit(training, max(1, round(STEPS * arguments.budget)), rng)
    loss = sum((predict(weights, x) - y) ** 2 for x, y in unseen) / len(unseen)
    print("---")
    print(f"val_loss: {loss:.6f}")


if __name__ == "__main__":
    main()
'''

_WORKSPACE = {"workspace/model.py": _MODEL, "workspace/measure.py": _MEASURE}

TEMPLATES: dict[str, dict[str, str]] = {
    "solo": {"program.md": _PROGRAM + _SOLO, "roles/scientist.md": _SCIENTIST, **_WORKSPACE},
    "lab": {
        "program.md": _PROGRAM + _LAB,
        "roles/researcher.md": _RESEARCHER,
        "roles/trainer.md": TRAINER,
        "roles/referee.md": REFEREE,
        "roles/scribe.md": _SCRIBE,
        **_WORKSPACE,
    },
}


def title_for(folder: Path) -> str:
    """A title for the org in a folder: `my-lab` is `My lab`."""
    return folder.resolve().name.replace("-", " ").replace("_", " ").strip().capitalize() or "Lab"


def write_template(folder: Path, template: str) -> list[Path]:
    """Writes the files of a template into a folder that is empty or not there; returns their paths.

    Raises UserError for a folder that holds something, or that cannot be written.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        what = "is not empty" if folder.is_dir() else "is a file"
        raise UserError(f"{folder} {what}; choose a new folder, e.g. `orgrun init {folder}-1`")
    title = title_for(folder)
    written = []
    try:
        for name, text in TEMPLATES[template].items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text.replace("@TITLE@", title), encoding="utf-8")
            written.append(path)
    except OSError as error:
        raise UserError(f"{folder} cannot be written: {error.strerror}; choose another place") from error
    return written
