"""One search problem, one budget of trials, one cluster: under Ray Tune (ASHA with Optuna's TPE) and under an org.

    python benchmarks/against_tune.py                                  # 20 seeds, worlds typical and null
    python benchmarks/against_tune.py --quick                          # 3 seeds
    python benchmarks/against_tune.py --worlds typical --seeds 10 --reduction 4 --json > some.jsonl
    python benchmarks/against_tune.py --read some.jsonl more.jsonl

Many seeds within minutes, on a virtual clock: `tune_virtual.py`.

The worlds are those of `tune_world.py`: four constants, luck of spread 0.1 a run, a headroom of ten spreads
(`typical`), of two (`slight`) or of nothing (`null`: every winner is false). A trial sleeps, and shows its curve at
1/8, 1/4, 1/2 and 1. GPUs are numbers: 8 of a local Ray that both arms join, in turns within a seed.

What each is given. Both: as many trials (so at most trials × seconds of GPU time), the same 8 GPUs, the same reports,
TPE with the same options (multivariate, constant liar), luck of a fresh seed for each run. Ray Tune: its best
configuration (actors reused, no loggers, no snapshots, a trial is a function in a warm actor, the default constants as
first point), ASHA with the rungs of our patience (`--reduction 2`; 4 is Tune's default). The org: preset balanced (no
pause in a dry spell, since nobody answers), six desks that search/tpe, search/cmaes and search/random share, patience,
pairs, proof. Its trials are processes, whose start is counted as GPU time; Tune's GPU time is counted from a trial's
first line to its last report, so what an actor waits between two trials is not.

What cannot be compared. Tune names the best last report it saw and claims nothing of it; the org claims its champion
only, and what leads without a certificate is shown apart. Tune repeats nothing; the org measures the default ten times,
a candidate beside the lead on one seed, and a champion on fresh pairs. `wasted`: GPU time of trials of candidates that
never were the incumbent. `measuring`: the noise floor and the lead's own runs. `proof`: certificates and laps.
A winner is false where its true gain over the default is at most δ = 0.5 · √2 · 0.1, the smallest win of the preset.
Quality: GPU-seconds until the incumbent (Tune: best last report of an ended trial; the org: the lead) truly has that
share of the headroom for the first time. Ratios are paired by seed, with bootstrap intervals of the median at 90 %.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

from tune_world import HEADROOM, KNOBS, SD, World, read_constants

GPUS = 8
DELTA = 0.5 * math.sqrt(2) * SD
LEVELS = (0.5, 0.8)
PROGRAM = """---
format: orgruntime/1
objective: {{metric: loss, direction: minimize}}
workspace:
  source: ../workspace
  editable: [train.py]
  run: awk -v seed={{seed}} -f trial.awk train.py
  time_limit: 60s
risk: {{preset: balanced, dry_spell: 100%}}
budget: {{trials: {trials}}}
---

# Sleepers

Constants with a known truth.

## Roles

| role | kind | count | model | resources |
|---|---|---|---|---|
| [Researcher](roles/researcher.md) | agent | 6 | search/tpe, search/cmaes, search/random | |
| [Trainer](roles/trainer.md) | experiment | | | gpus: 1, cpus: 0.5 |
| [Referee](roles/referee.md) | verifier | | | gpus: 1, cpus: 0.5 |

## Workflow

