"""Who of a panel takes a step, from the ledger's records; once for each step, whatever dies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from recorded import Recorded, recorded, talking_org

from orgruntime.ledger.audit import audit
from orgruntime.model.amounts import Amounts
from orgruntime.model.appetite import Dial
from orgruntime.model.ids import IdeaId, InquiryId, PayloadId
from orgruntime.model.manifest import Choice, Effort, Manifest, ModelSpec
from orgruntime.model.payload import Payload
from orgruntime.model.research import VerdictWord
from orgruntime.model.trial import Ending, Purpose, Reading, Score, TrialOutcome
from orgruntime.runtime.calls import Call
from orgruntime.runtime.choosing import RESULTS, chosen, retire, suits, told_settings
from orgruntime.runtime.events import EventKind
from orgruntime.scheduler.choice import FIRST_TRIES
from orgruntime.testing.lab import RESEARCHER, ROLES

MODELS = (ModelSpec(name="large", species="claude-l"), ModelSpec(name="tuner", species="search/tpe"))


def panel(choice: Choice, shares: tuple[float, ...] = ()) -> Manifest:
    """Two desks, two models."""
    role = ROLES[0].model_copy(update={"species": ("large", "tuner"), "choice": choice, "shares": shares})
    return talking_org(roles=(role, *ROLES[1:]), models=MODELS, cadences=())


@pytest.fixture
def lab(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Recorded]:
    with recorded(tmp_path, panel(*request.param)) as made:
        yield made
    assert audit(tmp_path / "ledger.db") == []


async def asked(lab: Recorded, visits: range) -> list[str]:
    return [await chosen(lab.lab, lab.call(visit=visit)) for visit in visits]


@pytest.mark.parametrize("lab", [(Choice.TURNS,)], indirect=True)
async def test_in_turn_nothing_is_written(lab: Recorded) -> None:
    before = lab.lab.ledger.events()
    assert await asked(lab, range(3)) == ["large"] * 3
    assert lab.lab.ledger.events() == before


@pytest.mark.parametrize("lab", [(Choice.SHARES, (0.25, 0.75))], indirect=True)
async def test_shares_are_kept_and_every_choice_is_in_the_ledger(lab: Recorded) -> None:
    names = await asked(lab, range(8))
    assert names.count("large") == 2
    rows = lab.lab.ledger.decisions(100, "choose-model")
    assert [row.numbers["model"] for row in rows] == names
    assert {row.dial for row in rows} == {Dial.OPTIMISM}
    assert rows[0].subject == "q1.0"
    assert "its share is" in rows[0].reason


@pytest.mark.parametrize("lab", [(Choice.SHARES, (0.5, 0.5))], indirect=True)
async def test_a_step_that_is_taken_again_keeps_its_model(lab: Recorded) -> None:
    first = await asked(lab, range(4))
    assert await asked(lab, range(4)) == first
    assert len(lab.lab.ledger.decisions(100, "choose-model")) == 4


@pytest.mark.parametrize("lab", [(Choice.RESULTS,)], indirect=True)
async def test_results_decide_once_everybody_was_tried(lab: Recorded) -> None:
    """The tuner's proposals gain, the large model's do not, and cost dollars."""
    names = []
    for visit in range(40):
        name = await chosen(lab.lab, lab.call(visit=visit))
        names.append(name)
        gain = 1.0 if name == "tuner" else -1.0
        species = {"large": "claude-l", "tuner": "search/tpe"}[name]
        word = VerdictWord.KEEP if gain > 0 else VerdictWord.DISCARD
        lab.propose({"train.py": f"LR = {visit}\n"}, word=word, gain=gain, species=species)
        with lab.lab.ledger.transaction() as tx:
            if name == "large":
                tx.reserve_spend(f"q1.{visit}.0#1", RESEARCHER, "large", Amounts(usd_micro=500_000))
                tx.settle_spend(f"q1.{visit}.0#1", Amounts(usd_micro=400_000))
    assert sorted(names[: 2 * FIRST_TRIES]) == ["large"] * FIRST_TRIES + ["tuner"] * FIRST_TRIES
    assert names.count("tuner") > 30
    last = lab.lab.ledger.decisions(1, "choose-model")[0]
    assert float(last.numbers["tuner: gain"]) > 1.0
    assert float(last.numbers["large: cost"]) > 0.3
    assert "at quantile 0.9" in last.reason


EFFORTS = (
    ModelSpec(name="deep", species="claude-l", effort=Effort.HIGH, fallback="spare"),
    ModelSpec(name="quick", species="claude-l", effort=Effort.LOW),
    ModelSpec(name="spare", species="claude-s"),
)


async def test_what_a_step_uses_is_charged_to_the_model_that_it_was_given_to(tmp_path: Path) -> None:
    """Two efforts of one species, and a model that stands in for one of them: each call is its choice's."""
    role = ROLES[0].model_copy(update={"species": ("deep", "quick"), "choice": Choice.RESULTS})
    with recorded(tmp_path, talking_org(roles=(role, *ROLES[1:]), models=EFFORTS, cadences=())) as lab:
        ledger = lab.lab.ledger
        names = await asked(lab, range(6))
        for visit, name in enumerate(names):
            lab.propose({"train.py": f"LR = {visit}\n"}, species="claude-s" if name == "deep" else "claude-l")
            with ledger.transaction() as tx:
                # The last answer of each step of `deep` is its fallback's, under whose name the call is booked.
                for n, by in enumerate((name, "spare" if name == "deep" else name)):
                    id = f"q1.{visit}.{2 * n}#1"
                    tx.reserve_spend(id, RESEARCHER, by, Amounts(usd_micro=500_000))
                    tx.settle_spend(id, Amounts(usd_micro=400_000 if name == "deep" else 1000))
        dear, cheap = (ledger.used_by_choice(RESEARCHER, name).usd_micro for name in ("deep", "quick"))
        assert (dear, cheap) == (3 * 800_000, 3 * 2000)
        assert names.count("deep") == FIRST_TRIES
        await chosen(lab.lab, lab.call(visit=6))
        numbers = ledger.decisions(1, "choose-model")[0].numbers
        assert float(numbers["deep: cost"]) > 2 * float(numbers["quick: cost"])
    assert audit(tmp_path / "ledger.db") == []


