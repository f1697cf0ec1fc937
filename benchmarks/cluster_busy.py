"""How busy a cluster's GPUs are kept, and how soon a loser's GPU runs something else: real Ray, logical GPUs.

    python benchmarks/cluster_busy.py                       # 8 nodes of 8 GPUs; whole GPUs, halves, pairs, gangs
    python benchmarks/cluster_busy.py --mix 0.5 2x4 --waves 20       # halves; then gangs of 4 GPUs on each of 2 nodes

The nodes are raylets of this machine, the GPUs are numbers, and a trial sleeps: it prints a declared curve at 1/8, 1/4
and 1/2 of its time, so that patience has something to end. Everything else is real: the run, its ledger, the node
agents, the processes. The share that is busy is counted from the moment at which every GPU was taken for the first time
to the last start of a candidate, from the trials' own wall-clock times; beside it, over the part of that time in which
a proposal waited for its first trial. It ends at once where the budget is left with fewer trials than the cluster has
places: what waits then waits for the budget. The ledger does not say which of equal GPUs a trial had, so the delay of
a loser is an upper bound: from the decision that ended it to the moment at which every place is taken (again: another
trial may have its GPU before it is settled), without the time in which no proposal waited. Eight nodes share one
machine's cores, so their agents start in ten seconds, not in one: a wave is to be long beside that.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

NODES, GPUS = 8, 8
TRIAL = """X=$(sed -n 's/^X = //p' train.py)
say() { awk -v x="$X" -v at="$1" 'BEGIN { printf "progress %g loss %.6f\\n", at, (x - 0.7) ^ 2 + 1 / (1 + 8 * at) }'; }
sleep EIGHTH; say 0.125; sleep EIGHTH; say 0.25; sleep QUARTER; say 0.5; sleep HALF
awk -v x="$X" -v seed="$1" 'BEGIN { srand(seed); printf "---\\nloss: %.6f\\n", (x - 0.7) ^ 2 + 0.02 * rand() }'
"""
PROGRAM = """---
format: orgruntime/1
objective: {{metric: loss, direction: minimize}}
workspace:
  source: ../workspace
  editable: [train.py]
  run: sh trial.sh {{seed}} {{budget}}
  time_limit: 120s
risk: {{preset: balanced, dry_spell: 100%, largest_stake: 100%, blast_radius: {{gpus: 64}}}}
budget: {{trials: {trials}}}
network: [trainer, referee]
models: {{broad: search/random, narrow: search/tpe}}
---

# Sleepers

Nothing is computed here.

## Roles

| role | kind | count | model | resources |
|---|---|---|---|---|
| [Researcher](roles/researcher.md) | agent | 8 | broad, narrow | |
| [Trainer](roles/trainer.md) | experiment | | | gpus: {gpus:g}, nodes: {nodes}, cpus: 0.5 |
| [Referee](roles/referee.md) | verifier | | | gpus: {gpus:g}, nodes: {nodes}, cpus: 0.5 |

## Workflow

