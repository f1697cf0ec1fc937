"""A whole run on fakes: what it finds, what it refuses to believe, and what becomes of each proposal."""

from __future__ import annotations

from pathlib import Path

import pytest
from supervised import Bench

from orgruntime.backends.langgraph_engine import LangGraphEngine
from orgruntime.backends.local_desks import LocalDesks
from orgruntime.ledger.audit import audit
from orgruntime.model.appetite import BlastRadius
from orgruntime.model.ids import RoleSlug
from orgruntime.model.manifest import Memory, RoleKind
from orgruntime.model.research import EvidenceState, VerdictWord
from orgruntime.model.status import RunState
from orgruntime.model.step import StepReply, StepRequest
from orgruntime.runtime.events import EventKind
from orgruntime.runtime.lab import REFUSALS
from orgruntime.testing.lab import ROLES, WORKFLOW, small_org
from orgruntime.testing.scripted_desks import declining, setting


def better_each_time(request: StepRequest) -> StepReply:
    """Adds a clear win to whatever the lead has, up to LR = 5."""
    text = request.files["train.py"]
    now = float(text.split("LR = ")[1].split()[0])
    return setting(request, "LR", now + 1) if now < 5 else declining("there is no more to gain")


@pytest.mark.parametrize("durable", [False, True])
async def test_a_real_improvement_is_found_and_certified(bench: Bench, tmp_path: Path, durable: bool) -> None:
    if durable:
        bench.engine = lambda: LangGraphEngine(bench.org, tmp_path / "graph.db")
    state, reason = await bench.run(better_each_time)
    assert state is RunState.FINISHED, reason
    with bench.ledger() as ledger:
        champion = ledger.champion()
        assert champion is not None
        assert champion.certificate is not None
        certificate = champion.certificate
        assert certificate.e_value >= certificate.threshold
        assert certificate.total_gain == pytest.approx(10 - certificate.champion_metric, abs=0.2)
        assert bench.workspace.branch("champion") == champion.commit
        assert b"LR = " in bench.workspace.read(champion.commit, "train.py")
        assert certificate.proposals
        assert not ledger.open_inquiries()
        assert not ledger.running_attempts()
        reserved, spent = ledger.amounts()
        assert reserved.trials == 0
        assert spent.trials == ledger.settled_trials() <= 200
    assert audit(tmp_path / "ledger.db") == []
    assert bench.heard.texts(EventKind.CHAMPION)


@pytest.mark.parametrize("seed", range(3))
async def test_nulls_certify_nothing(tmp_path: Path, seed: int) -> None:
    """Every proposal is the same program: what passes a screen passed by luck, and no luck is certified."""
    bench = Bench(tmp_path, sd=1.0, seed=seed)

    def nothing(request: StepRequest) -> StepReply:
        return setting(request, "WIDTH", len(request.past) + 1, hypothesis="wider")

    state, _ = await bench.run(nothing)
    assert state in (RunState.PAUSED, RunState.FINISHED)
    with bench.ledger() as ledger:
        champion = ledger.champion()
        assert champion is not None
        assert champion.certificate is None
        assert all(row.state is not EvidenceState.PASSED for row in ledger.certifications())


async def test_search_species_find_it_too(tmp_path: Path) -> None:
    bench = Bench(tmp_path, files={"train.py": b"LR = 0.5  # 0.0 .. 4.0\n", "judge.py": b""})
    state, reason = await bench.run(LocalDesks())
    assert state in (RunState.FINISHED, RunState.PAUSED), reason
    with bench.ledger() as ledger:
        champion = ledger.champion()
        assert champion is not None
        assert champion.certificate is not None
        assert {proposal.species for proposal in ledger.proposals()} == {"search/random"}


async def test_the_noise_floor_comes_first_and_is_frozen(bench: Bench) -> None:
    await bench.run(lambda request: declining("nothing"))
    with bench.ledger() as ledger:
        noise = ledger.noise()
        assert noise is not None
        assert (noise.pairs, noise.deterministic) == (5, False)
        assert noise.baseline == pytest.approx(10, abs=0.2)
        assert [row.purpose.value for row in ledger.trials()] == ["noise"] * 10


async def test_a_duplicate_is_refused_with_the_earlier_result(bench: Bench) -> None:
    ids: list[str] = []

    def same(request: StepRequest) -> StepReply:
        ids.append(request.inquiry)
        return setting(request, "LR", -1) if len(ids) <= 4 else declining("enough")

    await bench.run(same)
    verdicts = list(bench.verdicts().values())
    assert len(verdicts) == 4
    first = verdicts[0]
    assert first[0] is VerdictWord.DISCARD
    assert "against the lead" in first[1]
    assert all("the same code as p" in reason for _, reason in verdicts[1:])
    with bench.ledger() as ledger:
        assert sum(row.proposal is not None for row in ledger.trials()) == 1


async def test_a_species_with_nothing_but_duplicates_does_not_run_for_ever(bench: Bench) -> None:
    """They cost no trial, so no bound on trials would end them."""
    state, reason = await bench.run(lambda request: setting(request, "LR", -1))
    assert state is RunState.FINISHED
    assert reason == "no role has anything left to propose"
    assert len(bench.verdicts()) <= 3 * REFUSALS


async def test_a_frozen_file_is_refused_without_a_trial(bench: Bench) -> None:
    def cheat(request: StepRequest) -> StepReply:
        if request.past:
            return declining("caught")
        return StepReply(type="proposal", body={"hypothesis": "cheat"}, files={"judge.py": "JUDGE = 2\n"})

    await bench.run(cheat)
    word, reason = next(iter(bench.verdicts().values()))
    assert word is VerdictWord.DISCARD
    assert "judge.py" in reason
    with bench.ledger() as ledger:
        assert all(row.proposal is None for row in ledger.trials())