1. [Researcher](roles/researcher.md) → [Trainer](roles/trainer.md): `proposal`
2. [Trainer](roles/trainer.md) → [Referee](roles/referee.md): `result`, when promising
3. [Trainer](roles/trainer.md) → [Researcher](roles/researcher.md): `result`, when conflicted, at most 2 times
"""


@dataclass(frozen=True)
class Span:
    """A trial on its GPU, in wall-clock seconds."""

    start: float
    end: float
    kind: str
    """`useful`, `wasted`, `measuring` or `proof`."""
    full: bool
    """Ran to its end."""


@dataclass(frozen=True)
class Told:
    """What one run of one arm came to."""

    trials: int
    candidates: int
    gpu_s: float
    shares: dict[str, float]
    """Kind → share of the GPU time."""
    ended_early: float
    """Share of the trials."""
    reached: list[float]
    """GPU-seconds at which each of `LEVELS` was first reached; infinite where it was not."""
    reached_wall: list[float]
    met: list[float]
    """GPU-seconds at which a candidate of each of `LEVELS` had first ended a trial, incumbent or not."""
    tried: int
    """Candidates that had ended a trial when the last of `LEVELS` was reached; all of them where it was not."""
    before: dict[str, float]
    """Kind → GPU-seconds until the last of `LEVELS` was reached; all of them where it was not."""
    gain: float
    """True, of the incumbent at the end, whatever is claimed for it."""
    certified: float | None
    """True gain of the certified champion; None where nothing is certified or nothing can be."""
    false_winner: bool
    false_moves: int
    """Incumbents that truly were no better than the one before."""
    moves: int
    wall_s: float
    """From the first trial's start to the last one's end."""
    whole_s: float
    overhead_s: float
    """A trial: wall time beyond the GPU time on all GPUs, in the window."""


Step = tuple[float, Sequence[float]]
"""(time, constants) of an incumbent."""


def told(world: World, spans: Sequence[Span], steps: Sequence[Step], ends: Sequence[Step], **more: Any) -> Told:
    """Figures from what was recorded. `steps`: the incumbents in order, the default before them left out. `ends`: each
    candidate when its first trial ended."""
    gpu_s = sum(one.end - one.start for one in spans)
    first, last = min(one.start for one in spans), max(one.end for one in spans)
    gains = [0.0, *(world.true_gain(x) for _, x in steps)]
    moments = [_first(steps, world, level) for level in LEVELS]
    until = min(last, moments[-1])
    return Told(
        trials=len(spans),
        candidates=len(ends),
        gpu_s=gpu_s,
        shares={kind: share / gpu_s for kind, share in _by_kind(spans, last).items()},
        ended_early=sum(not one.full for one in spans) / len(spans),
        reached=[spent(spans, at) for at in moments],
        reached_wall=[at - first for at in moments],
        met=[spent(spans, _first(sorted(ends), world, level)) for level in LEVELS],
        tried=sum(at <= until for at, _ in ends),
        before=_by_kind(spans, until),
        gain=gains[-1],
        false_moves=sum(after <= before + 1e-12 for before, after in zip(gains, gains[1:], strict=False)),
        moves=len(steps),
        wall_s=last - first,
        overhead_s=(last - first - gpu_s / GPUS) / len(spans),
        **more,
    )


def _by_kind(spans: Sequence[Span], until: float) -> dict[str, float]:
    return {kind: spent([one for one in spans if one.kind == kind], until) for kind in KINDS}


KINDS = ("useful", "wasted", "measuring", "proof")


def spent(spans: Sequence[Span], at: float) -> float:
    """GPU-seconds by a moment; infinite for one that never came."""
    return math.inf if at == math.inf else sum(max(0.0, min(at, one.end) - one.start) for one in spans)


def _first(steps: Sequence[Step], world: World, level: float) -> float:
    if world.headroom == 0.0:
        return math.inf
    return next((at for at, x in steps if world.true_gain(x) >= level * world.headroom), math.inf)


def ours(world: World, trials: int, address: str) -> Told:
    from orgruntime.api.running import RunOptions, View, start_run
    from orgruntime.api.wiring import ClusterChoice
    from orgruntime.ledger.store import Ledger

    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        org = make_org(folder, world, trials)
        choice = ClusterChoice(address=address, sandbox=False)
        began = time.perf_counter()
        status = start_run(org, RunOptions(seed=world.seed, runs=folder / "runs", cluster=choice), View())
        whole_s = time.perf_counter() - began
        run = Path(status.folder)
        with Ledger.open_readonly(run / "ledger.db") as ledger:
            return from_ledger(ledger, world, whole_s, lambda commit: constants_at(run, commit))


def make_org(folder: Path, world: World, trials: int) -> Path:
    workspace, org = folder / "workspace", folder / "org"
    (org / "roles").mkdir(parents=True)
    workspace.mkdir()
    world.write(workspace)
    (org / "program.md").write_text(PROGRAM.format(trials=trials))
    for role in ("researcher", "trainer", "referee"):
        (org / f"roles/{role}.md").write_text(f"---\nname: {role}\ndescription: the {role}\n---\n\nDo your part.\n")
    return org


def constants_at(run: Path, commit: str) -> tuple[float, ...]:
    git = next(run.glob("*.git"))
    command = ["git", "--git-dir", str(git), "show", f"{commit}:train.py"]
    return read_constants(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def from_ledger(ledger: Any, world: World, whole_s: float, constants: Callable[[str], tuple[float, ...]]) -> Told:
    from orgruntime.model.research import VerdictWord
    from orgruntime.model.trial import Purpose, Score

    rows = {row.key: row for row in ledger.trials()}
    kept = {
        one.id for one in ledger.proposals() if (v := ledger.verdict(one.id)) is not None and v.word is VerdictWord.KEEP
    }

    def kind(row: Any) -> str:
        if row.purpose.is_verification:
            return "proof"
        if row.purpose is Purpose.NOISE or row.proposal is None:
            return "measuring"
        return "useful" if row.proposal in kept else "wasted"

    tried = {one.id: tuple(float(one.settings[f"X{i}"]) for i in range(KNOBS)) for one in ledger.proposals()}
    spans: list[Span] = []
    steps: list[Step] = []
    ends: dict[str, Step] = {}
    for event in ledger.events(limit=10**9):
        if event.kind == "settle":
            row = rows[event.subject.rpartition(".")[0]]
            full = row.score is not Score.ENDED_EARLY
            spans.append(Span(event.t - row.wall_s, event.t, kind(row), full))
            if row.proposal is not None:
                ends.setdefault(row.proposal, (event.t, tried[row.proposal]))
        elif event.kind == "move-lead":
            steps.append((event.t, constants(event.subject)))
    champion = ledger.champion()
    certified = None
    if champion is not None and champion.certificate is not None:
        certified = world.true_gain(constants(champion.commit))
    false_winner = certified is not None and certified <= DELTA
    first = list(ends.values())
    return told(world, spans, steps, first, certified=certified, false_winner=false_winner, whole_s=whole_s)


def ray_tune(world: World, trials: int, address: str, reduction: int) -> Told:
    import ray

    ray.init(address, log_to_driver=False, logging_level="ERROR")
    try:
        began = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            results = fit(world, trials, folder, reduction)
        whole_s = time.perf_counter() - began
    finally:
        ray.shutdown()
    return from_results([one.metrics for one in results if one.metrics], world, whole_s)


def fit(world: World, trials: int, folder: str, reduction: int) -> Any:
    import optuna
    from ray import tune
    from ray.tune.schedulers import ASHAScheduler
    from ray.tune.search.optuna import OptunaSearch

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    names = [f"X{i}" for i in range(KNOBS)]

    def trial(config: dict[str, float]) -> None:
        x = [config[name] for name in names]
        luck = Random(repr((world.seed, x))).randrange(2**31)
        start = time.time()
        for fraction, loss in world.played(x, luck):
            report = {"loss": loss, "eighths": round(8 * fraction), "start": start, "at": time.time()}
            tune.report(report)

    sampler = optuna.samplers.TPESampler(seed=world.seed, n_startup_trials=8, multivariate=True, constant_liar=True)
    default = {name: 0.5 for name in names}
    search = OptunaSearch(sampler=sampler, metric="loss", mode="min", points_to_evaluate=[default])
    rungs = ASHAScheduler(time_attr="eighths", max_t=8, grace_period=1, reduction_factor=reduction)
    choices = tune.TuneConfig(
        metric="loss",
        mode="min",
        search_alg=search,
        scheduler=rungs,
        num_samples=trials,
        max_concurrent_trials=GPUS,
        reuse_actors=True,
    )
    tuner = tune.Tuner(
        tune.with_resources(trial, {"cpu": 0.5, "gpu": 1}),
        param_space={name: tune.uniform(0.0, 1.0) for name in names},
        tune_config=choices,
        run_config=tune.RunConfig(storage_path=folder, verbose=0),
    )
    return tuner.fit()


def from_results(rows: Sequence[dict[str, Any]], world: World, whole_s: float) -> Told:
    """`rows`: the last report of each trial. The incumbent is the best last report of the trials that ended so far,
    which is the winner by Tune's own rule in the end."""
    ends = [(row["at"], tuple(row["config"][f"X{i}"] for i in range(KNOBS))) for row in rows]
    best, steps, ever = math.inf, [], set()
    for n in sorted(range(len(rows)), key=lambda n: ends[n]):
        if rows[n]["loss"] < best:
            best = rows[n]["loss"]
            steps.append(ends[n])
            ever.add(n)
    spans = [
        Span(row["start"], row["at"], "useful" if n in ever else "wasted", row["eighths"] == 8)
        for n, row in enumerate(rows)
    ]
    false_winner = world.true_gain(steps[-1][1]) <= DELTA
    return told(world, spans, steps, ends, certified=None, false_winner=false_winner, whole_s=whole_s)


