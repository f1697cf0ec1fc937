"""What an earlier log says reaches desks that read words, and decides nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from supervised import Bench

from orgruntime.model.history import PastResult, PastWord
from orgruntime.model.manifest import RoleKind
from orgruntime.runtime.lab import Lab
from orgruntime.runtime.supervisor import Supervisor
from orgruntime.testing.lab import ROLES, small_org
from orgruntime.testing.scripted_desks import ScriptedDesks, declining

PAST = (PastResult(file="results.tsv", line=2, metric=0.001, word=PastWord.KEEP, status="keep", note="wider"),)


def with_history(lab: Lab, supervisor: Supervisor) -> None:
    with lab.ledger.transaction() as tx:
        tx.add_history(PAST)


@pytest.mark.parametrize(
    ("species", "shown"),
    [
        ("digest/ledger", ("results.tsv: 1 row (1 keep)", "keep 0.001: wider")),
        ("search/tpe", ()),
        ("control/null", ()),
    ],
)
async def test_who_reads_words_is_shown_it(tmp_path: Path, species: str, shown: tuple[str, ...]) -> None:
    roles = tuple(
        role.model_copy(update={"species": (species,)}) if role.kind is RoleKind.AGENT else role for role in ROLES
    )
    bench = Bench(tmp_path, org=small_org(roles=roles))
    bench.prepare = with_history
    await bench.run(lambda request: declining("no more"))
    assert isinstance(bench.desks, ScriptedDesks)
    assert {request.history for request in bench.desks.asked} == {shown}
    with bench.ledger() as ledger:
        noise = ledger.noise()
        assert noise is not None
        assert noise.baseline > 5, "the log's 0.001 is nobody's baseline"
        assert {row.metric for row in ledger.lead_history()} <= {None, noise.baseline}