async def test_a_trial_is_charged_to_the_model_that_the_step_was_given_to(tmp_path: Path) -> None:
    role = ROLES[0].model_copy(update={"species": ("deep", "quick"), "choice": Choice.RESULTS})
    with recorded(tmp_path, talking_org(roles=(role, *ROLES[1:]), models=EFFORTS, cadences=())) as lab:
        (first,) = await asked(lab, range(1))
        proposal = lab.propose({"train.py": "LR = 1\n"}, word=None, species="claude-l")
        for purpose, id in ((Purpose.SCREEN, proposal.id), (Purpose.PROBE, None)):
            order = lab.lab.order(lab.lab.workspace.get(proposal.commit), role, purpose, 7, inquiry=InquiryId("q1"))
            identity = order.identity.model_copy(update={"rung": 1.0 if id else 0.5})
            with lab.lab.ledger.transaction() as tx:
                cap = Amounts(trials=1, cpu_ms=9000)
                attempt = tx.reserve(
                    identity, commit=proposal.commit, purpose=purpose, proposal=id, inquiry=InquiryId("q1"), cap=cap
                )
                assert attempt is not None
                outcome = TrialOutcome(attempt=attempt, ending=Ending.EXITED, exit_code=0, wall_s=1.0)
                tx.settle(outcome, Reading(score=Score.MEASURED, metric=1.0), Amounts(trials=1, cpu_ms=4000))
        (other,) = {"deep", "quick"} - {first}
        assert lab.lab.ledger.used_by_choice(RESEARCHER, first) == Amounts(trials=2, cpu_ms=8000)
        assert lab.lab.ledger.used_by_choice(RESEARCHER, other) == Amounts()


@pytest.mark.parametrize("lab", [(Choice.RESULTS,)], indirect=True)
async def test_what_is_under_way_is_pending_and_what_declined_brought_nothing(lab: Recorded) -> None:
    await asked(lab, range(3))
    lab.propose({"train.py": "LR = 1\n"}, word=None, gain=None)
    with lab.lab.ledger.transaction() as tx:
        tx.record_step(InquiryId("q1"), 1, RESEARCHER, None, "", (), Amounts())
    found = lab.lab.ledger.outcomes(RESEARCHER, RESULTS)
    assert [(one.over, one.gain) for one in found] == [(False, None), (True, None), (False, None)]


@pytest.mark.parametrize("lab", [(Choice.RESULTS,)], indirect=True)
async def test_a_step_that_proposed_nothing_is_credited_with_what_came_of_it(lab: Recorded) -> None:
    """As a director, whose ideas others carry out: the best later proposal of the inquiry, once that is closed."""
    ledger = lab.lab.ledger
    with ledger.transaction() as tx:
        tx.choose_model(InquiryId("q1"), 0, RESEARCHER, "large", "its turn", {})
        tx.choose_model(InquiryId("q1"), 2, RESEARCHER, "large", "its turn", {})
        tx.record_step(InquiryId("q1"), 0, RESEARCHER, None, "idea", (), Amounts())
        tx.record_step(InquiryId("q1"), 2, RESEARCHER, None, "idea", (), Amounts())
    for gain in (9.0, 0.25, 7.0):
        lab.propose({"train.py": f"LR = {gain}\n"}, gain=gain)
    # pq1.0 is the first step's own; pq1.1 came after it, pq1.2 is the second step's own.
    with ledger.transaction() as tx:
        tx.close_inquiry(InquiryId("q1"), "done")
    second, first = ledger.outcomes(RESEARCHER, RESULTS)
    assert (first.over, first.gain) == (True, 9.0)
    assert (second.over, second.gain) == (True, 7.0)


