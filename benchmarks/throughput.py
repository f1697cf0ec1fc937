"""No-op trials per second through the whole path, beside Ray Tune and beside bare Ray tasks, in one run.

    python benchmarks/throughput.py                      # 200, 1000 and 5000 trials, without and with the sandbox
    python benchmarks/throughput.py --trials 200 --no-tune
    python benchmarks/throughput.py --trials 1000 --profile --no-tune    # CPU ms a trial, by kind of process

Every arm starts the same subprocess (`sh noop.sh`, which prints a metric) once a trial, with 64 trials in flight on a
local Ray with 64 logical CPUs. The whole path is: an inquiry in the graph (durable checkpoints), a desk's step in a Ray
actor, a commit, a proposal, a reservation and a settlement in the ledger (fsync), the node agent, a shepherd process,
and the reading of the metric. Sixteen desks propose: a desk takes a step or two between two transactions, so half as
many would be the limit. The rate of an arm is counted without its start: of bare tasks from the first behind 64 that
start the workers, else from a tenth of the trials on. Ray Tune runs with 64 in flight, and one trial at a time.
Shared machines change their speed by half within minutes: `--rounds 3` alternates the arms and prints medians.
CPU time disturbs less: `--profile` counts what each kind of process takes between the first tenth of the trials and the
last, its ended children included.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

IN_FLIGHT = 64
LOOKED_AT = 20
"""Trials between two looks at the driver's memory, each of which costs it a hundredth of a trial's time."""
NOOP = "echo ---\necho 'loss: 1.0'\n"
PROGRAM = """---
format: orgruntime/1
objective: {{metric: loss, direction: minimize}}
workspace:
  source: ../workspace
  editable: [train.py]
  run: sh noop.sh {{seed}} {{budget}}
  time_limit: 30s
risk: {{preset: bold, dry_spell: 100%}}
budget: {{trials: {trials}}}
models: {{default: control/null}}
---

# Noop

Nothing to find here.

## Roles

