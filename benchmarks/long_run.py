"""What a trial costs late in a long run, beside early: no-op trials through the whole path, real Ray.

    python benchmarks/long_run.py                      # 100,000 trials: ten minutes at 180 a second
    python benchmarks/long_run.py --trials 20000

The org and the machine's set-up are those of `throughput.py`. A row is the thousand trials that end at that number: its
rate (whatever else the machine does shows there), CPU milliseconds a trial, by kind of process, and the driver's memory
at its end. The last line sets the last row beside the first.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path
from typing import TextIO

from throughput import IN_FLIGHT, cpu_s_by_kind, make_org, rss_mb

from orgruntime.api.running import RunOptions, View, start_run
from orgruntime.api.wiring import ClusterChoice
from orgruntime.runtime.events import EventKind, RunEvent

WINDOW = 1000
ROWS = (2000, 5000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000)
"""The first is no part of the start: what is imported and compiled once is."""


class Windows(View):
    def __init__(self, ends: list[int], out: TextIO) -> None:
        self._ends, self._settled, self._out = ends, 0, out
        self._begun: tuple[float, dict[str, float]] = (0.0, {})
        self.rows: list[dict[str, float]] = []

    def event(self, event: RunEvent) -> None:
        if event.event is not EventKind.TRIAL or len(self.rows) == len(self._ends):
            return
        self._settled += 1
        end = self._ends[len(self.rows)]
        if self._settled == end - WINDOW:
            self._begun = (time.perf_counter(), cpu_s_by_kind())
        elif self._settled == end:
            self._row(end)

    def _row(self, end: int) -> None:
        (since, before), after = self._begun, cpu_s_by_kind()
        ms = {kind: (after[kind] - before.get(kind, 0.0)) / WINDOW * 1000 for kind in after}
        row = {"rate": WINDOW / (time.perf_counter() - since), "ms": sum(ms.values()), "driver": ms["driver"]}
        self.rows.append({**row, "mb": rss_mb()})
        rest = "".join(f"  {kind} {one:.2f}" for kind, one in sorted(ms.items()))
        print(f"{end:>9,} {row['rate']:>9.1f} {row['ms']:>7.2f} {self.rows[-1]['mb']:>10.0f} {rest}", file=self._out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=100_000)
    trials = parser.parse_args().trials
    # The last hundred of a budget may stay unspent: no proposal is begun that could not be judged.
    last = trials - 200
    ends = [end for end in ROWS if end <= last - WINDOW] + [last]
    print(f"{'trials':>9} {'trials/s':>9} {'CPU ms':>7} {'driver MB':>10}   CPU ms by kind", flush=True)
    # A run sends what its processes print to its own log: the rows go past that.
    windows = Windows(ends, os.fdopen(os.dup(1), "w", buffering=1))
    with tempfile.TemporaryDirectory() as folder:
        options = RunOptions(seed=1, runs=Path(folder) / "runs", cluster=ClusterChoice(cpus=IN_FLIGHT, sandbox=False))
        start_run(make_org(Path(folder), trials), options, windows)
    first, end = windows.rows[0], windows.rows[-1]
    print(f"the last beside the first: {end['ms'] / first['ms']:.2f} of the CPU, {end['driver'] / first['driver']:.2f} "
          f"of the driver's, {end['mb'] - first['mb']:.0f} MB more")  # fmt: skip


if __name__ == "__main__":
    main()
