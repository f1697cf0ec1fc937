"""Seconds for a simulated run: `python benchmarks/simulator_speed.py [--trials 100000] [--gpus 1000 10000]`.

Virtual clusters of nodes with 8 GPUs each that are lost once a day, in the typical world, with the balanced appetite;
the dry spell is off, so that the run uses its budget.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time

from orgruntime.model.amounts import Budget
from orgruntime.model.appetite import PRESETS, Preset
from orgruntime.model.manifest import Resources
from orgruntime.simulator.lab import Terms, simulate
from orgruntime.simulator.worlds import World

DAY_S = 86_400.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=100_000)
    parser.add_argument("--gpus", type=int, nargs="+", default=[1000, 10_000])
    asked = parser.parse_args()
    appetite = PRESETS[Preset.BALANCED].model_copy(update={"dry_spell": 1.0})
    for gpus in asked.gpus:
        terms = Terms(appetite, Budget(trials=asked.trials), World(node_life_s=DAY_S), gpus, Resources(gpus=1))
        wall, cpu = time.perf_counter(), time.process_time()
        run = simulate(terms, 1)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"{gpus:6,} GPUs  {run.trials:7,} trials  {run.hours:5.1f} h virtual  {cpu:5.1f} s CPU  {wall:5.1f} s wall"
            f"  {1e6 * cpu / run.trials:4.0f} µs a trial  {run.lost:4,} lost  {run.busy_share:.0%} busy"
            f"  {memory:.0f} MiB",
            flush=True,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
