"""The claims C1-C12 about proof, budgets and dials as simulations, each figure with its confidence bound.

    python benchmarks/claims.py                  all of them: about 20 minutes of CPU, spread over all cores
    python benchmarks/claims.py C1 C8            some
    python benchmarks/claims.py --runs 400       four times as many runs as usual
    python benchmarks/claims.py --quick          a fifth as many: intervals are wide, and what is rare is not shown

Prints claim, ok or FAIL, what was measured, the figure. Exit code 1 when a claim does not hold. What the ledger of a
real run holds of them is tested in tests/unit/ledger and tests/chaos, the fast versions in tests/unit/simulator.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import claims_evidence as evidence
import claims_policy as policy
from claims_evidence import Finding

RUNS = 100
CLAIMS = tuple(f"C{n}" for n in range(1, 13))
CHECKS: tuple[tuple[str, Callable[[int], Iterator[Finding]], int], ...] = (
    ("C1", evidence.null_streams, 40),
    ("C1", evidence.null_world, 20),
    ("C1", policy.null_world, 1),
    ("C2", evidence.false_share, 5),
    ("C2", policy.false_champions, 1),
    ("C3", evidence.greedy_control, 1),
    ("C3", policy.control, 1),
    ("C4", evidence.power, 40),
    ("C5", evidence.lap, 6),
    ("C5", policy.reported, 1),
    ("C6", evidence.verification, 2),
    ("C6", policy.verification, 1),
    ("C7", policy.sleeves, 1),
    ("C8", policy.money, 1),
    ("C9", policy.patience, 1),
    ("C10", policy.approval, 1),
    ("C11", policy.dials, 1),
    ("C12", policy.contests, 1),
)
"""Claim, check, repeats for each of `--runs`."""


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("claims", nargs="*", metavar="CLAIM", help=f"of {CLAIMS[0]} to {CLAIMS[-1]}; default: all")
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--quick", action="store_true", help=f"--runs {RUNS // 5}")
    asked = parser.parse_args(arguments)
    chosen = [claim.upper() for claim in asked.claims] or list(CLAIMS)
    if unknown := sorted(set(chosen) - set(CLAIMS)):
        parser.error(f"there is no claim {', '.join(unknown)}; there are {', '.join(CLAIMS)}")
    runs, failed, begin = (RUNS // 5 if asked.quick else asked.runs), 0, time.perf_counter()
    checks = [(partial(check, runs * repeats), check) for claim, check, repeats in CHECKS if claim in chosen]
    alone = [bound for bound, check in checks if check.__module__ == evidence.__name__]
    begun = dict(zip(alone, policy.side_by_side(alone), strict=True))
    for bound, _ in checks:
        for finding in begun[bound]() if bound in begun else bound():
            failed += not (finding.holds or finding.note)
            word = "note" if finding.note else "ok" if finding.holds else "FAIL"
            print(f"{finding.claim:3}  {word:4}  {finding.what:60}  {finding.seen}", flush=True)
    policy.close_pool()
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    cpu = sum(one.ru_utime + one.ru_stime for one in used)
    told = f"{failed} claims failed" if failed else "every claim held"
    print(f"{told}; {time.perf_counter() - begin:.0f} s, {cpu:.0f} s CPU")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