def interval(values: Sequence[float], draws: int = 2000) -> tuple[float, float, float]:
    """Median with the 5th and 95th percentile of its bootstrap. Infinite values sort last."""
    if not values:
        return math.nan, math.nan, math.nan
    draw, ranked = Random(1), []
    for _ in range(draws):
        ranked.append(_middle([draw.choice(values) for _ in values]))
    ranked.sort()
    return _middle(values), ranked[int(0.05 * draws)], ranked[int(0.95 * draws)]


def _middle(values: Sequence[float]) -> float:
    return median(values)


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """Paired. Where neither came there is no ratio; where one did not, it is 0 or infinite."""
    return [a / b if a < math.inf else math.inf for a, b in zip(ours, theirs, strict=True) if min(a, b) < math.inf]


def table(name: str, pairs: Sequence[tuple[Told, Told]]) -> str:
    """One world. Each pair: the org's, Tune's."""
    lines = [f"\n{name}: {len(pairs)} seeds", f"{'median':<42} {'orgruntime':>11} {'Ray Tune':>10}   ratio, 90 %"]
    figures: list[tuple[str, Callable[[Told], float]]] = []
    for n, level in enumerate(LEVELS):
        figures.append((f"GPU-s to {level:.0%} of the headroom, truly", _at("reached", n)))
        figures.append(("  until such a candidate was measured", _at("met", n)))
        figures.append((f"wall s to {level:.0%}", _at("reached_wall", n)))
    figures += [
        ("GPU-s in all", lambda one: one.gpu_s),
        ("wall s, first trial to last", lambda one: one.wall_s),
        ("wall s, start and end included", lambda one: one.whole_s),
        ("overhead a trial, s", lambda one: one.overhead_s),
        ("trials", lambda one: one.trials),
        ("candidates", lambda one: one.candidates),
        (f"candidates until {LEVELS[-1]:.0%}", lambda one: one.tried),
    ]
    for label, read in figures:
        mine, theirs = [read(a) for a, _ in pairs], [read(b) for _, b in pairs]
        if min(mine + theirs) == math.inf or min(theirs) <= 0.0:
            continue
        middle, low, high = interval(ratios(mine, theirs))
        missed = f"   never: {mine.count(math.inf)} | {theirs.count(math.inf)}" if math.inf in mine + theirs else ""
        lines.append(
            f"{label:<42} {median(mine):11.3g} {median(theirs):10.3g}   {middle:.2f} ({low:.2f} to {high:.2f}){missed}"
        )
    for kind in (*KINDS, "ended early"):
        mine, theirs = (
            median(one.ended_early if kind == "ended early" else one.shares[kind] for one in arm)
            for arm in zip(*pairs, strict=True)
        )
        lines.append(f"{'of the trials: ' * (kind == 'ended early') + kind:<42} {mine:11.1%} {theirs:10.1%}")
    spent_on = [[median(one.before[kind] for one in arm) for kind in KINDS] for arm in zip(*pairs, strict=True)]
    for who, each in zip(("orgruntime", "Ray Tune"), spent_on, strict=True):
        parts = ", ".join(f"{kind} {seconds:.1f}" for kind, seconds in zip(KINDS, each, strict=True))
        lines.append(f"GPU-s until {LEVELS[-1]:.0%}, {who}: {parts}")
    lines += _winners(pairs)
    return "\n".join(lines)