@pytest.mark.parametrize("lab", [(Choice.SHARES, (0.5, 0.5))], indirect=True)
async def test_a_model_with_nothing_left_is_passed_over_and_the_desks_idle_with_the_last(lab: Recorded) -> None:
    (first,) = await asked(lab, range(1))
    retire(lab.lab, lab.call(), "the space is used up")
    (other,) = {"large", "tuner"} - {first}
    assert await asked(lab, range(1, 5)) == [other] * 4
    assert lab.lab.idle == set()
    retire(lab.lab, lab.call(visit=1), "so is mine")
    assert lab.lab.idle == {"researcher#0", "researcher#1"}
    assert len(lab.heard.texts(EventKind.NOTICE)) == 2


PROSE, SETTINGS = "read a second letter back", "LR = 0.02, WIDTH = 24"


def arrived(lab: Recorded, visit: int, kind: str = "", text: str = "", idea: str = "", desk: int = 1) -> Call:
    """At the desk of the tuner, where desks are served in turn."""
    inbox = Payload(id=PayloadId("q1.0"), type=kind, body={"text": text}, source=RESEARCHER) if kind else None
    return replace(lab.call(visit=visit), inbox=inbox, text=idea, desk=desk)


@pytest.mark.parametrize(
    "lab", [(Choice.TURNS,), (Choice.SHARES, (0.1, 0.9)), (Choice.RESULTS,)], indirect=True, ids=str
)
async def test_prose_goes_to_who_can_read_it(lab: Recorded) -> None:
    for call in (
        arrived(lab, 0, idea=PROSE),
        arrived(lab, 1, kind="idea", text=PROSE),
        arrived(lab, 2, kind="note", text="A director's question"),
        arrived(lab, 3, kind="result", text="crashed", idea=PROSE),
    ):
        assert await chosen(lab.lab, call) == "large"
        assert not suits(lab.lab, call, 1) or call.role.choice is not Choice.TURNS
        assert suits(lab.lab, call, 0)


@pytest.mark.parametrize("lab", [(Choice.TURNS,), (Choice.SHARES, (0.1, 0.9))], indirect=True, ids=str)
async def test_settings_and_results_and_invitations_go_to_everybody(lab: Recorded) -> None:
    calls = [
        arrived(lab, 0, idea=SETTINGS),
        arrived(lab, 1, kind="idea", text=SETTINGS),
        arrived(lab, 2, kind="result"),
    ]
    assert [await chosen(lab.lab, call) for call in [*calls, arrived(lab, 3)]].count("tuner") >= 3
    assert [told_settings(call) for call in calls] == [SETTINGS, SETTINGS, ""]


@pytest.mark.parametrize("lab", [(Choice.SHARES, (0.5, 0.5))], indirect=True)
async def test_prose_goes_to_a_reader_that_has_given_up_before_it_goes_to_none(lab: Recorded) -> None:
    lab.lab.retired[RESEARCHER] = {"large"}
    assert await chosen(lab.lab, arrived(lab, 0, idea=PROSE)) == "large"
    assert await chosen(lab.lab, arrived(lab, 1)) == "tuner"


@pytest.mark.parametrize("lab", [(Choice.RESULTS,)], indirect=True)
async def test_the_cost_of_a_choice_does_not_grow_with_the_run(lab: Recorded) -> None:
    ledger = lab.lab.ledger

    def grow(inquiry: str, steps: int) -> None:
        with ledger.transaction() as tx:
            tx.open_inquiry(InquiryId(inquiry), IdeaId("i1"), RESEARCHER, None)
            for visit in range(steps):
                tx.choose_model(InquiryId(inquiry), visit, RESEARCHER, "large", "its turn", {})
                tx.record_step(InquiryId(inquiry), visit, RESEARCHER, None, "", (), Amounts())

    ledger.database.rows("PRAGMA synchronous = OFF")
    grow("q2", 2 * RESULTS)
    before = ledger.database.steps(lambda: ledger.outcomes(RESEARCHER, RESULTS))
    grow("q3", 8 * RESULTS)
    assert ledger.database.steps(lambda: ledger.outcomes(RESEARCHER, RESULTS)) < 1.2 * before
