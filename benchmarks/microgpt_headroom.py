"""How much the surname example leaves to be found: a short search over the domains that train.py declares.

    python benchmarks/microgpt_headroom.py --trials 40 --sampler tpe      # about two minutes on one core

Every trial runs the experiment's own command once, on a seed of its own, on the validation names. The best setting
is then run again on fresh seeds, on both sets of names: what the search claims for it is the best of many draws, and
too good. The margin is against the default settings on the same fresh seeds. One search is one draw: the two samplers
are not compared here.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import optuna

from orgruntime.runtime.constants import Choices, Knob, Knobs, Range, Settings, Value, read_knobs, rounded

EXAMPLE = Path(__file__).parents[1] / "examples" / "microgpt"
SAMPLERS = {
    "tpe": lambda seed: optuna.samplers.TPESampler(seed=seed, n_startup_trials=8, multivariate=True),
    "random": lambda seed: optuna.samplers.RandomSampler(seed=seed),
}
FRESH_SEEDS = (9001, 9002, 9003, 9004)
KNOWS_NOTHING = 3.3
"""log(27), what a diverged run is worth to the sampler."""


def main() -> None:
    parser = argparse.ArgumentParser(description="Search the declared domains of the surname example.")
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--sampler", choices=SAMPLERS, default="tpe")
    parser.add_argument("--seed", type=int, default=1, help="of the search")
    options = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    knobs = read_knobs({"train.py": (EXAMPLE / "train.py").read_text(encoding="utf-8")})
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(shutil.copytree(EXAMPLE, Path(folder) / "tree"))
        claimed, best = search(tree, knobs, options)
        rows = {"default": knobs.values, "best": best}
        losses = {name: again(tree, knobs, settings) for name, settings in rows.items()}
    changed = {name: value for name, value in best.items() if value != knobs.values[name]}
    print(f"claimed by the search  {claimed:.4f}")
    for name, (val, holdout) in losses.items():
        print(f"{name:<8} val {spread(val)}  holdout {spread(holdout)}")
    for place, label in enumerate(("val", "holdout")):
        old, new = (statistics.mean(losses[name][place]) for name in rows)
        print(f"{label:<8} {100 * (old - new) / old:.1f} % below the default")
    print(" ".join(f"{name}={value}" for name, value in changed.items()))


def search(tree: Path, knobs: Knobs, options: argparse.Namespace) -> tuple[float, Settings]:
    """The lowest loss that was seen, and its settings."""
    sampler = SAMPLERS[options.sampler](options.seed)
    study = optuna.create_study(sampler=sampler)
    for number in range(options.trials):
        trial = study.ask()
        settings = {knob.name: suggest(trial, knob) for knob in knobs.searchable}
        trial.set_user_attr("settings", settings)
        loss = run_once(tree, knobs, settings, seed=1000 * options.seed + number, split="val")
        study.tell(trial, loss)
        if (number + 1) % 10 == 0:
            print(f"{number + 1:>4} trials: best {study.best_value:.4f}", flush=True)
    return study.best_value, study.best_trial.user_attrs["settings"]


def suggest(trial: optuna.Trial, knob: Knob) -> Value:
    match knob.domain:
        case Choices(values):
            return trial.suggest_categorical(knob.name, values)
        case Range(lo, hi, log, integer=True):
            return trial.suggest_int(knob.name, int(lo), int(hi), log=log)
        case Range(lo, hi, log) as domain:
            return rounded(trial.suggest_float(knob.name, lo, hi, log=log), domain)
        case None:
            return knob.value


def again(tree: Path, knobs: Knobs, settings: Settings) -> tuple[list[float], list[float]]:
    """Losses on fresh seeds: validation, held out."""
    val, holdout = (
        [run_once(tree, knobs, settings, seed, split) for seed in FRESH_SEEDS] for split in ("val", "holdout")
    )
    return val, holdout


def run_once(tree: Path, knobs: Knobs, settings: Settings, seed: int, split: str) -> float:
    text = knobs.apply(settings).get("train.py", knobs.files["train.py"])
    (tree / "train.py").write_text(text, encoding="utf-8")
    command = [sys.executable, "train.py", "--seed", str(seed), "--budget", "1", "--split", split]
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)
    if done.returncode:
        return KNOWS_NOTHING
    return next(float(line.split()[1]) for line in done.stdout.splitlines() if line.startswith("val_loss:"))


def spread(values: list[float]) -> str:
    return f"{statistics.mean(values):.4f} ± {statistics.stdev(values):.4f}"


if __name__ == "__main__":
    main()
