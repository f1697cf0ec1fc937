"""Ablations: asked for by people, by roles and by a referee; carried out without a model; evidence like any other."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterator, Mapping
from pathlib import Path

import pytest
from recorded import CRITIC, Recorded, recorded
from supervised import Bench

from orgruntime.ledger.audit import audit
from orgruntime.model.ids import IdeaId, PayloadId, ProposalId, RoleSlug
from orgruntime.model.manifest import Manifest, RoleKind
from orgruntime.model.payload import Payload
from orgruntime.model.research import Idea, IdeaState, Proposal, VerdictWord
from orgruntime.model.step import StepReply, StepRequest
from orgruntime.runtime.ablations import SPECIES, ablation_step, is_ablation
from orgruntime.runtime.lab import Lab
from orgruntime.runtime.ports import Handed
from orgruntime.runtime.services.ablate_tool import TOOL
from orgruntime.runtime.services.ledger_tool import TOOL as LEDGER
from orgruntime.testing.lab import PROGRAM, RESEARCHER, ROLES, WORKFLOW, edge, small_org
from orgruntime.testing.scripted_desks import Play, declining

TEXT = PROGRAM["train.py"].decode()
TWO = {"train.py": TEXT.replace("LR = 0", "LR = 2").replace("WIDTH = 0", "WIDTH = 3")}


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Recorded]:
    with recorded(tmp_path) as made:
        yield made
    assert audit(tmp_path / "ledger.db") == []


@pytest.mark.parametrize(
    ("text", "asks"),
    [
        ("ablate pq3.0", True),
        ("Ablate `pq3+2.11` part LR, because it moved", True),
        ("ablate pq1.0 part train.py:3-9", True),
        ("ablate positional embeddings", False),
        ("try to ablate pq3.0", False),
        ("", False),
    ],
)
def test_words_that_ask_for_one(text: str, asks: bool) -> None:
    assert is_ablation(text) is asks


async def test_a_role_lists_and_asks_for_the_parts_of_a_proposal(lab: Recorded) -> None:
    lab.propose(TWO, word=VerdictWord.KEEP, gain=1.5)
    listed = await lab.use(TOOL, CRITIC, proposal="pq1.0", list=True)
    assert listed.text.splitlines() == ["LR: not asked for", "WIDTH: not asked for"]
    asked = await lab.use(TOOL, CRITIC, proposal="pq1.0")
    assert asked.text == "In the queue: ablate pq1.0 part LR; ablate pq1.0 part WIDTH."
    ideas = [idea for idea in lab.lab.ledger.queued_ideas(9) if idea.text]
    assert [(idea.text, idea.author) for idea in ideas] == [
        ("ablate pq1.0 part LR", "critic"),
        ("ablate pq1.0 part WIDTH", "critic"),
    ]
    assert "asked for before" in (await lab.use(TOOL, CRITIC, proposal="pq1.0")).text
    assert "asked for before" in (await lab.use(TOOL, CRITIC, proposal="pq1.0", part="LR")).text
    assert len([idea for idea in lab.lab.ledger.queued_ideas(9) if idea.text]) == 2
    told = (await lab.use(LEDGER, what="proposal", id="pq1.0")).text
    assert "part 'WIDTH' measured apart: asked for, not done yet" in told


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({"proposal": "pq9.9"}, "there is no proposal 'pq9.9'"),
        ({"proposal": "pq1.0", "part": "DEPTH"}, "its parts are LR, WIDTH"),
        ({"proposal": "pq1.1"}, "changes one thing"),
        ({"proposal": "pq1.3"}, "name one of them: C0, C1"),
    ],
)
async def test_what_cannot_be_taken_apart_is_a_sentence(lab: Recorded, given: dict[str, str], wanted: str) -> None:
    lab.propose(TWO)
    lab.propose({"train.py": TEXT.replace("LR = 0", "LR = 2")})
    many = "".join(f"C{n} = 1\n" for n in range(9)) + TEXT + "# end\n"
    base = lab.propose({"train.py": many})
    commit = lab.lab.workspace.commit(
        base.commit, {"train.py": many.replace("= 1", "= 2").encode()}, message="", author=""
    )
    lab.propose({}, base=base.commit, commit=commit.id, tree=commit.tree)
    result = await lab.use(TOOL, CRITIC, **given)
    assert result.is_error
    assert wanted in result.text


def good_and_bad(constants: Mapping[str, float]) -> float:
    """LR helps, WIDTH does not."""
    return 10.0 - constants["LR"] + 0.5 * constants["WIDTH"]


def once(request: StepRequest) -> StepReply:
    """One proposal that changes two things; then nothing."""
    if request.inquiry != "q1":
        return declining("that was all")
    return StepReply(type="proposal", body={"hypothesis": "both"}, files=TWO, settings={"LR": 2, "WIDTH": 3})


def then(bench: Bench, *ideas: str, proposal: str = "pq1.0") -> Play:
    """Two things at once; and once that is judged, a person's ideas."""
    labs: list[Lab] = []
    bench.prepare = lambda lab, supervisor: labs.append(lab)

    async def play(request: StepRequest) -> StepReply:
        ledger = labs[0].ledger
        if request.inquiry == "q2":
            while ledger.verdict(ProposalId(proposal)) is None:
                await asyncio.sleep(0.01)
            for idea in ideas:
                ledger.submit_idea(idea, "person:ada")
        return once(request)

    return play