async def test_the_blast_radius_is_kept(bench: Bench) -> None:
    def rewrite(request: StepRequest) -> StepReply:
        if request.past:
            return declining("too much")
        text = "LR = 1\n" + "".join(f"X{n} = 0\n" for n in range(500))
        return StepReply(type="proposal", body={"hypothesis": "rewrite"}, files={"train.py": text})

    await bench.run(rewrite)
    word, reason = next(iter(bench.verdicts().values()))
    assert word is VerdictWord.DISCARD
    assert "blast radius" in reason
    assert "400" in reason


@pytest.mark.parametrize(("files", "kept"), [(1, False), (3, True)])
async def test_the_blast_radius_of_a_role_is_that_of_its_own_proposals(tmp_path: Path, files: int, kept: bool) -> None:
    """Narrower or wider than the org's, which allows 400 lines."""
    radius = BlastRadius(files=files, lines=20 if files == 1 else 900, gpus=4, minutes=60)
    roles = tuple(
        role.model_copy(update={"blast_radius": radius}) if role.kind is RoleKind.AGENT else role for role in ROLES
    )
    bench = Bench(tmp_path, org=small_org(roles=roles))

    def rewrite(request: StepRequest) -> StepReply:
        if request.past:
            return declining("once is enough")
        text = "LR = 1\n" + "".join(f"X{n} = 0\n" for n in range(500))
        return StepReply(type="proposal", body={"hypothesis": "rewrite"}, files={"train.py": text})

    await bench.run(rewrite)
    _, reason = next(iter(bench.verdicts().values()))
    assert ("blast radius" not in reason) is kept
    assert kept or "at most 20" in reason


@pytest.mark.parametrize(("memory", "own", "others"), [
    (Memory.NONE, False, False), (Memory.OWN, True, False), (Memory.ORG, True, True),
])  # fmt: skip
async def test_a_role_is_shown_what_it_may_remember(tmp_path: Path, memory: Memory, own: bool, others: bool) -> None:
    agents = [role for role in ROLES if role.kind is RoleKind.AGENT]
    first = agents[0].model_copy(update={"memory": memory, "count": 1})
    second = first.model_copy(update={"slug": RoleSlug("other"), "memory": Memory.ORG})
    roles = (first, second, *(role for role in ROLES if role.kind is not RoleKind.AGENT))
    edges = tuple(
        edge.model_copy(update={"id": f"{edge.id}{source}", "source": source})
        for edge in WORKFLOW for source in ((first.slug, second.slug) if edge.source == first.slug else (edge.source,))
    )  # fmt: skip
    org = small_org(roles=roles, handoffs=edges)
    graph = org.graph.model_copy(update={"entries": (first.slug, second.slug)})
    bench = Bench(tmp_path, org=org.model_copy(update={"graph": graph}).sealed())
    seen: dict[str, set[str]] = {first.slug: set(), second.slug: set()}
    tries = dict.fromkeys(seen, 0)

    def propose(request: StepRequest) -> StepReply:
        seen[request.role] |= {past.text.partition(" ")[0] for past in request.past}
        if tries[request.role] == 4:
            return declining("enough")
        tries[request.role] += 1
        text = f"LR = 0\n# {request.inquiry}\n"
        return StepReply(type="proposal", body={"hypothesis": f"{request.role} tries"}, files={"train.py": text})

    await bench.run(propose)
    assert (first.slug in seen[first.slug], second.slug in seen[first.slug]) == (own, others)
    assert {first.slug, second.slug} <= seen[second.slug]


async def test_a_conflict_goes_back_with_the_reason(tmp_path: Path) -> None:
    """Two desks give one constant two values: one moves the lead, the other is told that it conflicts. They state no
    settings, so the change is what they propose, and no point of a space."""
    from orgruntime.testing.lab import RESEARCHER, TRAINER, WORKFLOW, edge

    back = edge(3, TRAINER, RESEARCHER, "result", when="conflicted", at_most=1)
    bench = Bench(tmp_path, org=small_org(handoffs=(*WORKFLOW, back)))
    told: list[dict[str, object]] = []

    def rivals(request: StepRequest) -> StepReply:
        if request.inbox:
            told.append(request.inbox)
            return declining("the other one was first")
        if len(request.past) > 2:
            return declining("enough")
        return setting(request, "LR", 1 + request.desk).model_copy(update={"settings": {}})

    await bench.run(rivals)
    assert told
    assert told[0]["outcome"] == "conflicted"
    assert "conflicts with it" in str(told[0]["reason"]) or "at the same time" in str(told[0]["reason"])


async def test_changes_of_different_lines_are_merged_and_measured_again(tmp_path: Path) -> None:
    bench = Bench(tmp_path, loss=lambda constants: 10 - constants["LR"] - constants["WIDTH"])
    made: list[str] = []

    def two_lines(request: StepRequest) -> StepReply:
        name = ("LR", "WIDTH")[request.desk]
        if name in made:
            return declining("mine is made")
        made.append(name)
        return setting(request, name, 2)

    await bench.run(two_lines)
    assert {word for word, _ in bench.verdicts().values()} == {VerdictWord.KEEP}
    with bench.ledger() as ledger:
        lead = max(ledger.lead_history(), key=lambda row: row.estimate)
        text = bench.workspace.read(lead.commit, "train.py")
    assert b"LR = 2" in text
    assert b"WIDTH = 2" in text


async def test_attribution_names_the_desk_and_its_species(bench: Bench) -> None:
    await bench.run(better_each_time)
    with bench.ledger() as ledger:
        gained = {(row.role, row.species) for row in ledger.spend_by() if row.gain > 0}
        assert gained == {("researcher", "search/random")}
