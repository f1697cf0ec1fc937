"""The claims about the whole policy (C1-C3 and C5-C12), through `decide` on a virtual cluster and clock.

Bounds are one-sided 99 % Clopper-Pearson for shares, 95 % normal intervals for means. `claims.py` runs them.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from random import Random
from statistics import fmean, median, quantiles
from typing import Any

from claims_evidence import Finding, lower, share, upper

from orgruntime.model.amounts import Budget
from orgruntime.model.appetite import PRESETS, Preset
from orgruntime.model.ids import TrialKey
from orgruntime.model.manifest import Direction, Resources
from orgruntime.model.research import RiskClass
from orgruntime.model.simulation import Figure, GreedyRun, SimulatedRun
from orgruntime.scheduler.choice import Record, by_results
from orgruntime.scheduler.decide import CLIMB, Decision, Snapshot, Verb
from orgruntime.scheduler.evidence import Evidence, bet
from orgruntime.scheduler.halving import WINDOW, cost_bound, rungs, survives
from orgruntime.scheduler.sleeves import Sleeves, turn
from orgruntime.simulator.figures import mean_of
from orgruntime.simulator.greedy import greedy_run
from orgruntime.simulator.lab import SimulatedLab, Terms, simulate
from orgruntime.simulator.worlds import NOISES, WORLDS, NoiseName, World, WorldName, curve_shape, shown_at

HOUR_MS = 3_600_000
TRIALS = 300
SURE = {Preset.CAUTIOUS: 5, Preset.BALANCED: 2, Preset.BOLD: 1}
"""Runs of a preset, in units of what is asked: 459 runs without a hit are what shows that a share is at most 1 %."""
CAUTIOUS, BALANCED, BOLD = (PRESETS[preset] for preset in Preset)


def terms(world: str = "typical", noise: str = "gaussian", preset: Preset = Preset.BALANCED, **changes: Any) -> Terms:
    """300 trials on 8 GPUs. Somebody answers every dry spell, so that a run uses its budget. `dials`: of the appetite;
    `troubles`: of the world."""
    dials, troubles = changes.pop("dials", {}), changes.pop("troubles", {})
    made = Terms(
        appetite=PRESETS[preset].model_copy(update=dials),
        budget=Budget(trials=TRIALS),
        world=World(ideas=WORLDS[WorldName(world)], noise=NOISES[NoiseName(noise)], **troubles),
        slots=8,
        resources=Resources(gpus=1),
        go_on=True,
    )
    return replace(made, **changes)


def side_by_side(checks: Sequence[Callable[[], Iterator[Finding]]]) -> list[Callable[[], list[Finding]]]:
    """Each check in a process of its own, begun at once; what is returned waits for it."""
    return [_pool().submit(_listed, check).result for check in checks]


def _listed(check: Callable[[], Iterator[Finding]]) -> list[Finding]:
    return list(check())


def many(made: Terms, n: int) -> list[SimulatedRun]:
    """Runs with seeds 0 to n − 1, on all cores."""
    return list(_pool().map(partial(simulate, made), range(n), chunksize=max(1, n // 16)))


def null_world(n: int) -> Iterator[Finding]:
    """C1: P(any champion) ≤ α where nothing gains."""
    for preset in Preset:
        runs, alpha = many(terms("null", preset=preset), n * SURE[preset]), PRESETS[preset].false_champions
        hits = sum(run.champions > 0 for run in runs)
        seen = share(hits, len(runs), upper)
        yield Finding(
            "C1", f"the policy, null world, {preset.value}, α {alpha:g}", seen, upper(hits, len(runs)) <= alpha
        )


def false_champions(n: int) -> Iterator[Finding]:
    """C2: P(any champion at or below δ) ≤ α, which bounds the false discovery rate."""
    bolder = (Preset.BALANCED, Preset.BOLD)
    cells = (("dense", "gaussian", Preset), ("typical", "heavy-tailed", Preset), ("typical", "two-point", bolder))
    for world, noise, presets in (*cells, ("typical", "skewed", bolder)):
        for preset in presets:
            runs, alpha = many(terms(world, noise, preset), n * SURE[preset]), PRESETS[preset].false_champions
            hits = sum(run.any_false for run in runs)
            seen = f"{share(hits, len(runs), upper)}, {fmean(run.champions for run in runs):.2f} champions a run"
            label = f"the policy, {world}, {noise}, {preset.value}, α {alpha:g}"
            yield Finding("C2", label, seen, upper(hits, len(runs)) <= alpha)


def control(n: int) -> Iterator[Finding]:
    """C3: keeping what scores best fails C1 and C2 for every α of a preset, in the same worlds."""
    largest = max(appetite.false_champions for appetite in PRESETS.values())
    for world, noise in (("null", "gaussian"), ("null", "skewed"), ("sparse", "gaussian"), ("typical", "heavy-tailed")):
        runs = [_greedy(world, noise, seed) for seed in range(2 * n)]
        hits = sum(run.any_false for run in runs)
        seen = share(hits, len(runs), lower)
        yield Finding("C3", f"greedy fails, {world}, {noise}, α {largest:g}", seen, lower(hits, len(runs)) > largest)
    for world in WorldName:
        found = mean_of([_greedy(world.value, "gaussian", seed).false_share for seed in range(2 * n)])
        yield Finding("C3", f"greedy, {world.value}: share of champions that are false", _of(found), found.low >= 0.3)


def reported(n: int) -> Iterator[Finding]:
    """C5: the gain that a champion's certificate reports is unbiased."""
    for world in ("typical", "dense"):
        # A run has about one champion: with 200 of them the standard error would be half of the bound.
        runs = many(terms(world), 5 * n)
        errors = mean_of([said - true for run in runs for true, said in run.gains])
        count = sum(run.champions for run in runs)
        label = f"the policy, {world}: reported − true gain, in run spreads"
        yield Finding("C5", label, f"{_of(errors)} over {count} champions", abs(errors.mean) <= 0.1)


