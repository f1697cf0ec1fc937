"""A whole run that asks people: what goes on meanwhile, how it pauses, what an answer brings, what death leaves."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from supervised import Bench, Died

from orgruntime.ledger.audit import audit
from orgruntime.ledger.store import Ledger
from orgruntime.model.appetite import Dial
from orgruntime.model.dialogue import ToolUse
from orgruntime.model.ids import IdeaId, InquiryId, QuestionId, RoleSlug
from orgruntime.model.manifest import Cadence, Direction, Manifest, Objective, Role, RoleKind
from orgruntime.model.payload import FieldType, PayloadField, PayloadType
from orgruntime.model.research import VerdictWord
from orgruntime.model.status import RunState
from orgruntime.model.step import Ask, AskKind, StepReply, StepRequest
from orgruntime.runtime.calls import Call
from orgruntime.runtime.events import EventKind
from orgruntime.runtime.lab import Lab
from orgruntime.runtime.ports import StepAddress
from orgruntime.runtime.services.human_tool import TOOL
from orgruntime.testing.lab import RESEARCHER, ROLES, TRAINER, WORKFLOW, edge, small_org
from orgruntime.testing.scripted_desks import declining, setting

PI = RoleSlug("pi")
TRIES = 4


def only(count: int) -> tuple[Role, ...]:
    return tuple(r.model_copy(update={"count": count}) if r.slug == RESEARCHER else r for r in ROLES)


class Curious:
    """A play: q1 asks before it proposes, whatever desk it is at; the others propose a few times."""

    def __init__(self, bench: Bench, tries: int = TRIES) -> None:
        self.lab: Lab | None = None
        self.told: list[str] = []
        self._tries = tries
        bench.prepare = lambda lab, supervisor: self.take(lab)

    def take(self, lab: Lab) -> None:
        self.lab = lab

    async def __call__(self, request: StepRequest) -> StepReply:
        assert self.lab is not None
        if request.inquiry == "q1" and not request.inbox:
            role = self.lab.manifest.role(request.role)
            address = StepAddress(request.inquiry, request.role, 0)
            call = Call(address, role, request.desk, None, IdeaId("i1"), "")
            use = ToolUse(id="u", name="AskHuman", input={"text": "how far may I go?"})
            result = await TOOL.serve(self.lab, call, Ask(n=2, kind=AskKind.MAY, use=use))
            self.told.append(result.text)
            return setting(request, "LR", 1, "as the person says")
        tried = len(self.lab.ledger.proposals())
        return setting(request, "LR", -1 - tried) if tried < self._tries else declining("enough")


def answer(bench: Bench, text: str = "as far as you like", id: str = "h1") -> None:
    with Ledger.open(bench.folder / "ledger.db") as ledger:
        assert ledger.answer(QuestionId(id), text, "ada")


async def test_the_run_goes_on_and_then_pauses_with_the_question_as_its_reason(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    play = Curious(bench)
    state, reason = await bench.run(play)
    assert state is RunState.PAUSED
    assert reason == 'nothing is left to do but to wait for an answer: h1 of researcher, "how far may I go?"'
    assert len(bench.verdicts()) == TRIES, "the other desk went on meanwhile"
    assert any("researcher asks h1" in text for text in bench.heard.texts(EventKind.NOTICE))
    with bench.ledger() as ledger:
        assert ledger.decisions(1)[0].dial is Dial.PEOPLE
    answer(bench)
    state, _ = await bench.run(play)
    assert state is RunState.FINISHED
    assert play.told == ['ada answers h1: "as far as you like"']
    assert ("as the person says") in [p.hypothesis for p in proposals(bench)]
    with bench.ledger() as ledger:
        assert ledger.question_counts() == {"total": 1, "open": 0, "answered": 1, "withdrawn": 0}
        assert not ledger.decisions(9, "go-on"), "a pause for a person is no dry spell"
    assert audit(tmp_path / "ledger.db") == []


def proposals(bench: Bench) -> list[object]:
    with bench.ledger() as ledger:
        return list(ledger.proposals())


async def test_resumed_without_an_answer_it_pauses_again_and_asks_nothing_twice(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    play = Curious(bench)
    for _ in range(2):
        state, reason = await bench.run(play)
        assert (state, "h1 of researcher" in reason) == (RunState.PAUSED, True)
    with bench.ledger() as ledger:
        assert ledger.question_counts()["total"] == 1


async def test_an_answer_that_comes_while_the_run_goes_on_does_not_stop_it(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    play = Curious(bench, tries=12)
    told = asyncio.get_running_loop().create_task(_answer_soon(bench))
    state, _ = await bench.run(play)
    await told
    assert state is RunState.FINISHED
    assert play.told == ['ada answers h1: "go"']


async def _answer_soon(bench: Bench) -> None:
    while not (bench.folder / "ledger.db").exists():
        await asyncio.sleep(0.01)
    while True:
        with bench.ledger() as ledger:
            if ledger.open_questions():
                break
        await asyncio.sleep(0.01)
    answer(bench, "go")


async def test_inquiries_behind_the_only_desk_wait_with_it(tmp_path: Path) -> None:
    bench = Bench(tmp_path, org=small_org(roles=only(1)))
    play = Curious(bench)
    state, reason = await bench.run(play)
    assert (state, "h1 of researcher" in reason) == (RunState.PAUSED, True)
    answer(bench)
    state, _ = await bench.run(play)
    assert state is RunState.FINISHED
    assert len(bench.verdicts()) >= TRIES


async def test_a_driver_that_dies_leaves_the_question_and_takes_the_answer(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    play = Curious(bench, tries=12)
    wait = play.take

    def prepare(lab: Lab, supervisor: object) -> None:
        wait(lab)

        def die() -> None:
            with bench.ledger() as ledger:
                asked = ledger.open_questions()
            if asked:
                with Ledger.open(bench.folder / "ledger.db") as other:
                    other.take_over()
                raise Died

        bench.executor.after_submit = die

    bench.prepare = prepare
    with pytest.raises(Died):
        await bench.run(play)
    answer(bench, "on")
    bench.prepare = lambda lab, supervisor: wait(lab)
    state, _ = await bench.run(play)
    assert state is RunState.FINISHED
    assert play.told == ['ada answers h1: "on"']
    assert audit(tmp_path / "ledger.db") == []


async def test_a_run_that_is_over_withdraws_what_nobody_answered(tmp_path: Path) -> None:
    objective = Objective(metric="loss", direction=Direction.MINIMIZE, target=9.0)
    bench = Bench(tmp_path, org=small_org(objective=objective))
    curious = Curious(bench)

    async def play(request: StepRequest) -> StepReply:
        if request.inquiry == "q1":
            return await curious(request)
        return setting(request, "LR", 2) if not request.past else declining("enough")

    state, reason = await bench.run(play)
    assert (state, "target is reached" in reason) == (RunState.FINISHED, True)
    with bench.ledger() as ledger:
        assert ledger.question_counts() == {"total": 1, "open": 0, "answered": 0, "withdrawn": 1}
        assert not ledger.open_inquiries()
    assert audit(tmp_path / "ledger.db") == []


def approving(*extra: object, payloads: tuple[PayloadType, ...] = ()) -> Manifest:
    """Researcher → PI → Trainer → Referee: nothing is measured that the PI has not approved."""
    roles = (*only(1), Role(slug=PI, name="PI", kind=RoleKind.HUMAN))
    handoffs = (edge(1, RESEARCHER, PI, "proposal"), edge(2, PI, TRAINER, "proposal"), WORKFLOW[1], *extra)
    return small_org(roles=roles, handoffs=handoffs)


def twice(request: StepRequest) -> StepReply:
    number = len(request.past)
    return setting(request, "LR", number + 1, f"rate {number + 1}") if number < 2 else declining("enough")


async def test_what_a_person_approves_goes_on_and_what_is_declined_ends_with_the_reason(tmp_path: Path) -> None:
    bench = Bench(tmp_path, org=approving())
    state, reason = await bench.run(twice)
    assert state is RunState.PAUSED
    assert "and 1 more" in reason
    assert "h1 of pi" in reason
    assert "researcher hands off this proposal: rate 1" in reason
    assert len(bench.executor.submitted) == 10, "the noise floor alone"
    answer(bench, "approve")
    answer(bench, "decline: too fast", "h2")
    state, _ = await bench.run(twice)
    assert state is RunState.FINISHED
    words = bench.verdicts()
    assert [word for word, _ in words.values()] == [VerdictWord.KEEP, VerdictWord.DISCARD]
    assert list(words.values())[1][1] == "ada declined it: decline: too fast"
    assert audit(tmp_path / "ledger.db") == []


FORM = PayloadType(
    name="direction",
    fields=(
        PayloadField(name="where", type=FieldType.CHOICE, choices=("wide", "deep")),
        PayloadField(name="far", type=FieldType.NUMBER),
    ),
)


async def test_what_a_person_writes_becomes_a_payload_that_edges_select(tmp_path: Path) -> None:
    """Trainer → PI: result; PI → Researcher: direction, when where is deep. What is no such payload is asked again."""
    roles = (*only(1), Role(slug=PI, name="PI", kind=RoleKind.HUMAN))
    handoffs = (
        edge(1, RESEARCHER, TRAINER, "proposal"),
        edge(2, TRAINER, PI, "result", when="worse", at_most=1),
        edge(3, PI, RESEARCHER, "direction", when="where is deep"),
    )
    org = small_org(roles=roles, handoffs=handoffs)
    bench = Bench(tmp_path, org=org.model_copy(update={"payloads": (*org.payloads, FORM)}).sealed())
    inboxes: list[dict[str, object]] = []

    def play(request: StepRequest) -> StepReply:
        if request.inbox:
            inboxes.append(request.inbox)
            return setting(request, "DEPTH", 1)
        return setting(request, "LR", -1) if not request.past else declining("enough")

    state, reason = await bench.run(play)
    assert (state, "becomes a `direction`" in reason) == (RunState.PAUSED, True)
    answer(bench, "deeper, I think")
    state, reason = await bench.run(play)
    assert state is RunState.PAUSED
    assert "h2 of pi" in reason
    assert "several fields" in reason
    answer(bench, '{"where": "deep", "far": 2}', "h2")
    state, _ = await bench.run(play)
    assert state is RunState.FINISHED
    assert inboxes == [{"type": "direction", "where": "deep", "far": 2}]


async def test_a_person_who_hands_nothing_off_gets_a_notice(tmp_path: Path) -> None:
    roles = (*only(1), Role(slug=PI, name="PI", kind=RoleKind.HUMAN))
    bench = Bench(tmp_path, org=small_org(roles=roles, handoffs=(WORKFLOW[0], edge(2, TRAINER, PI, "result"))))
    state, _ = await bench.run(twice)
    assert state is RunState.FINISHED
    assert sum(text.startswith("for PI: ") for text in bench.heard.texts(EventKind.NOTICE)) == 2


async def test_a_stand_up_that_asks_pauses_the_run_too(tmp_path: Path) -> None:
    scribe = Role(slug=RoleSlug("scribe"), name="Scribe", kind=RoleKind.AGENT, species=("digest/ledger",))
    cadence = Cadence(id="c1", role=scribe.slug, payload="memo", every_trials=10)
    bench = Bench(tmp_path, org=small_org(roles=(*only(1), scribe), cadences=(cadence,)))
    labs: list[Lab] = []
    bench.prepare = lambda lab, supervisor: labs.append(lab)

    async def play(request: StepRequest) -> StepReply:
        if request.role != "scribe":
            return declining("enough")
        lab = labs[-1]
        call = Call(StepAddress(InquiryId(request.inquiry), scribe.slug, 0), scribe, 0, None, IdeaId("i1"), "")
        use = ToolUse(id="u", name="AskHuman", input={"text": "may I publish?", "kind": "approval"})
        result = await TOOL.serve(lab, call, Ask(n=0, kind=AskKind.MAY, use=use))
        return StepReply(type="memo", body={"text": result.text})

    state, reason = await bench.run(play)
    assert (state, "h1 of scribe" in reason) == (RunState.PAUSED, True)
    answer(bench, "approve")
    state, _ = await bench.run(play)
    assert state is RunState.FINISHED
    with bench.ledger() as ledger:
        assert [memo.text for memo in ledger.memos()] == ['ada answers h1 (approve): "approve"']
