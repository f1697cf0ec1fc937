"""A certificate's arithmetic: what is true passes, and each figure that does not follow is named."""

from __future__ import annotations

from typing import Any

import pytest

from orgruntime.api.certificate_checks import arithmetic
from orgruntime.model.ids import CertificationId, CommitId, RunId, TreeId
from orgruntime.model.manifest import Direction
from orgruntime.model.research import Certificate, LapPair, Pair, VoidPair
from orgruntime.scheduler.evidence import Evidence, hypothesis, lap_summary, observe, threshold

SD, DELTA = 0.1, 0.05
BASE, BEFORE, AFTER = (CommitId(letter * 40) for letter in "abc")


def minimized(before: float, after: float) -> float:
    return Direction.MINIMIZE.gain(before, after)


def lap_pair(seed: int, baseline: float | None, champion: float | None, lead: float | None) -> LapPair:
    gain = minimized(champion, lead) if champion is not None and lead is not None else 0.0
    return LapPair(seed=seed, champion=champion, lead=lead, gain=gain, order="champion first", baseline=baseline)


LAP = (lap_pair(101, 3.0, 2.0, 1.5), lap_pair(102, 3.2, None, 1.4), lap_pair(103, 2.9, 2.1, 1.3))
VOIDS = (VoidPair(stage="lap", seed=102, reason="the champion gave no number"),)


def certificate(lap: tuple[LapPair, ...] = LAP, before: CommitId = BEFORE, **changed: Any) -> Certificate:
    """Of a second champion, whose lap lost one seed."""
    pairs = tuple(Pair(seed=n, champion=2.0, lead=1.5, gain=minimized(2.0, 1.5), order="lead first") for n in range(12))
    evidence = Evidence()
    for pair in pairs:
        evidence = observe(evidence, pair, DELTA, 2 * SD)
    whole = [pair for pair in lap if pair.is_whole]
    gain, interval = lap_summary([pair.gain for pair in whole], SD)
    total, total_interval = lap_summary([minimized(pair.baseline or 0, pair.lead or 0) for pair in whole], SD)
    baseline = sum(pair.baseline or 0 for pair in whole) / len(whole)
    fields: dict[str, Any] = {
        "id": CertificationId("c1"), "run": RunId("r"), "org": "o", "manifest": "m", "metric": "loss",
        "direction": "minimize", "workspace_source": "/ws", "base_commit": BASE, "champion_before": before,
        "champion_after": AFTER, "tree_before": TreeId("1" * 40), "tree_after": TreeId("2" * 40), "command": "run",
        "setup": None, "time_limit_s": 10.0, "hardware": "cpu:1", "isolation": "none", "environment": {},
        "hypothesis": hypothesis("loss", DELTA, 2 * SD), "delta": DELTA, "scale": 2 * SD,
        "threshold": threshold(0.05, 5, 0), "test_number": 1, "tests_planned": 5, "false_champions": 0.05,
        "wins": evidence.wins, "e_value": evidence.wealth, "pairs": pairs, "lap": lap, "voids": VOIDS, "gain": gain,
        "gain_interval": interval, "total_gain": total, "total_gain_percent": 100 * total / baseline,
        "total_gain_interval": total_interval, "baseline_metric": baseline,
        "champion_metric": sum(pair.lead or 0 for pair in whole) / len(whole), "patch": "", "trials": (),
        "proposals": (),
    }  # fmt: skip
    return Certificate(**{**fields, **changed})


def failed(paper: Certificate) -> str:
    return "; ".join(check.text for check in arithmetic(paper) if not check.passed)


def test_what_follows_passes() -> None:
    assert failed(certificate()) == ""


@pytest.mark.parametrize(
    "figure",
    [
        "gain", "gain_interval", "champion_metric", "baseline_metric", "total_gain", "total_gain_interval",
        "total_gain_percent",
    ],
)  # fmt: skip
def test_a_figure_that_does_not_follow_is_named(figure: str) -> None:
    true = getattr(certificate(), figure)
    false = (true[0] + 0.01, true[1] - 0.01) if isinstance(true, tuple) else true + 0.01
    assert f"`{figure}` is " in failed(certificate(**{figure: false}))


def test_an_interval_around_the_right_middle_that_is_too_narrow_is_named() -> None:
    paper = certificate()
    middle = paper.total_gain
    said = failed(certificate(total_gain_interval=(middle - 1e-3, middle + 1e-3)))
    assert said.startswith("`total_gain_interval` is ")


def test_a_whole_pair_of_the_lap_cannot_be_left_out() -> None:
    paper = certificate(lap=(LAP[0],), voids=())
    assert "`gain` is " in failed(paper.model_copy(update={"lap": (LAP[0], LAP[2])}))


def test_a_pair_of_the_lap_that_did_not_finish_must_be_explained() -> None:
    assert "lap pair 2 (seed 102) did not finish" in failed(certificate(voids=()))


def test_the_champion_before_is_the_baseline_where_it_is_the_base_commit() -> None:
    lap = tuple(lap_pair(seed, 3.0, 3.0, 1.5 + seed / 10) for seed in range(3))
    paper = certificate(lap=lap, before=BASE, voids=(), pairs=())
    bare = tuple(pair.model_copy(update={"baseline": None}) for pair in lap)
    said = failed(paper.model_copy(update={"lap": bare}))
    assert "gain" not in said.replace("gains", ""), said


def test_without_the_baseline_of_its_lap_a_total_gain_does_not_follow() -> None:
    bare = tuple(pair.model_copy(update={"baseline": None}) for pair in LAP)
    assert "no gain follows from it" in failed(certificate().model_copy(update={"lap": bare}))


def test_a_direction_that_is_none_is_said() -> None:
    assert failed(certificate(direction="sideways")) == "'sideways' is neither minimize nor maximize"
