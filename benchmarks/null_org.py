"""Claim: an org that can find nothing certifies nothing; the rule "keep every better single score" claims a lot.

A lab whose every proposal changes a comment, and whose every score is drawn by the machine's own randomness, runs
through the whole path: driver, Ray, sandbox, ledger. Afterwards the rule that most single-agent loops use is applied to
the very same ledger.

    python benchmarks/null_org.py --runs 3 --trials 2000
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from orgruntime.ledger.store import Ledger
from orgruntime.model.trial import Purpose

PROGRAM = """\
---
format: orgruntime/1
objective: {{metric: score, direction: minimize}}
workspace:
  source: ../ws
  editable: [trial.py]
  run: python -S -E trial.py
  time_limit: 20s
risk: {{preset: {risk}, dry_spell: 100%}}
budget: {{trials: {trials}}}
models: {{default: control/null}}
---

# Nothing to find

Every change is a comment, every score is luck.

## Roles

| role | kind | count |
|---|---|---|
| [Dreamer](roles/dreamer.md) | agent | 3 |
"""

TRIAL = """\
import os
draws = os.urandom(96)
print("---")
print("score:", sum(int.from_bytes(draws[at:at + 8], "big") / 2**64 for at in range(0, 96, 8)) - 6 + 10)
"""
"""The sum of twelve uniform draws: nearly normal, sd 1, around 10."""


@dataclass(frozen=True)
class Null:
    """What one run of the null org came to."""

    reason: str
    trials: int
    proposals: int
    tests: int
    champions: int
    lead_moves: int
    claims: int
    """Improvements that the single-score rule claims."""
    wall_s: float


def write_org(place: Path, trials: int, risk: str = "balanced") -> Path:
    """An org below `place` that has nothing to find."""
    org = place / "org"
    (org / "roles").mkdir(parents=True)
    (place / "ws").mkdir()
    (place / "ws/trial.py").write_text(TRIAL)
    (org / "program.md").write_text(PROGRAM.format(trials=trials, risk=risk))
    (org / "roles/dreamer.md").write_text("---\nname: dreamer\n---\n\nYou change a comment.\n")
    return org


def run_org(org: Path, runs: Path, seed: int) -> Path:
    """Runs it to its end; returns its ledger. Raises RuntimeError with what it said when it fails."""
    words = [sys.executable, "-m", "orgruntime.cli.main", "run", str(org), "--seed", str(seed)]
    done = subprocess.run(
        [*words, "--run-id", f"null-{seed}", "--runs", str(runs), "--json"], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(f"exit code {done.returncode}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return Path(json.loads(done.stdout.splitlines()[-1])["folder"]) / "ledger.db"


def single_score_claims(baseline: Sequence[float], scores: Sequence[float], a_lab: int = 20) -> int:
    """Improvements that "keep what scores better than the best so far" claims, smaller being better.

    The proposals are dealt out to labs of `a_lab` proposals; each starts from one run of the baseline, as single-agent
    loops do. The expected number a lab is 1/2 + 1/3 + … + 1/(n + 1), which is 2.6 for 20.
    """
    claims = 0
    for lab, start in enumerate(range(0, len(scores), a_lab)):
        best = baseline[lab % len(baseline)]
        for score in scores[start : start + a_lab]:
            claims += score < best
            best = min(best, score)
    return claims


def read(path: Path, wall_s: float) -> Null:
    with Ledger.open_readonly(path) as ledger:
        rows = ledger.trials()
        first: dict[str, float] = {}
        for row in rows:
            if row.proposal is not None and row.purpose is Purpose.SCREEN and row.metric is not None:
                first.setdefault(row.proposal, row.metric)
        baseline = [row.metric for row in rows if row.purpose is Purpose.NOISE and row.metric is not None]
        return Null(
            reason=ledger.run().reason,
            trials=len(rows),
            proposals=len(ledger.proposals()),
            tests=len(ledger.certifications()),
            champions=sum(row.certificate is not None for row in ledger.champion_history()),
            lead_moves=len(ledger.lead_history()),
            claims=single_score_claims(baseline, list(first.values())),
            wall_s=wall_s,
        )


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--runs", type=int, default=3)
    options.add_argument("--trials", type=int, default=2000)
    options.add_argument("--risk", default="balanced")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as place:
        org = write_org(Path(place), chosen.trials, chosen.risk)
        for seed in range(chosen.runs):
            began = time.monotonic()
            print(read(run_org(org, Path(place) / "runs", seed), time.monotonic() - began), flush=True)


if __name__ == "__main__":
    main()