def _at(name: str, n: int) -> Callable[[Told], float]:
    return lambda one: float(getattr(one, name)[n])


def _winners(pairs: Sequence[tuple[Told, Told]]) -> list[str]:
    """True gains in spreads of single runs, and who claimed what is not so."""
    n, mine, theirs = len(pairs), [a for a, _ in pairs], [b for _, b in pairs]
    certified = [one.certified for one in mine if one.certified is not None]
    shown = f"{median(certified) / SD:.2f}" if certified else "none"
    middle, low, high = interval([(a.gain - b.gain) / SD for a, b in pairs])
    least, least_low, least_high = interval([((a.certified or 0.0) - b.gain) / SD for a, b in pairs])
    moved = [f"{sum(o.false_moves for o in arm)}/{sum(o.moves for o in arm)}" for arm in (mine, theirs)]
    wrong = [sum(one.false_winner for one in arm) for arm in (mine, theirs)]
    gains = [median(one.gain for one in arm) / SD for arm in (mine, theirs)]
    return [
        f"{'true gain of the incumbent, run spreads':<42} {gains[0]:11.2f} {gains[1]:10.2f}"
        f"   difference {middle:+.2f} ({low:+.2f} to {high:+.2f})",
        f"{f'... of the champion ({len(certified)}/{n} certified)':<42} {shown:>11} {'-':>10}"
        f"   difference {least:+.2f} ({least_low:+.2f} to {least_high:+.2f}), 0 where none",
        f"{'incumbents no better than the one before':<42} {moved[0]:>11} {moved[1]:>10}",
        f"{'false winners':<42} {f'{wrong[0]}/{n}':>11} {f'{wrong[1]}/{n}':>10}",
    ]


