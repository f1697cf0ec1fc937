"""The shipped demo with ten seeds: how often it certifies a champion, how large the gain is, and how long it takes.

    python benchmarks/demo_seeds.py                 # seeds 1 to 10, one after the other: half an hour on 2 idle cores
    python benchmarks/demo_seeds.py --seeds 1 2 3

The gain is the certificate's: over the run's baseline, on the held-out names, from fresh pairs after the decision.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ORG = Path(__file__).parents[1] / "orgs" / "microgpt-lab"
GOAL_PERCENT = 5.0


def run_demo(seed: int, runs: Path) -> dict[str, object]:
    began = time.monotonic()
    program = [sys.executable, "-m", "orgruntime.cli.main", "run", str(ORG)]
    options = ["--seed", str(seed), "--runs", str(runs), "--budget", "wall_clock=4h", "--json"]
    done = subprocess.run([*program, *options], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"seed {seed} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    status = json.loads(done.stdout.strip().splitlines()[-1])
    status["elapsed"] = time.monotonic() - began
    return dict(status)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(1, 11)))
    seeds = parser.parse_args().seeds
    print(
        f"{'seed':>4} {'trials':>7} {'wall s':>7} {'CPU s':>7} {'gain %':>7} {'95 % interval':>19} {'e-value':>8}",
        flush=True,
    )
    certified = 0
    with tempfile.TemporaryDirectory() as folder:
        for seed in seeds:
            status = run_demo(seed, Path(folder))
            champion, spend, trials = status["champion"], status["spend"], status["trials"]
            assert isinstance(spend, dict)
            assert isinstance(trials, dict)
            row = f"{seed:4} {trials['total']:7} {status['elapsed']:7.0f} {spend['cpu_seconds']:7.0f}"
            if isinstance(champion, dict):
                certified += champion["gain_percent"] >= GOAL_PERCENT
                low, high = champion["gain_interval"]
                row += f" {champion['gain_percent']:7.2f} {low:9.4f}..{high:8.4f} {champion['e_value']:8.1f}"
            print(row, flush=True)
    print(f"certified at least {GOAL_PERCENT:g} % below the baseline: {certified} of {len(seeds)}")


if __name__ == "__main__":
    main()