def ablated(bench: Bench) -> dict[str, tuple[Proposal, float | None]]:
    """Part → the proposal that measured it, and its gain."""
    with bench.ledger() as ledger:
        found = [one for one in ledger.newest_tried(99) if one.proposal.parent]
        return {one.proposal.part: (one.proposal, one.gain) for one in found}


async def test_the_parts_of_what_was_kept_are_taken_back_one_by_one(tmp_path: Path) -> None:
    """LR brought 2, WIDTH cost 1.5: together they gain 0.5."""
    bench = Bench(tmp_path, loss=good_and_bad, sd=0.02)
    await bench.run(then(bench, "ablate pq1.0"))
    assert bench.verdicts()["pq1.0"][0] is VerdictWord.KEEP
    parts = ablated(bench)
    assert set(parts) == {"LR", "WIDTH"}
    lr, lost = parts["LR"]
    assert lost == pytest.approx(-2, abs=0.2)
    assert (lr.species, lr.parent, lr.desk, lr.role) == (SPECIES, "pq1.0", -1, "researcher")
    assert "without LR of pq1.0" in lr.hypothesis
    width, won = parts["WIDTH"]
    assert won == pytest.approx(1.5, abs=0.2)
    assert bench.verdicts()[width.id][0] is VerdictWord.KEEP
    with bench.ledger() as ledger:
        assert [(row.part, row.proposal) for row in ledger.ablations("pq1.0")] == [("LR", lr.id), ("WIDTH", width.id)]
        assert ledger.used_by(RESEARCHER, SPECIES).trials >= 2
    assert audit(tmp_path / "ledger.db") == []


def critical_org() -> Manifest:
    roles = tuple(
        role.model_copy(update={"tools": ("Ablate",)}) if role.kind is RoleKind.VERIFIER else role for role in ROLES
    )
    return small_org(roles=roles)


async def test_a_referee_that_may_asks_once_a_champion_is_certified(tmp_path: Path) -> None:
    bench = Bench(tmp_path, org=critical_org(), loss=lambda c: 10.0 - c["LR"] - c["WIDTH"], sd=0.02)
    await bench.run(once)
    with bench.ledger() as ledger:
        asked_for = ledger.all_ablations()
        champion = ledger.champion()
    assert champion is not None
    assert champion.certificate is not None
    assert {(row.part, row.role) for row in asked_for} == {("LR", "referee"), ("WIDTH", "referee")}
    gains = {part: gain for part, (_, gain) in ablated(bench).items()}
    assert gains["LR"] == pytest.approx(-2, abs=0.2)
    assert gains["WIDTH"] == pytest.approx(-3, abs=0.2)
    assert audit(tmp_path / "ledger.db") == []


