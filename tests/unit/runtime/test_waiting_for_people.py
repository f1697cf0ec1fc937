"""A whole run that asks people: what goes on meanwhile, how it pauses, what an answer brings, what death leaves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from supervised import Bench, Died
from thinking import Thinking, brief_of, last_result, propose, sets, thinking_org, turn

from orgruntime.ledger.audit import audit
from orgruntime.ledger.store import Ledger
from orgruntime.model.appetite import Dial
from orgruntime.model.dialogue import ModelCall, ModelReply
from orgruntime.model.ids import QuestionId, RoleSlug
from orgruntime.model.manifest import Cadence, Direction, Manifest, ModelSpec, Objective, Role, RoleKind
from orgruntime.model.payload import FieldType, PayloadField, PayloadType
from orgruntime.model.research import VerdictWord
from orgruntime.model.status import RunState
from orgruntime.model.step import StepReply, StepRequest
from orgruntime.runtime.events import EventKind
from orgruntime.runtime.lab import Lab
from orgruntime.testing.lab import RESEARCHER, ROLES, TRAINER, WORKFLOW, edge, small_org
from orgruntime.testing.scripted_desks import declining, setting
from orgruntime.testing.scripted_models import uses_tool

PI = RoleSlug("pi")
TRIES = 4


def only(count: int) -> tuple[Role, ...]:
    return tuple(r.model_copy(update={"count": count}) if r.slug == RESEARCHER else r for r in ROLES)


class Curious:
    """A language model at `count` desks: q1 writes, asks, and then proposes; the others propose a few times."""

    def __init__(self, folder: Path, count: int = 2, tries: int = TRIES, **changed: Any) -> None:
        self.told: list[str] = []
        """Answers, one for each time that the model heard one."""
        self.tried = 0
        self._tries = tries
        tools = ("Edit", "Bash", "AskHuman")
        self.at = Thinking(folder, self._says, thinking_org(count, tools, **changed))
        self.bench = self.at.bench

    async def run(self) -> tuple[str, str]:
        return await self.at.run()

    def _says(self, model: ModelSpec, call: ModelCall) -> ModelReply:
        steps = turn(call)
        if "inquiry q1," in brief_of(call):
            if steps == 3:
                self.told.append(last_result(call))
            return (
                sets("LR", 1), uses_tool("Bash", command="count"), uses_tool("AskHuman", text="how far may I go?"),
                propose(hypothesis="as the person says"),
            )[steps]  # fmt: skip
        if steps:
            return propose(hypothesis=f"try {self.tried}")
        self.tried += 1
        return sets("LR", -self.tried) if self.tried <= self._tries else uses_tool("decline", reason="enough")


def answer(bench: Bench, text: str = "as far as you like", id: str = "h1") -> None:
    with Ledger.open(bench.folder / "ledger.db") as ledger:
        assert ledger.answer(QuestionId(id), text, "ada")


@pytest.mark.parametrize("count", [1, 2])
async def test_the_run_goes_on_and_then_pauses_with_the_question_as_its_reason(tmp_path: Path, count: int) -> None:
    play = Curious(tmp_path, count)
    bench = play.bench
    state, reason = await play.run()
    assert state == "paused"
    assert reason == 'nothing is left to do but to wait for an answer: h1 of researcher, "how far may I go?"'
    assert len(bench.verdicts()) == TRIES, "others had the desk meanwhile"
    assert any("researcher asks h1" in text for text in bench.heard.texts(EventKind.NOTICE))
    with bench.ledger() as ledger:
        assert ledger.decisions(1)[0].dial is Dial.PEOPLE
    answer(bench)
    state, _ = await play.run()
    assert state == "finished"
    assert play.told == ['ada answers h1: "as far as you like"']
    with bench.ledger() as ledger:
        assert "as the person says" in [proposal.hypothesis for proposal in ledger.proposals()]
        assert ledger.question_counts() == {"total": 1, "open": 0, "answered": 1, "withdrawn": 0}
        assert not ledger.decisions(9, "go-on"), "a pause for a person is no dry spell"
    assert audit(tmp_path / "ledger.db") == []


async def test_resumed_without_an_answer_it_pauses_again_and_asks_nothing_twice(tmp_path: Path) -> None:
    play = Curious(tmp_path)
    for _ in range(2):
        state, reason = await play.run()
        assert (state, "h1 of researcher" in reason) == ("paused", True)
    with play.bench.ledger() as ledger:
        assert ledger.question_counts()["total"] == 1


async def test_the_only_desk_serves_others_until_the_answer_comes_and_nothing_is_done_twice(tmp_path: Path) -> None:
    """The answer comes in the same run, once another inquiry has been judged."""
    play = Curious(tmp_path, count=1, tries=12)
    bench = play.bench
    judged: list[int] = []

    def answered(lab: Lab) -> None:
        def look() -> None:
            if bench.verdicts() and not judged:
                judged.append(len(bench.verdicts()))
                answer(bench, "go")

        bench.executor.after_submit = look

    play.at.prepared = answered
    state, _ = await play.run()
    assert state == "finished"
    assert len(judged) == 1, "it came in the same run"
    assert play.told == ['ada answers h1: "go"']
    ids = [id for id in play.at.gateway.ids if id.startswith("q1.0.")]
    assert len(ids) == len(set(ids)) == 4, "each call of the model was paid once"
    assert [one for one in play.at.desks.ran if one.startswith("q1 ")] == ["q1 Edit", "q1 Bash"]
    with bench.ledger() as ledger:
        (mine,) = [proposal for proposal in ledger.proposals() if proposal.inquiry == "q1"]
        assert mine.desk == 0
        assert len(ledger.proposals()) > 2
    assert audit(tmp_path / "ledger.db") == []


async def test_a_driver_that_dies_leaves_the_question_and_takes_the_answer(tmp_path: Path) -> None:
    play = Curious(tmp_path, tries=12)
    bench = play.bench

    def prepare(lab: Lab) -> None:
        def die() -> None:
            with bench.ledger() as ledger:
                asked = ledger.open_questions()
            if asked:
                with Ledger.open(bench.folder / "ledger.db") as other:
                    other.take_over()
                raise Died

        bench.executor.after_submit = die

    play.at.prepared = prepare
    with pytest.raises(Died):
        await play.run()
    answer(bench, "on")
    play.at.prepared = lambda lab: None
    state, _ = await play.run()
    assert state == "finished"
    assert play.told == ['ada answers h1: "on"']
    assert audit(tmp_path / "ledger.db") == []


async def test_a_run_that_is_over_withdraws_what_nobody_answered(tmp_path: Path) -> None:
    objective = Objective(metric="loss", direction=Direction.MAXIMIZE, target=10.5)
    play = Curious(tmp_path, objective=objective)
    bench = play.bench
    state, reason = await play.run()
    assert (state, "target is reached" in reason) == ("finished", True)
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
    scribe = Role(
        slug=RoleSlug("scribe"), name="Scribe", kind=RoleKind.AGENT, species=("thinker",), tools=("AskHuman",)
    )
    cadence = Cadence(id="c1", role=scribe.slug, payload="memo", every_trials=10)

    def says(model: ModelSpec, call: ModelCall) -> ModelReply:
        if "hand_off_memo" not in {tool.name for tool in call.tools}:
            return uses_tool("decline", reason="enough")
        if turn(call):
            return uses_tool("hand_off_memo", text=last_result(call))
        return uses_tool("AskHuman", text="may I publish?", kind="approval")

    roles = (*thinking_org().roles, scribe)
    play = Thinking(tmp_path, says, thinking_org(roles=roles, cadences=(cadence,)))
    bench = play.bench
    state, reason = await play.run()
    assert (state, "h1 of scribe" in reason) == ("paused", True)
    answer(bench, "approve")
    state, _ = await play.run()
    assert state == "finished"
    with bench.ledger() as ledger:
        assert [memo.text for memo in ledger.memos()] == ['ada answers h1 (approve): "approve"']