def one_seed(name: str, seed: int, options: argparse.Namespace, address: str) -> tuple[Told, Told]:
    """Both arms, the first of them by turns."""
    world = World(HEADROOM[name], seed, options.seconds)
    arms: list[Callable[[], Told]] = [
        lambda: ours(world, options.trials, address),
        lambda: ray_tune(world, options.trials, address, options.reduction),
    ]
    order = (0, 1) if seed % 2 else (1, 0)
    found = {n: arms[n]() for n in order}
    mine, theirs = found[0], found[1]
    print(
        f"{name} {seed}: GPU-s {mine.gpu_s:.0f} | {theirs.gpu_s:.0f}, to {LEVELS[-1]:.0%}: {mine.reached[-1]:.0f} |"
        f" {theirs.reached[-1]:.0f}, gain {mine.gain / SD:.1f} | {theirs.gain / SD:.1f}, certified "
        f"{'-' if mine.certified is None else f'{mine.certified / SD:.1f}'}, wall {mine.whole_s:.0f} |"
        f" {theirs.whole_s:.0f} s",
        file=sys.stderr,
        flush=True,
    )
    if options.json:
        print(json.dumps({"world": name, "seed": seed, "pair": [asdict(mine), asdict(theirs)]}), flush=True)
    return mine, theirs


def read_pairs(paths: Sequence[Path]) -> dict[str, list[tuple[Told, Told]]]:
    """World → pairs, from what `--json` printed."""
    found: dict[str, list[tuple[Told, Told]]] = {}
    for line in (line for path in paths for line in path.read_text().splitlines()):
        row = json.loads(line)
        mine, theirs = (Told(**one) for one in row["pair"])
        found.setdefault(row["world"], []).append((mine, theirs))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--worlds", nargs="+", choices=list(HEADROOM), default=["typical", "null"])
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="3 seeds")
    parser.add_argument("--trials", type=int, default=160, help="of each arm")
    parser.add_argument("--seconds", type=float, default=0.5, help="of one trial that runs to its end")
    parser.add_argument("--reduction", type=int, default=2, help="of ASHA; 4 is its default")
    parser.add_argument("--json", action="store_true", help="a line of figures a seed, instead of the table")
    parser.add_argument("--read", type=Path, nargs="+", help="print the table of what --json printed, and run nothing")
    options = parser.parse_args()
    if options.read:
        print("\n".join(table(name, pairs) for name, pairs in read_pairs(options.read).items()))
        return
    os.environ.update(
        TUNE_DISABLE_AUTO_CALLBACK_LOGGERS="1", TUNE_GLOBAL_CHECKPOINT_S="100000", RAY_AUTH_MODE="disabled"
    )
    os.environ.update(TUNE_WARN_THRESHOLD_S="100000", RAY_AIR_NEW_OUTPUT="0")
    from ray.cluster_utils import Cluster

    head = {"num_cpus": GPUS + 2, "num_gpus": GPUS, "object_store_memory": 200 << 20}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    try:
        seeds = range(options.first_seed, options.first_seed + (3 if options.quick else options.seeds))
        found = {name: [one_seed(name, seed, options, cluster.address) for seed in seeds] for name in options.worlds}
    finally:
        cluster.shutdown()
    if options.json:
        return
    print(f"{options.trials} trials of {options.seconds:g} s on {GPUS} GPUs, reduction factor {options.reduction}")
    for name, pairs in found.items():
        print(table(name, pairs))


if __name__ == "__main__":
    main()