| role | kind | count |
|---|---|---|
| [Null](roles/null.md) | agent | 16 |
"""


def make_org(folder: Path, trials: int) -> Path:
    workspace, org = folder / "workspace", folder / "org"
    (org / "roles").mkdir(parents=True)
    workspace.mkdir()
    (workspace / "noop.sh").write_text(NOOP)
    (workspace / "train.py").write_text("X = 1\n")
    (org / "program.md").write_text(PROGRAM.format(trials=trials))
    (org / "roles/null.md").write_text("---\nname: null\ndescription: proposes nothing\n---\n\nPropose nothing.\n")
    return org


def ours(trials: int, sandbox: bool) -> dict[str, float]:
    from orgruntime.api.running import RunOptions, View, start_run
    from orgruntime.api.wiring import ClusterChoice
    from orgruntime.runtime.events import EventKind, RunEvent

    times: list[float] = []
    memory: list[tuple[int, float]] = []
    meter = Meter(trials)

    class Clock(View):
        def event(self, event: RunEvent) -> None:
            if event.event is EventKind.TRIAL:
                times.append(time.perf_counter())
                if len(times) % LOOKED_AT == 0:
                    memory.append((len(times), rss_mb()))
                meter.count(len(times))

    with tempfile.TemporaryDirectory() as folder:
        options = RunOptions(seed=1, runs=Path(folder) / "runs", cluster=ClusterChoice(cpus=IN_FLIGHT, sandbox=sandbox))
        status = start_run(make_org(Path(folder), trials), options, Clock())
        settled = status.trials.total
    steady = times[len(times) // 10 :]
    early, late = next(one for one in memory if one[0] >= settled // 10), memory[-1]
    return {
        "trials": settled,
        "per_second": (len(steady) - 1) / (steady[-1] - steady[0]),
        "driver_mb": late[1],
        "driver_mb_per_1000": (late[1] - early[1]) / max(1, late[0] - early[0]) * 1000,
        **meter.cpu_ms(),
    }


def bare_ray(trials: int) -> dict[str, float]:
    import ray

    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "noop.sh"
        script.write_text(NOOP)
        ray.init("local", num_cpus=IN_FLIGHT, include_dashboard=False, log_to_driver=False, logging_level="ERROR")

        @ray.remote(num_cpus=1)
        def task() -> str:
            return subprocess.run(["sh", str(script)], capture_output=True, text=True, check=True).stdout

        ray.get([task.remote() for _ in range(IN_FLIGHT)])
        meter = Meter(trials)
        start, done, running = time.perf_counter(), 0, [task.remote() for _ in range(IN_FLIGHT)]
        while running:
            ready, running = ray.wait(running, num_returns=1)
            ready += ray.wait(running, num_returns=len(running), timeout=0)[0] if running else []
            running = [reference for reference in running if reference not in set(ready)]
            ray.get(ready)
            done += len(ready)
            meter.count(done)
            running += [task.remote() for _ in range(min(len(ready), trials - done - len(running)))]
        elapsed = time.perf_counter() - start
        ray.shutdown()
    return {"trials": done, "per_second": done / elapsed, **meter.cpu_ms()}


def ray_tune(trials: int, at_once: int) -> dict[str, float]:
    """Actors are reused; no loggers, no snapshots. With more than one trial at once it goes on starting actors, hardly
    any of which ever runs one; one at a time is the best that it does with trials that take no time."""
    os.environ.update(TUNE_DISABLE_AUTO_CALLBACK_LOGGERS="1", TUNE_GLOBAL_CHECKPOINT_S="100000", TUNE_RESULT_DIR="")
    import ray
    from ray import tune

    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "noop.sh"
        script.write_text(NOOP)
        ray.init("local", num_cpus=IN_FLIGHT, include_dashboard=False, log_to_driver=False, logging_level="ERROR")

        def noop(config: dict[str, object]) -> None:
            out = subprocess.run(["sh", str(script)], capture_output=True, text=True, check=True).stdout
            tune.report({"loss": float(out.rsplit(" ", 1)[1])})

        times: list[float] = []

        class Clock(tune.Callback):  # type: ignore[misc]  # the library is not followed by the type checker
            def on_trial_complete(self, **_: object) -> None:
                times.append(time.perf_counter())

        tuner = tune.Tuner(
            noop,
            param_space={"x": tune.uniform(0, 1)},
            tune_config=tune.TuneConfig(
                metric="loss", mode="min", num_samples=trials, reuse_actors=True, max_concurrent_trials=at_once
            ),
            run_config=tune.RunConfig(storage_path=folder, verbose=0, callbacks=[Clock()]),
        )
        results = tuner.fit()
        ray.shutdown()
    steady = times[len(times) // 10 :]
    rate = (len(steady) - 1) / (steady[-1] - steady[0])
    return {"trials": len(results) - results.num_errors, "per_second": rate}


ARMS: dict[str, Callable[[int], dict[str, float]]] = {
    "orgruntime": lambda n: ours(n, sandbox=False),
    "orgruntime, sandbox": lambda n: ours(n, sandbox=True),
    "bare Ray tasks": bare_ray,
    "Ray Tune": lambda n: ray_tune(n, IN_FLIGHT),
    "Ray Tune, one at a time": lambda n: ray_tune(n, 1),
}
TUNE_AT_MOST = {"Ray Tune": 100, "Ray Tune, one at a time": 1000}
"""Trials of the Tune arms, which would take an hour: their rates fall with the number of trials, so this flatters them.
"""


class Meter:
    """CPU time of this process and all below it, by kind, over the middle of a run: it starts after a tenth of the
    trials and ends after nine tenths."""

    def __init__(self, trials: int) -> None:
        self._first, self._last = max(1, trials // 10), max(2, trials * 9 // 10)
        self._seen: list[tuple[int, dict[str, float]]] = []

    def count(self, trials: int) -> None:
        if trials >= (self._first, self._last, sys.maxsize)[len(self._seen)]:
            self._seen.append((trials, cpu_s_by_kind()))

    def cpu_ms(self) -> dict[str, float]:
        """Milliseconds a trial, by kind and in all."""
        (first, before), (last, after) = self._seen
        spent = {kind: (after[kind] - before.get(kind, 0.0)) / (last - first) * 1000 for kind in after}
        return {f"cpu {kind}": ms for kind, ms in sorted(spent.items())} | {"cpu in all": sum(spent.values())}


def cpu_s_by_kind() -> dict[str, float]:
    parents: dict[int, int] = {}
    used: dict[int, tuple[str, float]] = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            fields = Path(f"/proc/{name}/stat").read_bytes().rpartition(b")")[2].split()
            kind, parent = kind_of(Path(f"/proc/{name}/cmdline").read_bytes(), int(fields[1]))
        except OSError:
            continue
        parents[int(name)] = parent
        used[int(name)] = (kind, sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK"))
    ours, spent = {os.getpid()}, {"driver": sum(os.times()[:2])}
    while found := {pid for pid, parent in parents.items() if parent in ours and pid not in ours}:
        ours |= found
    for pid in ours - {os.getpid()}:
        kind, seconds = used[pid]
        spent[kind] = spent.get(kind, 0.0) + seconds
    return spent


def kind_of(command: bytes, parent: int) -> tuple[str, int]:
    """Of a process below the driver, and its parent; ended children count for whoever waited for them. A node's zygote
    has left its agent's tree, and names the agent in its command."""
    if found := re.search(rb'"watch": \[(\d+)', command):
        return "trials", int(found[1])
    for mark, kind in ((b"ray::Desk", "desks"), (b"ray::NodeAgent", "node agent"), (b"ray::", "trials")):
        if command.startswith(mark):
            return kind, parent
    return "Ray's own" if b"ray" in command else "trials", parent