async def test_a_referee_without_the_tool_asks_for_nothing(tmp_path: Path) -> None:
    bench = Bench(tmp_path, loss=lambda c: 10.0 - c["LR"] - c["WIDTH"], sd=0.02)
    await bench.run(once)
    with bench.ledger() as ledger:
        assert ledger.champion_history()[-1].certificate is not None
        assert ledger.all_ablations() == []


async def test_the_parts_of_what_was_not_kept_are_tried_alone(tmp_path: Path) -> None:
    """Together they lose; LR alone gains, and moves the lead."""
    bench = Bench(tmp_path, loss=lambda c: 10.0 - c["LR"] + 3 * c["WIDTH"], sd=0.02)
    await bench.run(then(bench, "ablate pq1.0 part LR: it may be good"))
    ((part, (proposal, gain)),) = ablated(bench).items()
    assert (part, proposal.settings) == ("LR", {"LR": 2})
    assert gain == pytest.approx(2, abs=0.2)
    with bench.ledger() as ledger:
        assert any(row.proposal == proposal.id for row in ledger.lead_history())


@pytest.mark.parametrize(
    ("idea", "wanted"),
    [
        ("ablate pq1.0 part LR", "LR of pq1.0 is measured apart already: pq1.1"),
        ("ablate pq1.0 part DEPTH", "pq1.0 has no part 'DEPTH'; its parts are LR, WIDTH"),
        ("ablate pq7.0", "there is no proposal 'pq7.0'"),
    ],
)
async def test_what_cannot_be_carried_out_is_declined_with_the_reason(lab: Recorded, idea: str, wanted: str) -> None:
    lab.propose(TWO)
    lab.propose({"train.py": TEXT.replace("LR = 0", "LR = 2")}, parent=ProposalId("pq1.0"), part="LR")
    ledger = lab.lab.ledger
    queued = ledger.idea(ledger.submit_idea(idea, "person:ada"))
    assert queued is not None
    call = lab.call(visit=9)
    handed = await ablation_step(lab.lab, call.role, call.address, None, queued)
    assert handed == Handed(None)
    after = ledger.idea(queued.id)
    assert after is not None
    assert (after.state, after.reason) == (IdeaState.DECLINED, wanted)


async def test_other_ideas_and_other_payloads_are_for_the_role(lab: Recorded) -> None:
    call = lab.call(visit=9)
    idea = Idea(id=IdeaId("i1"), text="ablate pq1.0", author="critic")
    verdict = Payload(id=PayloadId("v"), type="verdict", body={}, source=CRITIC)
    other = idea.model_copy(update={"text": "a wider one"})
    assert await ablation_step(lab.lab, call.role, call.address, None, other) is None
    assert await ablation_step(lab.lab, call.role, call.address, verdict, idea) is None
    result = verdict.model_copy(update={"type": "result"})
    assert await ablation_step(lab.lab, call.role, call.address, result, idea) == Handed(None)


@pytest.mark.parametrize("kind", ["idea", "note"])
async def test_it_is_carried_out_where_proposals_are_made_whatever_the_entry_hands_off(
    tmp_path: Path, kind: str
) -> None:
    director = ROLES[0].model_copy(update={"slug": RoleSlug("director"), "name": "Director", "count": 1})
    org = small_org(
        roles=(director, *ROLES),
        handoffs=(edge(1, "director", "researcher", kind), *WORKFLOW),
    )
    graph = org.graph.model_copy(update={"entries": (RoleSlug("director"),)})
    bench = Bench(tmp_path, org=org.model_copy(update={"graph": graph}).sealed(), loss=good_and_bad, sd=0.02)
    scripted = then(bench, "ablate pq1.1 part WIDTH", proposal="pq1.1")

    def play(request: StepRequest) -> StepReply | Awaitable[StepReply]:
        if request.role == "director" and request.inquiry == "q1":
            return StepReply(type=kind, body={"text": "both"})
        return scripted(request)

    await bench.run(play)
    (proposal, _) = ablated(bench)["WIDTH"]
    assert set(ablated(bench)) == {"WIDTH"}
    assert proposal.inquiry not in bench.asked
