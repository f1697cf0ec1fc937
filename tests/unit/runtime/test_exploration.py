"""Exploration in force: long shots and safe bets get their shares of the climb's device time, whoever proposes more."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from supervised import Bench

from orgruntime.model.amounts import Budget
from orgruntime.model.appetite import PRESETS, Preset
from orgruntime.model.ids import CommitId, TreeId
from orgruntime.model.manifest import RoleKind
from orgruntime.model.research import RiskClass
from orgruntime.model.species import nature
from orgruntime.model.step import StepReply, StepRequest
from orgruntime.model.trial import Purpose, TrialIdentity
from orgruntime.runtime.agent_step import DeskPool
from orgruntime.runtime.board import Order
from orgruntime.runtime.sleeve_book import SleeveBook
from orgruntime.scheduler.sleeves import STUCK_AFTER, Sleeves
from orgruntime.testing.lab import ROLES, small_org
from orgruntime.testing.scripted_desks import setting


def bench_of(folder: Path, *species: str) -> Bench:
    """A panel of which nobody ever finds anything better, and a share that is at its cap, so that it stays."""
    roles = tuple(
        r.model_copy(update={"count": 16, "species": species}) if r.kind is RoleKind.AGENT else r for r in ROLES
    )
    appetite = PRESETS[Preset.BALANCED].model_copy(update={"exploration": 0.8, "dry_spell": 1.0})
    return Bench(folder, org=small_org(roles=roles, appetite=appetite, budget=Budget(trials=160)), cpus=4)


def given_to(bench: Bench) -> Counter[RiskClass]:
    """Screens of proposals by their risk."""
    with bench.ledger() as ledger:
        rows = [row for row in ledger.trials() if row.purpose is Purpose.SCREEN and row.proposal is not None]
        proposals = {proposal.id: proposal for proposal in ledger.proposals()}
        return Counter(proposals[row.proposal].risk for row in rows if row.proposal is not None)


@pytest.mark.parametrize("panel", [("search/random", "search/tpe"), ("search/random", *["search/tpe"] * 3)])
async def test_the_share_holds_whoever_proposes_more(tmp_path: Path, panel: tuple[str, ...]) -> None:
    bench = bench_of(tmp_path, *panel)

    def play(request: StepRequest) -> StepReply:
        reply = setting(request, "LR", -1 - len(request.past) - request.desk / 100)
        risk = nature(request.species)
        assert risk is not None
        return reply.model_copy(update={"body": {**reply.body, "risk": risk.value}})

    await bench.run(play)
    shares = given_to(bench)
    assert shares.total() > 50
    assert shares[RiskClass.EXPLORE] / shares.total() == pytest.approx(0.8, abs=0.05)
    with bench.ledger() as ledger:
        opened = ledger.decisions(10_000, "open-inquiry")
    assert all(float(row.numbers["share"]) == pytest.approx(0.8) for row in opened)


def order(purpose: Purpose, sleeve: RiskClass) -> Order:
    org = small_org()
    trainer = next(role for role in org.roles if role.kind is RoleKind.EXPERIMENT)
    identity = TrialIdentity(tree=TreeId("a"), command="run", seed=1, evaluator="e", hardware="cpu:1")
    return Order(identity, CommitId("c"), purpose, trainer.resources, 10.0, None, None, sleeve)


def test_the_book_counts_the_climb_at_worst_case_and_then_as_it_was() -> None:
    book = SleeveBook(0.3, 0)
    long_shot, noise = order(Purpose.SCREEN, RiskClass.EXPLORE), order(Purpose.NOISE, RiskClass.EXPLORE)
    book.start(long_shot)
    book.start(noise)
    assert book.given == Sleeves(explore=10_000)
    book.settle(long_shot, long_shot.resources.cost(4))
    book.settle(noise, noise.resources.cost(4))
    assert book.given == Sleeves(explore=4_000)


def test_a_share_that_doubles_begins_with_clean_books() -> None:
    book = SleeveBook(0.3, STUCK_AFTER - 1)
    book.start(order(Purpose.SCREEN, RiskClass.EXPLOIT))
    book.judge(kept=False, at_once=2)
    assert (book.since_kept, book.given) == (STUCK_AFTER, Sleeves())
    book.start(order(Purpose.SCREEN, RiskClass.EXPLOIT))
    book.judge(kept=False, at_once=2)
    assert book.given != Sleeves()
    book.judge(kept=True, at_once=2)
    assert (book.since_kept, book.given) == (0, Sleeves())


async def test_a_desk_that_suits_is_taken_first_and_any_other_before_nobody() -> None:
    role = next(role for role in ROLES if role.kind is RoleKind.AGENT).model_copy(update={"count": 3})
    pool = DeskPool(set())
    assert [await pool.take(role, lambda desk: desk == 2) for _ in range(3)] == [2, 0, 1]
