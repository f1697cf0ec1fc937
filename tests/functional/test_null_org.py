"""An org with nothing to find certifies nothing. The same ledger, read by the usual rule, is full of discoveries."""

from __future__ import annotations

import importlib.util
import random
import sys
from pathlib import Path
from types import ModuleType

import pytest
from cli_cases import orgrun_process

from orgruntime.ledger.audit import audit
from orgruntime.ledger.store import Ledger

TRIALS = 240
PROPOSALS = 100
"""The single-score rule is expected to claim 13 in five labs of twenty; none at all is as likely as 21**-5."""


@pytest.fixture(scope="module")
def null_org() -> ModuleType:
    """The benchmark of the same claim, which runs for longer."""
    path = Path(__file__).parents[2] / "benchmarks/null_org.py"
    spec = importlib.util.spec_from_file_location("null_org", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["null_org"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.ray
@pytest.mark.slow(65)
@pytest.mark.timeout(400)
def test_nothing_is_certified_where_nothing_is_to_be_found(null_org: ModuleType, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    words = ("--seed", "3", "--run-id", "r", "--runs", runs)
    said = orgrun_process("run", null_org.write_org(tmp_path, TRIALS), *words, cwd=tmp_path, timeout=300)
    assert said.code == 0, said.out + said.err
    path = runs / "r" / "ledger.db"
    found = null_org.read(path, 0.0)
    assert found.proposals >= PROPOSALS, found
    assert found.champions == 0, found
    assert found.claims > 0, "the control rule found nothing either: this test could not fail"
    assert audit(path) == []
    with Ledger.open_readonly(path) as ledger:
        champion = ledger.champion()
        assert champion is not None
        assert champion.commit == ledger.champion_history()[0].commit
        assert ledger.amounts().spent.trials <= TRIALS


def test_the_control_rule_counts_records(null_org: ModuleType) -> None:
    assert null_org.single_score_claims([5.0], [6.0, 4.0, 4.5, 3.0], a_lab=4) == 2
    assert null_org.single_score_claims([5.0, 1.0], [4.0, 4.0, 4.0, 0.5], a_lab=2) == 2
    assert null_org.single_score_claims([5.0], [], a_lab=2) == 0


def test_the_control_rule_claims_what_theory_says(null_org: ModuleType) -> None:
    rng = random.Random(1)
    labs = 2000
    scores = [rng.gauss(0, 1) for _ in range(20 * labs)]
    claims = null_org.single_score_claims([rng.gauss(0, 1) for _ in range(labs)], scores)
    assert claims / labs == pytest.approx(sum(1 / n for n in range(2, 22)), abs=0.1)