1. [Researcher](roles/researcher.md) → [Trainer](roles/trainer.md): `proposal`
2. [Trainer](roles/trainer.md) → [Referee](roles/referee.md): `result`, when promising
"""


class Shape(NamedTuple):
    """Of a trial: `2x4` is 4 GPUs on each of 2 nodes."""

    nodes: int
    gpus: float

    @classmethod
    def read(cls, word: str) -> Shape:
        nodes, _, gpus = word.rpartition("x")
        return cls(int(nodes or 1), float(gpus))

    @property
    def slots(self) -> int:
        return int(NODES * GPUS / (self.nodes * self.gpus))

    def __str__(self) -> str:
        return f"{self.nodes}x{self.gpus:g}" if self.nodes > 1 else f"{self.gpus:g}"


def make_org(folder: Path, trials: int, shape: Shape, seconds: float) -> Path:
    workspace, org = folder / "workspace", folder / "org"
    (org / "roles").mkdir(parents=True)
    workspace.mkdir()
    script = TRIAL
    for word, share in (("EIGHTH", 0.125), ("QUARTER", 0.25), ("HALF", 0.5)):
        script = script.replace(word, f"{share * seconds:g}")
    (workspace / "trial.sh").write_text(script)
    (workspace / "train.py").write_text("X = 0.1  # 0.0 .. 1.0\n")
    (org / "program.md").write_text(PROGRAM.format(trials=trials, nodes=shape.nodes, gpus=shape.gpus))
    for role in ("researcher", "trainer", "referee"):
        (org / f"roles/{role}.md").write_text(f"---\nname: {role}\ndescription: the {role}\n---\n\nDo your part.\n")
    return org


def run(address: str, trials: int, shape: Shape, seconds: float) -> dict[str, float]:
    from orgruntime.api.running import RunOptions, View, start_run
    from orgruntime.api.wiring import ClusterChoice
    from orgruntime.ledger.store import Ledger
    from orgruntime.model.status import RunState

    with tempfile.TemporaryDirectory() as folder:
        choice = ClusterChoice(address=address, sandbox=False)
        options = RunOptions(seed=1, runs=Path(folder) / "runs", cluster=choice)
        status = start_run(make_org(Path(folder), trials, shape, seconds), options, View())
        if status.state is RunState.STOPPED:
            raise SystemExit(f"it was stopped before its end, so nothing is measured: {status.reason}")
        with Ledger.open_readonly(Path(status.folder) / "ledger.db") as ledger:
            return measured(ledger, shape.slots, trials)


def measured(ledger: Any, slots: int, budget: int) -> dict[str, float]:
    rows = {row.key: row for row in ledger.trials()}
    starts: list[float] = []
    ends: list[tuple[float, float]] = []
    queue: list[tuple[float, int]] = []
    proposed: dict[str, float] = {}
    losers = Losers(slots)
    last = 0.0
    for event in ledger.events(limit=10**9):
        losers.pass_to(event.t, waits=bool(proposed))
        if event.kind == "add-proposal":
            proposed[event.subject] = event.t
        elif event.kind == "reserve":
            if event.body["proposal"] in proposed:
                queue += [(proposed.pop(event.body["proposal"]), 1), (event.t, -1)]
                last = event.t
            starts.append(event.t)
            if len(starts) <= budget - slots:
                losers.start()
        elif event.kind == "settle":
            key = event.subject.rpartition(".")[0]
            if key in rows:  # It ran at all.
                ends.append((event.t, rows[key].wall_s))
            losers.settle(key, event.t)
        elif event.kind == "decide" and event.body.get("verb") == "end-early":
            losers.ended[event.subject] = event.t
    full = starts[slots - 1]
    last = min([last, *starts[budget - slots : budget - slots + 1]])
    running = [moment for t, wall in ends for moment in ((t - wall, 1), (t, -1))]
    busy, whole = overlap(running, [(full, 1), (last, -1)])
    wanted, asked = overlap(running, queue, full, last)
    early = sum(row.score is not None and row.score.value == "ended early" for row in rows.values())
    return {
        "trials": len(ends),
        "window_s": last - full,
        "busy": busy / (slots * whole),
        "busy_while_queued": wanted / (slots * asked) if asked else 1.0,
        "queued": asked / whole,
        "ended_early": early,
        "delay_median_s": median(losers.delays) if losers.delays else 0.0,
        "delay_max_s": max(losers.delays, default=0.0),
    }


class Losers:
    """How long the places of trials that were ended early stood empty, at most."""

    def __init__(self, slots: int) -> None:
        self.ended: dict[str, float] = {}
        """Trial → when it was decided."""
        self.delays: list[float] = []
        self._slots = slots
        self._running = 0
        self._open: list[float] = []
        """Delays so far of those that are settled, while a place is empty."""
        self._now = 0.0

    def pass_to(self, t: float, *, waits: bool) -> None:
        """`waits`: whether a proposal did, from the last moment to this one."""
        if waits:
            self._open = [delay + t - self._now for delay in self._open]
        self._now = t

    def start(self) -> None:
        self._running += 1
        self._close()

    def settle(self, trial: str, t: float) -> None:
        self._running -= 1
        if trial in self.ended:
            self._open.append(t - self.ended.pop(trial))
            self._close()

    def _close(self) -> None:
        if self._running >= self._slots:
            self.delays += self._open
            self._open.clear()


def overlap(
    running: list[tuple[float, int]], gate: list[tuple[float, int]], low: float = 0.0, high: float = float("inf")
) -> tuple[float, float]:
    """(trial-seconds, seconds) within [low, high] while the gate is open: the sum of its steps is above 0. Both are
    lists of (moment, step)."""
    moves = sorted([(t, step, 0) for t, step in running] + [(t, 0, step) for t, step in gate])
    trial_s = open_s = 0.0
    count = depth = 0
    before = low
    for t, step, change in moves:
        now = min(max(t, low), high)
        if depth > 0:
            trial_s += count * (now - before)
            open_s += now - before
        before = now
        count, depth = count + step, depth + change
    return trial_s, open_s


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--mix", nargs="+", default=["1", "0.5", "2", "2x4"], help="GPUs of one trial, NODESxGPUS of a gang"
    )
    parser.add_argument("--waves", type=int, default=15, help="trials for each place of the cluster")
    parser.add_argument("--seconds", type=float, default=60.0, help="of one trial that runs to its end")
    args = parser.parse_args()
    os.environ["RAY_AUTH_MODE"] = "disabled"
    from ray.cluster_utils import Cluster

    head = {"num_cpus": 0, "object_store_memory": 80 << 20, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    try:
        for _ in range(NODES):
            cluster.add_node(num_cpus=GPUS, num_gpus=GPUS, object_store_memory=80 << 20)
        cluster.wait_for_nodes()
        print(f"{NODES} nodes of {GPUS} GPUs, trials of {args.seconds:g} s")
        heads = ("GPUs a trial", "trials", "window", "busy", "while queued", "ended early", "taken again after")
        print("{:>12} {:>7} {:>8} {:>7} {:>14} {:>12} {:>22}".format(*heads))
        for shape in map(Shape.read, args.mix):
            row = run(cluster.address, args.waves * shape.slots, shape, args.seconds)
            delay = f"{row['delay_median_s']:.2f} s, most {row['delay_max_s']:.2f} s"
            print(
                f"{shape!s:>12} {row['trials']:7.0f} {row['window_s']:6.0f} s {row['busy']:7.1%}"
                f" {row['busy_while_queued']:6.1%} of {row['queued']:4.0%} {row['ended_early']:12.0f} {delay:>22}",
                flush=True,
            )
    finally:
        cluster.shutdown()


if __name__ == "__main__":
    sys.exit(main())