def verification(n: int) -> Iterator[Finding]:
    """C6: never more than 30 % of the trials verify, however many run at once."""
    for slots in (1, 8, 64):
        runs = many(terms("dense", slots=slots, dials={"false_champions": 0.2, "smallest_win": 0.25}), n)
        most = max(run.verification_trials / TRIALS for run in runs)
        yield Finding("C6", f"the policy, eager, {slots} at once: most that verified", f"{most:.3f}", most <= 0.30)


def sleeves(n: int) -> Iterator[Finding]:
    """C7: a sleeve is within one trial of its share whenever it is its turn; over a run the shares are what they were
    to be."""
    random, worst = Random(7), 0.0
    for _ in range(20 * n):
        worst = max(worst, _furthest(random, steps=300))
    yield Finding("C7", "furthest from the share, in trials of the largest cost", f"{worst:.3f}", worst <= 1.0)
    for exploration in (0.1, 0.3, 0.6):
        runs = many(terms("dense", slots=4, dials={"exploration": exploration}), n)
        off = mean_of([run.exploring_share - run.exploring_target for run in runs])
        seen = f"{_of(off)}; {fmean(run.exploring_share for run in runs):.3f} of the climb"
        label = f"realised − target share of long shots, dial {exploration:g}"
        yield Finding("C7", label, seen, max(abs(off.low), abs(off.high)) <= 0.03)


