"""A role asks another one in the middle of its work: what it gets back, and what it knows then of what it was at."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from thinking import Thinking, brief_of, last_result, propose, sets, thinking_org, turn

from orgruntime.ledger.audit import audit
from orgruntime.ledger.store import Ledger
from orgruntime.model.amounts import Budget
from orgruntime.model.dialogue import ModelCall, ModelReply
from orgruntime.model.ids import IdeaId, QuestionId, RoleSlug
from orgruntime.model.manifest import HandoffKind, Manifest, ModelSpec, Role, RoleKind
from orgruntime.model.research import IdeaState
from orgruntime.runtime.lab import Lab
from orgruntime.testing.lab import RESEARCHER, WORKFLOW, edge
from orgruntime.testing.scripted_models import uses_tool

CRITIC = RoleSlug("critic")
PLAN, ANSWER = "I would raise LR, because the loss falls too slowly", "change: name the control first"


def asking_org(payload: str = "note", kind: RoleKind = RoleKind.AGENT) -> Manifest:
    """The researcher may ask a critic, once an inquiry."""
    org = thinking_org(budget=Budget(trials=60))
    prompt = "You are the critic."
    critic = Role(slug=CRITIC, name="Critic", kind=kind, prompt=prompt, tools=("Read",),
                  species=("thinker",) if kind is RoleKind.AGENT else ())  # fmt: skip
    ask = edge(9, RESEARCHER, CRITIC, payload, kind=HandoffKind.ASK, at_most=1)
    roles = (org.roles[0], critic, *org.roles[1:])
    return thinking_org(budget=Budget(trials=60), roles=roles, handoffs=(ask, *WORKFLOW))


def is_critic(call: ModelCall) -> bool:
    return any("You are the critic." in block for block in call.system)


def talk(
    researcher: Callable[[ModelCall], ModelReply], critic: Callable[[ModelCall], ModelReply], inquiries: int = 1
) -> Any:
    """The first so many inquiries talk; the others decline at once."""
    wanted = [f"inquiry q{n + 1}," for n in range(inquiries)]

    def says(model: ModelSpec, call: ModelCall) -> ModelReply:
        if not any(name in brief_of(call) for name in wanted):
            return uses_tool("decline", reason="no more")
        return critic(call) if is_critic(call) else researcher(call)

    return says


def asks_then_proposes(call: ModelCall) -> ModelReply:
    if "Critic answered" not in brief_of(call):
        return uses_tool("hand_off_note", text=PLAN)
    return sets("LR", 1) if turn(call) == 0 else propose()


def answers_in_words(call: ModelCall) -> ModelReply:
    return uses_tool("hand_off_note", text=ANSWER)


def calls(at: Thinking, *, critic: bool) -> list[ModelCall]:
    return [call for _, call in at.models.asked if is_critic(call) is critic]


async def test_the_answer_of_who_is_asked_reaches_who_asked(tmp_path: Path) -> None:
    at = Thinking(tmp_path, talk(asks_then_proposes, answers_in_words), asking_org())
    await at.run()
    asked = brief_of(calls(at, critic=True)[0])
    assert PLAN in asked
    assert "Researcher asked, and waits for what you hand back." in asked
    back = brief_of(next(call for call in calls(at, critic=False) if "Critic answered" in brief_of(call)))
    assert ANSWER in back
    assert PLAN in back, "a conversation does not outlast its step: the question comes back with the answer"
    with at.bench.ledger() as ledger:
        steps = ledger.steps("q1")  # type: ignore[arg-type]  # an id by its form
        assert [(row.role, row.type) for row in steps[:3]] == [
            ("researcher", "note"), ("critic", "note"), ("researcher", "proposal")
        ]  # fmt: skip
        assert [proposal.inquiry for proposal in ledger.proposals()] == ["q1"]
    assert audit(tmp_path / "ledger.db") == []


async def test_who_is_asked_has_a_tool_to_answer_with_and_is_told_so(tmp_path: Path) -> None:
    at = Thinking(tmp_path, talk(asks_then_proposes, answers_in_words), asking_org())
    await at.run()
    call = calls(at, critic=True)[0]
    tools = {tool.name: tool.description for tool in call.tools}
    assert list(tools) == ["Read", "hand_off_note", "decline"]
    assert "back to whoever asked you" in tools["hand_off_note"]
    assert "Researcher may ask you by `note`, and waits for your answer" in "\n".join(call.system)


async def test_an_ask_beyond_its_bound_comes_back_as_a_sentence(tmp_path: Path) -> None:
    """Handed off, it would have led nowhere, and ended the inquiry in silence."""
    heard: list[str] = []

    def researcher(call: ModelCall) -> ModelReply:
        if "Critic answered" not in brief_of(call) or turn(call) == 0:
            return uses_tool("hand_off_note", text=PLAN)
        heard.append(last_result(call))
        return sets("LR", 1) if turn(call) == 1 else propose()

    at = Thinking(tmp_path, talk(researcher, answers_in_words), asking_org())
    await at.run()
    assert "one inquiry takes a `note` of this role at most 1 times, and has: hand off a `proposal`" in heard[0]
    with at.bench.ledger() as ledger:
        assert len(ledger.proposals()) == 1


async def test_an_answer_that_nobody_asked_for_is_not_taken(tmp_path: Path) -> None:
    """Handed on by a transfer, the critic is not within a call."""
    org = asking_org()
    transfer = edge(9, RESEARCHER, CRITIC, "note")
    back = edge(8, CRITIC, RESEARCHER, "idea", kind=HandoffKind.ASK, at_most=1)
    org = thinking_org(budget=Budget(trials=60), roles=org.roles, handoffs=(transfer, back, *WORKFLOW))
    heard: list[str] = []

    def researcher(call: ModelCall) -> ModelReply:
        if turn(call) == 0:
            return uses_tool("hand_off_idea", text="nobody asked")
        heard.append(last_result(call))
        return uses_tool("decline", reason="then not")

    at = Thinking(tmp_path, talk(researcher, answers_in_words), org)
    await at.run()
    assert "nobody has asked in this inquiry, so a `idea` would reach nobody" in heard[0]


async def test_no_answer_is_told_as_none_and_the_idea_stays_open(tmp_path: Path) -> None:
    def researcher(call: ModelCall) -> ModelReply:
        return asks_then_proposes(call)

    def prepared(lab: Lab) -> None:
        with lab.ledger.transaction() as tx:
            tx.add_idea("try a larger LR", "person:ada", IdeaState.QUEUED)

    at = Thinking(tmp_path, talk(researcher, lambda call: uses_tool("decline", reason="nothing to say")), asking_org())
    at.prepared = prepared
    await at.run()
    back = brief_of(next(call for call in calls(at, critic=False) if "Critic answered" in brief_of(call)))
    assert "# Critic answered nothing" in back
    assert PLAN in back
    with at.bench.ledger() as ledger:
        idea = ledger.idea(IdeaId("i1"))
        assert idea is not None
        assert idea.state is IdeaState.CLOSED, "who was asked declined; the idea was tried"
        assert len(ledger.proposals()) == 1


async def test_a_proposal_that_was_asked_about_goes_on_as_it_was(tmp_path: Path) -> None:
    """It stands in the worktree again when the answer comes, and is no repetition of itself."""

    def researcher(call: ModelCall) -> ModelReply:
        if "Critic answered" in brief_of(call):
            return propose()
        return sets("LR", 1) if turn(call) == 0 else propose()

    at = Thinking(tmp_path, talk(researcher, answers_in_words), asking_org("proposal"))
    await at.run()
    with at.bench.ledger() as ledger:
        proposals = ledger.proposals()
        assert [proposal.id for proposal in proposals] == ["pq1.0"]
        assert ledger.verdict(proposals[0].id) is not None
        assert [row.role for row in ledger.steps("q1")][:4] == ["researcher", "critic", "researcher", "trainer"]  # type: ignore[arg-type]  # an id by its form


async def test_a_person_who_is_asked_answers_in_words(tmp_path: Path) -> None:
    at = Thinking(tmp_path, talk(asks_then_proposes, answers_in_words), asking_org(kind=RoleKind.HUMAN))
    state, reason = await at.run()
    assert state == "paused"
    assert "h1 of critic" in reason
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        assert ledger.answer(QuestionId("h1"), "name the control first", "ada")
    await at.run()
    back = brief_of(next(call for call in calls(at, critic=False) if "Critic answered" in brief_of(call)))
    assert "name the control first" in back
    with at.bench.ledger() as ledger:
        assert [row.type for row in ledger.steps("q1")][:3] == ["note", "note", "proposal"]  # type: ignore[arg-type]  # an id by its form
    assert audit(tmp_path / "ledger.db") == []