def rss_mb() -> float:
    """Resident memory of this process, now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20


def in_fresh_process(arm: str, trials: int) -> dict[str, float]:
    """Each arm in a process of its own, so that none pays for another's imports or memory."""
    command = [sys.executable, __file__, "--arm", arm, "--trials", str(trials)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{arm} failed:\n{done.stdout}\n{done.stderr}")
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, nargs="*", default=[200, 1000, 5000])
    parser.add_argument("--arm", choices=list(ARMS))
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--no-tune", action="store_true")
    parser.add_argument("--profile", action="store_true", help="CPU ms a trial by kind of process")
    options = parser.parse_args()
    if options.arm:
        print(json.dumps(ARMS[options.arm](options.trials[0])))
        return
    print(f"{'arm':24} {'trials':>7} {'trials/s':>9} {'against bare Ray':>17} {'driver MB/1000':>15}")
    arms = ["bare Ray tasks", "orgruntime", "orgruntime, sandbox", *([] if options.no_tune else TUNE_AT_MOST)]
    for trials in options.trials:
        rounds = [
            {arm: in_fresh_process(arm, min(trials, TUNE_AT_MOST.get(arm, trials))) for arm in arms}
            for _ in range(options.rounds)
        ]
        for arm in arms:
            row = {name: median(one[arm][name] for one in rounds) for name in rounds[0][arm]}
            ratio = median(one[arm]["per_second"] / one["bare Ray tasks"]["per_second"] for one in rounds)
            memory = f"{row['driver_mb_per_1000']:15.1f}" if "driver_mb_per_1000" in row else f"{'':15}"
            print(f"{arm:24} {row['trials']:7.0f} {row['per_second']:9.1f} {ratio:16.2f}x {memory}", flush=True)
            if options.profile:
                print("".join(f"    {kind} {row[kind]:.2f} ms" for kind in row if kind.startswith("cpu")), flush=True)


if __name__ == "__main__":
    main()