def money(n: int) -> Iterator[Finding]:
    """C8: no trial of the climb holds more than the stake of what is left, and no bound is passed, whatever fails."""
    troubles = {"crash": 0.2, "lost": 0.1, "straggler": 0.1, "node_life_s": 4000.0}
    budgets = (
        Budget(trials=150),
        Budget(gpu_ms=40 * HOUR_MS),
        Budget(trials=200, gpu_ms=15 * HOUR_MS, wall_ms=6 * HOUR_MS),
    )
    for preset in Preset:
        stake = PRESETS[preset].largest_stake
        runs = [
            run
            for budget in budgets
            for run in many(terms(preset=preset, budget=budget, troubles=troubles, per_node=2), max(1, n // 3))
        ]
        bite, over = max(run.largest_bite for run in runs), sum(run.overspent for run in runs)
        lost = sum(run.lost for run in runs)
        seen = f"largest {bite:.4f}, {over} of {len(runs)} runs overspent, {lost:,} attempts lost"
        yield Finding(
            "C8", f"worst case of what is left, {preset.value}, stake {stake:g}", seen, bite <= stake and not over
        )


def patience(n: int) -> Iterator[Finding]:
    """C9: what halving costs stays near its bound, and falls with what is kept."""
    for keep in (2 / 3, 1 / 2, 1 / 3):
        ratio = mean_of([_halving_cost(Random(seed), 243, keep) / cost_bound(243, keep) for seed in range(n)])
        label = f"cost of 243 crossing curves / bound, keep {keep:.2f}"
        yield Finding("C9", label, f"{_of(ratio)}; bound {cost_bound(243, keep) / 243:.2f} of all", ratio.high <= 1.25)
    costs, wasted = [], []
    for keep in (1.0, 2 / 3, 1 / 2, 1 / 3):
        runs = many(terms(budget=Budget(gpu_ms=24 * HOUR_MS), dials={"keep_per_rung": keep, "largest_stake": 0.15}), n)
        costs.append(mean_of([run.device_hours / max(1, run.candidates) for run in runs]))
        wasted.append(fmean(run.shares.get("killed", 0.0) + run.shares.get("wasted", 0.0) for run in runs))
    seen = " > ".join(f"{cost.mean:.3f}" for cost in costs) + " GPU h; ended early or wasted " + _list(wasted)
    falls = all(one.low > other.high for one, other in zip(costs, costs[1:], strict=False))
    yield Finding("C9", "GPU time of an idea, keep 1 > 2/3 > 1/2 > 1/3", seen, falls)


def approval(n: int) -> Iterator[Finding]:
    """C10: in a dry spell nothing of the climb starts until somebody says to go on."""
    for preset in Preset:
        pairs = list(_pool().map(partial(_watched, terms("null", preset=preset)), range(n)))
        breaches, pauses = (sum(pair[place] for pair in pairs) for place in (0, 1))
        seen = f"{breaches} starts in {pauses} dry spells"
        yield Finding(
            "C10", f"starts between dry spell and answer, {preset.value}", seen, pauses >= n / 2 and not breaches
        )


def dials(n: int) -> Iterator[Finding]:
    """C11: each dial moves what it is for, cautious against bold, the other dials balanced; 95 % intervals disjoint."""
    day = Budget(gpu_ms=24 * HOUR_MS)
    proof = "proof: champions a run"
    yield from _moves(proof, 4 * n, "false_champions", lambda run: run.champions, world="dense", slots=1)
    yield from _moves("smallest win: tests a run", n, "smallest_win", lambda run: run.tests)
    yield from _moves(
        "exploration: share of long shots", n, "exploration", lambda run: run.exploring_share, world="dense"
    )
    yield from _moves("patience: GPU h an idea", n, "keep_per_rung", _hours_an_idea, down=True)
    yield from _moves(
        "stake: largest bite of what is left", n, "largest_stake", lambda run: run.largest_bite, budget=day
    )
    yield from _moves(
        "dry spell: trials until it asks", n, "dry_spell", lambda run: run.trials, world="null", go_on=False
    )
    backed = [
        list(_pool().map(partial(_backed, quantile), range(4 * n), chunksize=16))
        for quantile in (CAUTIOUS.optimism, BOLD.optimism)
    ]
    more = mean_of([high - low for low, high in zip(*backed, strict=True)])
    seen = f"{fmean(backed[0]):.3f} → {fmean(backed[1]):.3f}, on the same seeds {_of(more)} more"
    yield Finding("C11", "optimism: true gain of a late step, noisy panel", seen, more.low > 0)


def contests(n: int) -> Iterator[Finding]:
    """C12: two orgs differ only where the e-value over paired blocks says so."""
    alpha, blocks = 0.05, 40
    for noise in NoiseName:
        random = Random(12)
        hits = sum(_called([_block(noise, random) for _ in range(blocks)], alpha) != 0 for _ in range(20 * n))
        seen = share(hits, 20 * n, upper)
        yield Finding(
            "C12", f"equal orgs told apart in {blocks} blocks, {noise.value}", seen, upper(hits, 20 * n) <= alpha
        )
    pool = [run.gain for run in many(terms("dense"), 2 * n)]
    spread, random, hits = _spread(pool), Random(13), 0
    for _ in range(10 * n):
        hits += _called([(random.choice(pool) - random.choice(pool)) / spread for _ in range(blocks)], alpha) != 0
    yield Finding(
        "C12", "an org against itself, gains of whole runs", share(hits, 10 * n, upper), upper(hits, 10 * n) <= alpha
    )
    for effect, claimed in ((0.8, 0.9), (0.5, 0.0), (0.3, 0.0)):
        random = Random(14)
        taken = [_blocks_to(effect, random, alpha, 60) for _ in range(4 * n)]
        known = [blocks for blocks in taken if blocks is not None]
        seen = f"{share(len(known), 4 * n, lower)} decided by 60 blocks, median {median(known):g}"
        label = f"an org better by {effect:g} spreads of a block"
        yield Finding("C12", label, seen, lower(len(known), 4 * n) >= claimed, note=not claimed)


# Runs


_POOL: list[ProcessPoolExecutor] = []


def _pool() -> ProcessPoolExecutor:
    if not _POOL:
        _POOL.append(ProcessPoolExecutor(max_workers=os.cpu_count()))
    return _POOL[0]


def close_pool() -> None:
    while _POOL:
        _POOL.pop().shutdown()


def _greedy(world: str, noise: str, seed: int) -> GreedyRun:
    made = World(ideas=WORLDS[WorldName(world)], noise=NOISES[NoiseName(noise)])
    return greedy_run(made, TRIALS, BALANCED.exploration, seed)


class _Watched(SimulatedLab):
    """Counts what of the climb is started in a dry spell, and its pauses."""

    breaches = pauses = suspects = 0

    def _snapshot(self) -> Snapshot:
        self.breaches, self.suspects = self.breaches + self.suspects, 0
        self.now = super()._snapshot()
        return self.now

    def _obey(self, decision: Decision) -> None:
        now = self.now
        if decision.verb is Verb.PAUSE:
            self.pauses += 1
        elif decision.verb is Verb.CERTIFY:
            self.suspects = 0  # A test of the same tick is what a dry spell waits for.
        elif decision.verb is Verb.START_TRIAL:
            dry = now.since_champion >= now.numbers.dry_spell and now.baseline_known and not now.certification_running
            self.suspects += dry and self._orders[TrialKey(decision.subject)].asked.purpose in CLIMB
        super()._obey(decision)


def _watched(made: Terms, seed: int) -> tuple[int, int]:
    lab = _Watched(made, seed)
    lab.run()
    return lab.breaches, lab.pauses


# Dials


def _moves(
    label: str, n: int, dial: str, figure: Callable[[SimulatedRun], float], *, down: bool = False, **changes: Any
) -> Iterator[Finding]:
    figures = [
        mean_of([figure(run) for run in many(terms(**changes, dials={dial: getattr(appetite, dial)}), n)])
        for appetite in (CAUTIOUS, BOLD)
    ]
    low, high = reversed(figures) if down else figures
    yield Finding("C11", label, f"{_of(figures[0])} → {_of(figures[1])}", low.high < high.low)


def _hours_an_idea(run: SimulatedRun) -> float:
    return run.device_hours / max(1, run.candidates)


def _backed(quantile: float, seed: int, members: int = 8, steps: int = 150) -> float:
    """The mean true gain of the last third of a panel's steps. Members differ by 1 spread, steps of one by 3."""
    random = Random(seed)
    truth = [random.gauss(0.0, 1.0) for _ in range(members)]
    gains: list[list[float]] = [[] for _ in truth]
    chosen = []
    for _ in range(steps):
        panel = [Record(str(n), len(some), 0, tuple(some)) for n, some in enumerate(gains)]
        pick = int(by_results(panel, quantile).name)
        gains[pick].append(truth[pick] + random.gauss(0.0, 3.0))
        chosen.append(truth[pick])
    return fmean(chosen[-steps // 3 :])


# Sleeves and rungs


def _furthest(random: Random, steps: int) -> float:
    """Of a random sequence of trials with costs of any size, in units of the largest so far."""
    part, given, largest, worst = random.uniform(0.0, 0.8), Sleeves(), 0.0, 0.0
    for _ in range(steps):
        costs = {sleeve: random.choice((1.0, random.uniform(1.0, 50.0))) for sleeve in RiskClass}
        chosen = turn(given, part, costs)
        given = given.given(chosen, costs[chosen])
        largest = max(largest, *costs.values())
        worst = max(worst, abs(given.explore - part * given.total) / largest)
    return worst


def _halving_cost(random: Random, trials: int, keep: float) -> float:
    """In whole trials, judged as they come against the latest before them."""
    had: dict[float, deque[float]] = {rung: deque(maxlen=WINDOW) for rung in rungs(keep)}
    spent = 0.0
    for _ in range(trials):
        final, shape = random.gauss(0.0, 1.0), curve_shape(random)
        spent += next(
            (rung for rung in had if not _goes_on(had[rung], shown_at(final, shape, rung, random), keep)), 1.0
        )
    return spent


def _goes_on(had: deque[float], value: float, keep: float) -> bool:
    goes_on = survives(value, had, keep, Direction.MAXIMIZE)
    had.append(value)
    return goes_on


# Contests


def _block(noise: NoiseName, random: Random, effect: float = 0.0) -> float:
    """The difference of two orgs on one task and seed, in its spread; the seed's part is shared."""
    return effect + (NOISES[noise](random) - NOISES[noise](random)) / 2**0.5


def _called(differences: Sequence[float], alpha: float) -> int:
    """1 or −1 for the better org, 0 for no difference shown: a bet on each side at α/2."""
    ahead, behind = Evidence(), Evidence()
    for difference in differences:
        ahead, behind = bet(ahead, difference, 0.0, 2.0), bet(behind, -difference, 0.0, 2.0)
        if max(ahead.wealth, behind.wealth) >= 2.0 / alpha:
            return 1 if ahead.wealth > behind.wealth else -1
    return 0


def _blocks_to(effect: float, random: Random, alpha: float, most: int) -> int | None:
    evidence = Evidence()
    while evidence.bets < most:
        evidence = bet(evidence, _block(NoiseName.GAUSSIAN, random, effect), 0.0, 2.0)
        if evidence.wealth >= 2.0 / alpha:
            return evidence.bets
    return None


def _spread(values: Sequence[float]) -> float:
    """Of a difference of two: √2 × the middle half's, as a normal law has it, so that one long shot does not set it."""
    first, _, third = quantiles(values, n=4)
    return 2**0.5 * max(third - first, 1e-9) / 1.349


def _of(figure: Figure) -> str:
    return f"{figure.mean:.3f} ({figure.low:.3f} to {figure.high:.3f})"


def _list(values: Sequence[float]) -> str:
    return ", ".join(f"{value:.0%}" for value in values)
