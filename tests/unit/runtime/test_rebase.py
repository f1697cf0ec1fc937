"""A lead that moves under a proposal: constants side by side are no conflict, and what is measured is what the record
says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from recorded import Recorded, recorded
from supervised import Bench

from orgruntime.ledger.audit import audit
from orgruntime.model.ids import CommitId, TrialKey
from orgruntime.model.research import VerdictWord
from orgruntime.model.step import StepReply, StepRequest
from orgruntime.runtime.constants import Settings, read_knobs
from orgruntime.runtime.ports import Conflict
from orgruntime.runtime.rebase import on_lead
from orgruntime.testing.scripted_desks import declining

TABLE = "LR = 0.5  # 0 .. 9\nWIDTH = 1  # 0 .. 9\nDEPTH = 1  # 0 .. 9\nprint(LR)\n"


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Recorded]:
    with recorded(tmp_path) as made:
        yield made


def rebased(
    lab: Recorded, own: str, lead: str, settings: Settings | None = None, idea: str = "", base: str = TABLE
) -> str | tuple[str, ...]:
    """The text that is measured, or what conflicts."""
    workspace = lab.lab.workspace

    def commit(text: str, on: CommitId) -> CommitId:
        return workspace.commit(on, {"train.py": text.encode()}, message="m", author="a").id

    before = commit(base, lab.lab.base.id)
    fields: dict[str, Any] = {"base": before, "commit": commit(own, before), "settings": settings or {}}
    if idea:
        with lab.lab.ledger.transaction() as tx:
            fields["idea"] = tx.add_idea(idea, "person:ada")
    proposal = lab.propose({"train.py": own}, **fields)
    found = on_lead(lab.lab, proposal, before, proposal.commit, commit(lead, before))
    return found.paths if isinstance(found, Conflict) else workspace.read(found.id, "train.py").decode()


def table(base: str = TABLE, **values: object) -> str:
    for name, value in values.items():
        old = next(line for line in base.splitlines() if line.startswith(f"{name} = "))
        base = base.replace(old, f"{name} = {value}" + old[old.index("  #") :])
    return base


def test_constants_side_by_side_are_no_conflict(lab: Recorded) -> None:
    assert rebased(lab, table(LR="1e-3"), table(WIDTH=3)) == table(LR="1e-3", WIDTH=3)
    assert rebased(lab, table(LR=2.0), table(LR=2.0, WIDTH=3)) == table(LR=2.0, WIDTH=3)
    assert rebased(lab, table(LR=2.0), table(WIDTH=3).replace("print(LR)", "go(LR)")) == table(LR=2.0, WIDTH=3).replace(
        "print(LR)", "go(LR)"
    )


def test_one_constant_with_two_values_is_a_conflict_that_names_it(lab: Recorded) -> None:
    assert rebased(lab, table(LR=2.0), table(LR=3.0)) == ("LR in train.py",)
    assert rebased(lab, table(LR=2.0), table().replace("LR = 0.5  # 0 .. 9\n", "")) == ("LR in train.py",)


def test_more_than_constants_is_merged_by_lines(lab: Recorded) -> None:
    assert rebased(lab, table(LR=2.0).replace("print(LR)", "go(LR)"), table(WIDTH=3)) == ("train.py",)
    assert rebased(lab, table(LR=2.0).replace("9\nW", "8\nW"), table(WIDTH=3)) == ("train.py",)


def test_a_point_is_measured_as_it_is_recorded(lab: Recorded) -> None:
    """Though lines apart would merge, and what the lead has would be mixed into it."""
    point: Settings = {"LR": 0.5, "WIDTH": 1, "DEPTH": 4}
    apart = TABLE.replace("\n", "\n\n\n")
    for base in (TABLE, apart):
        found = rebased(lab, table(base, DEPTH=4), table(base, LR=3.0, WIDTH=2), point, base=base)
        assert isinstance(found, str)
        assert read_knobs({"train.py": found}).values == point


def test_a_point_that_the_lead_cannot_hold_goes_back(lab: Recorded) -> None:
    point: Settings = {"LR": 2.0, "WIDTH": 1, "DEPTH": 1}
    assert rebased(lab, table(LR=2.0), table().replace("DEPTH = 1", "DEPTH = WIDTH"), point) == ("train.py",)
    assert rebased(lab, table(LR=2.0), table(DEPTH='"deep"'), point) == ("train.py",)


def test_what_an_idea_asked_for_does_not_take_back_the_rest(lab: Recorded) -> None:
    apart = TABLE.replace("\n", "\n\n\n")
    told: Settings = {"LR": 0.5, "WIDTH": 1, "DEPTH": 4}
    found = rebased(lab, table(apart, DEPTH=4), table(apart, LR=3.0), told, idea="DEPTH = 4", base=apart)
    assert found == table(apart, DEPTH=4, LR=3.0)


def crowded(request: StepRequest) -> StepReply:
    """Points from the same few bases, so that leads move under most of them."""
    n = int(request.inquiry.removeprefix("q"))
    if n > 24:
        return declining("enough")
    settings: Settings = {"LR": float(n * 7 % 25) / 5, "WIDTH": n % 4, "DEPTH": n % 3}
    knobs = read_knobs(request.files)
    return StepReply(type="proposal", body={"hypothesis": f"point {n}"}, files=knobs.apply(settings), settings=settings)


def better(constants: Mapping[str, float]) -> float:
    return 10.0 - constants["LR"] - 0.1 * constants["WIDTH"]


def crowd(tmp_path: Path) -> Bench:
    files = {"train.py": b"LR = 0.0\nWIDTH = 9\nDEPTH = 0\n", "judge.py": b"JUDGE = 1\n"}
    return Bench(tmp_path, loss=better, sd=0.5, cpus=8, files=files)


async def test_every_trial_of_a_point_is_of_its_settings(tmp_path: Path) -> None:
    bench = crowd(tmp_path)
    await bench.run(crowded)
    assert "conflicts with it" not in " ".join(reason for _, reason in bench.verdicts().values())
    with bench.ledger() as ledger:
        carried = 0
        for proposal in ledger.proposals():
            rows = ledger.trials_of(proposal.id)
            assert all(bench.program.constants(row.identity.tree) == proposal.settings for row in rows)
            carried += any(row.commit != proposal.commit for row in rows)
        assert carried
    assert audit(tmp_path / "ledger.db") == []


async def test_the_lead_moves_to_what_ran_beside_the_lead_of_that_moment(tmp_path: Path) -> None:
    bench = crowd(tmp_path)
    await bench.run(crowded)
    with bench.ledger() as ledger:
        rows = {row.key: row.identity for row in ledger.trials()}
        before = bench.workspace.base().tree
        moves = 0
        for lead in ledger.lead_history():
            after = bench.workspace.get(lead.commit).tree
            if lead.proposal:
                verdict = ledger.verdict(lead.proposal)
                assert verdict is not None
                assert verdict.word is VerdictWord.KEEP
                ran = [rows[TrialKey(key)] for key in verdict.evidence]
                seeds = [{one.seed for one in ran if one.tree == tree} for tree in (before, after)]
                assert seeds[0] & seeds[1]
                moves += 1
            before = after
        assert moves > 1


async def test_rivals_that_ran_on_one_seed_are_not_run_again(tmp_path: Path) -> None:
    """Both gain over the base. Whichever moves the lead first, their runs on the base's seed tell them apart."""
    bench = Bench(tmp_path, sd=0.02, cpus=8, files={"train.py": TABLE.encode(), "judge.py": b"JUDGE = 1\n"})

    def rivals(request: StepRequest) -> StepReply:
        if len(request.past) >= 2:
            return declining("enough")
        settings: Settings = {"LR": 2.0 + request.desk}
        files = read_knobs(request.files).apply(settings)
        return StepReply(type="proposal", body={"hypothesis": f"{request.desk}"}, files=files, settings=settings)

    await bench.run(rivals)
    with bench.ledger() as ledger:
        assert [len(ledger.trials_of(proposal.id)) for proposal in ledger.proposals()] == [1, 1]
        lead = ledger.lead()
        assert lead is not None
        assert b"LR = 3.0" in bench.workspace.read(lead.commit, "train.py")
