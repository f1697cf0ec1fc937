"""A whole run on fakes: what goes wrong, who is heard, and how a run ends and goes on."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path

import pytest
from supervised import Bench, Died

from orgruntime.backends.langgraph_engine import LangGraphEngine
from orgruntime.backends.local_desks import LocalDesks
from orgruntime.ledger.audit import audit
from orgruntime.ledger.store import Ledger
from orgruntime.model.amounts import Budget
from orgruntime.model.appetite import Dial
from orgruntime.model.ids import IdeaId, InquiryId, RoleSlug
from orgruntime.model.manifest import Cadence, Direction, Manifest, Objective, Role, RoleKind
from orgruntime.model.research import IdeaState, VerdictWord
from orgruntime.model.status import RunState
from orgruntime.model.step import StepReply, StepRequest
from orgruntime.model.trial import Ending, TrialOutcome, TrialSpec
from orgruntime.runtime.events import EventKind
from orgruntime.runtime.lab import Lab
from orgruntime.runtime.ports import ExecutorError, StepError
from orgruntime.runtime.supervisor import Supervisor
from orgruntime.testing.lab import RESEARCHER, ROLES, TRAINER, WORKFLOW, edge, small_org
from orgruntime.testing.scripted_desks import declining, setting


def worse(request: StepRequest) -> StepReply:
    """Always a new program, never a better one."""
    return setting(request, "LR", -1 - len(request.past) - request.desk / 10)


def no_good(constants: object) -> float:
    raise ValueError("it is on fire")


async def test_a_crash_is_a_verdict_and_the_way_back_is_bounded(tmp_path: Path) -> None:
    back = edge(3, TRAINER, RESEARCHER, "result", when="crashed", at_most=2)
    bench = Bench(tmp_path, org=small_org(handoffs=(*WORKFLOW, back)), loss=lambda c: 10 / (1 - c["LR"]))
    told: list[str] = []

    def stubborn(request: StepRequest) -> StepReply:
        if request.inbox:
            told.append(str(request.inbox["reason"]))
        if request.inquiry != "q1":
            return declining("q1 is enough")
        return StepReply(
            type="proposal", body={"hypothesis": "one"}, files={"train.py": f"LR = 1\n# try {len(told)}\n"}
        )

    await bench.run(stubborn)
    assert len(told) == 2
    assert all("ZeroDivisionError" in reason for reason in told)
    assert [word for word, _ in bench.verdicts().values()] == [VerdictWord.CRASH] * 3


async def test_a_desk_that_gives_up_one_proposal_goes_on_with_others(tmp_path: Path) -> None:
    back = edge(3, TRAINER, RESEARCHER, "result", when="crashed", at_most=1)
    roles = tuple(r.model_copy(update={"count": 1}) if r.kind is RoleKind.AGENT else r for r in ROLES)
    bench = Bench(
        tmp_path, org=small_org(roles=roles, handoffs=(*WORKFLOW, back)), loss=lambda c: 10 / (c["DEPTH"] == 0)
    )

    def play(request: StepRequest) -> StepReply:
        if request.inbox:
            return declining("there is no other way to do it")
        return setting(request, "DEPTH", len(request.past) + 1) if len(request.past) < 4 else declining("enough")

    await bench.run(play)
    assert [word for word, _ in bench.verdicts().values()] == [VerdictWord.CRASH] * 4


async def test_what_the_cluster_lost_is_tried_again_and_not_counted(bench: Bench) -> None:
    """Every third attempt is lost with its node."""
    numbers = itertools.count(1)
    bench.program.ending = lambda spec: Ending.INFRASTRUCTURE if next(numbers) % 3 == 0 else Ending.EXITED
    state, _ = await bench.run(lambda request: worse(request) if len(request.past) < 8 else declining("enough"))
    assert state is RunState.FINISHED
    assert {word for word, _ in bench.verdicts().values()} == {VerdictWord.DISCARD}
    with bench.ledger() as ledger:
        assert ledger.amounts().spent.trials == ledger.settled_trials() < len(bench.executor.submitted)
        assert ledger.counts().crash == 0


async def test_a_trial_that_is_lost_again_and_again_is_no_fault_of_the_idea(bench: Bench) -> None:
    def doomed(spec: TrialSpec) -> Ending:
        lost = bench.program.constants(spec.tree)["LR"] < 0
        return Ending.INFRASTRUCTURE if lost else Ending.EXITED

    bench.program.ending = doomed
    await bench.run(lambda request: worse(request) if not request.past else declining("enough"))
    word, reason = next(iter(bench.verdicts().values()))
    assert word is VerdictWord.INCONCLUSIVE
    assert "the cluster lost it" in reason


async def test_a_baseline_that_crashes_fails_the_run_with_a_sentence(tmp_path: Path) -> None:
    bench = Bench(tmp_path, loss=no_good)
    state, reason = await bench.run(worse)
    assert state is RunState.FAILED
    assert "it is on fire" in reason
    assert "mend the workspace's run command" in reason
    with bench.ledger() as ledger:
        assert (ledger.run().state, ledger.run().reason) == (state, reason)
        assert not ledger.running_attempts()


async def test_a_baseline_that_the_cluster_loses_blames_the_cluster_and_can_be_resumed(bench: Bench) -> None:
    bench.program.ending = lambda spec: Ending.INFRASTRUCTURE
    with pytest.raises(ExecutorError, match=r"the cluster lost 4 runs of the base commit.*nodes"):
        await bench.run(worse)
    with bench.ledger() as ledger:
        assert ledger.run().state is RunState.STOPPED
        assert "the cluster lost" in ledger.run().reason
        assert not ledger.running_attempts()
    (told,) = (text for text in bench.heard.texts(EventKind.NOTICE) if "the cluster lost a trial" in text)
    assert "as the script wants" in told
    bench.program.ending = lambda spec: Ending.EXITED
    state, _ = await bench.run(lambda request: declining("enough"))
    assert state is RunState.FINISHED
    with bench.ledger() as ledger:
        noise = ledger.noise()
        assert noise is not None
        assert noise.baseline == pytest.approx(10, abs=0.2)


async def test_one_lost_run_of_the_baseline_is_measured_afresh(bench: Bench) -> None:
    seeds: list[str] = []

    def ending(spec: TrialSpec) -> Ending:
        seeds.append(spec.attempt.partition(".")[0])
        return Ending.INFRASTRUCTURE if seeds[-1] == seeds[0] else Ending.EXITED

    bench.program.ending = ending
    state, reason = await bench.run(lambda request: declining("enough"))
    assert state is RunState.FINISHED, reason
    with bench.ledger() as ledger:
        noise = ledger.noise()
        assert noise is not None
        assert noise.pairs == 5


async def test_a_budget_below_the_noise_floor_fails_the_run_with_a_sentence(tmp_path: Path) -> None:
    bench = Bench(tmp_path, org=small_org(budget=Budget(trials=7)))
    state, reason = await bench.run(worse)
    assert state is RunState.FAILED
    assert "cannot pay for the noise floor" in reason
    assert "raise the budget" in reason


async def test_a_persons_idea_comes_before_standing_invitations(bench: Bench) -> None:
    def prepare(lab: Lab, supervisor: Supervisor) -> None:
        lab.ledger.submit_idea("try LR -7", "person:ada")

    bench.prepare = prepare
    ideas: list[str] = []

    def listen(request: StepRequest) -> StepReply:
        ideas.append(request.idea)
        return declining("no")

    await bench.run(listen)
    assert ideas[0] == "try LR -7"
    assert set(ideas[1:]) == {""}
    with bench.ledger() as ledger:
        assert ledger.idea_counts()[IdeaState.DECLINED] == 1


async def test_an_idea_is_heard_even_when_no_desk_has_one_of_its_own(bench: Bench) -> None:
    """It came while the last standing invitations were declined."""
    left: list[str] = []

    def listen(request: StepRequest) -> StepReply:
        if request.idea:
            return setting(request, "LR", -3)
        if not left:
            with Ledger.open(bench.folder / "ledger.db") as ledger:
                left.append(ledger.submit_idea("LR to -3", "person:ada"))
                left.append(ledger.submit_idea("LR to -3, again", "person:ada"))
                left.append(ledger.submit_idea("LR to -3, once more", "person:ada"))
        return declining("nothing left")

    await bench.run(listen)
    with bench.ledger() as ledger:
        assert ledger.idea_counts()[IdeaState.QUEUED] == 0
        assert len(ledger.proposals()) == 3


async def test_prose_is_declined_by_a_search_species(tmp_path: Path) -> None:
    bench = Bench(tmp_path, files={"train.py": b"LR = 0.5  # 0.0 .. 0.6\n", "judge.py": b""})

    def prepare(lab: Lab, supervisor: Supervisor) -> None:
        lab.ledger.submit_idea("make it beautiful", "person:ada")

    bench.prepare = prepare
    await bench.run(LocalDesks())
    with bench.ledger() as ledger:
        assert ledger.idea_counts()[IdeaState.DECLINED] == 1
    assert any("make it beautiful" in text for text in bench.heard.texts(EventKind.IDEA))


async def test_an_answer_that_is_no_handoff_is_asked_for_again_and_then_refused(bench: Bench) -> None:
    def babble(request: StepRequest) -> StepReply:
        return StepReply(type="verdict", body={"verdict": "keep"})

    def prepare(lab: Lab, supervisor: Supervisor) -> None:
        lab.ledger.submit_idea("an idea", "person:ada")

    bench.prepare = prepare
    await bench.run(babble)
    assert bench.asked.count("q1") == 3
    (text,) = bench.heard.texts(EventKind.IDEA)
    assert "its handoffs carry `proposal`" in text


@pytest.mark.parametrize(("retry", "asked"), [(True, 3), (False, 1)])
async def test_a_species_that_fails_is_asked_again_where_that_can_help(bench: Bench, retry: bool, asked: int) -> None:
    def broken(request: StepRequest) -> StepReply:
        raise StepError("the server is away", retry=retry)

    await bench.run(broken)
    assert bench.asked.count("q1") == asked


@pytest.mark.parametrize("durable", [False, True])
async def test_desks_that_are_lost_with_their_cluster_decline_no_idea(tmp_path: Path, durable: bool) -> None:
    bench = Bench(tmp_path)
    if durable:
        bench.engine = lambda: LangGraphEngine(bench.org, tmp_path / "graph.db")
    ideas: list[str] = []

    def prepare(lab: Lab, supervisor: Supervisor) -> None:
        if not ideas:
            ideas.append(lab.ledger.submit_idea("try LR -7", "person:ada"))

    def gone(request: StepRequest) -> StepReply:
        raise ExecutorError("the Ray cluster of this run is gone")

    bench.prepare = prepare
    with pytest.raises(ExecutorError, match="cluster of this run is gone"):
        await bench.run(gone)
    with bench.ledger() as ledger:
        assert (ledger.run().state, ledger.run().reason) == (RunState.STOPPED, "the Ray cluster of this run is gone")
        idea = ledger.idea(IdeaId(ideas[0]))
        assert idea is not None
        assert idea.state is IdeaState.OPEN
        assert ledger.idea_counts()[IdeaState.DECLINED] == 0

    def answer(request: StepRequest) -> StepReply:
        return setting(request, "LR", -7) if request.idea else declining("nothing left")

    assert (await bench.run(answer))[0] is RunState.FINISHED
    with bench.ledger() as ledger:
        assert [proposal.idea for proposal in ledger.proposals()] == ideas


async def test_a_stand_up_writes_memos_on_its_cadence(tmp_path: Path) -> None:
    scribe = Role(slug=RoleSlug("scribe"), name="Scribe", kind=RoleKind.AGENT, species=("digest/ledger",))
    cadence = Cadence(id="c1", role=scribe.slug, payload="memo", every_trials=10)
    bench = Bench(tmp_path, org=small_org(roles=(*ROLES, scribe), cadences=(cadence,)))

    def play(request: StepRequest) -> StepReply:
        if request.role == scribe.slug:
            assert request.digest is not None
            return StepReply(type="memo", body={"text": f"after {request.digest.trials} trials"})
        return worse(request) if len(request.past) < 25 else declining("enough")

    await bench.run(play)
    with bench.ledger() as ledger:
        memos, settled = ledger.memos(), ledger.settled_trials()
    assert settled // 10 - 1 <= len(memos) <= settled // 10
    assert all(memo.role == scribe.slug for memo in memos)
    assert [memo.upto_trials for memo in memos] == sorted(memo.upto_trials for memo in memos)


def with_a_scribe() -> tuple[Manifest, RoleSlug]:
    scribe = Role(slug=RoleSlug("scribe"), name="Scribe", kind=RoleKind.AGENT, species=("digest/ledger",))
    cadence = Cadence(id="c1", role=scribe.slug, payload="memo", every_trials=10)
    return small_org(roles=(*ROLES, scribe), cadences=(cadence,)), scribe.slug


async def test_a_stand_up_that_is_due_at_the_end_is_held(tmp_path: Path) -> None:
    """The tenth and last trial makes it due, and the scribe takes its time."""
    org, scribe = with_a_scribe()
    bench = Bench(tmp_path, org=org)

    async def slowly() -> StepReply:
        for _ in range(20):
            await asyncio.sleep(0.02)
        return StepReply(type="memo", body={"text": "ten trials of noise"})

    await bench.run(lambda request: slowly() if request.role == scribe else declining("nothing"))
    with bench.ledger() as ledger:
        assert ledger.run().state is RunState.FINISHED
        assert [memo.text for memo in ledger.memos()] == ["ten trials of noise"]


async def test_a_stand_up_that_does_not_end_is_cut_off_and_that_is_said(tmp_path: Path) -> None:
    org, scribe = with_a_scribe()
    bench = Bench(tmp_path, org=org)

    async def for_ever() -> StepReply:
        while True:
            await asyncio.sleep(0.02)
            bench.clock.advance(1.0)

    state, _ = await bench.run(lambda request: for_ever() if request.role == scribe else declining("nothing"))
    assert state is RunState.FINISHED
    with bench.ledger() as ledger:
        assert not ledger.open_inquiries()
        standup = ledger.inquiry(InquiryId("sc1.1"))
        assert standup is not None
        assert standup.reason.startswith("cut off")
        assert ledger.memos() == []
    assert "the stand-up of scribe was cut off by the end of the run" in bench.heard.texts(EventKind.NOTICE)


async def test_fan_out_opens_siblings_with_proposals_of_their_own(tmp_path: Path) -> None:
    wide = (edge(1, RESEARCHER, TRAINER, "proposal", fan_out=3), WORKFLOW[1])
    bench = Bench(tmp_path, org=small_org(handoffs=wide))

    def play(request: StepRequest) -> StepReply:
        return worse(request) if request.inquiry.startswith("q1") else declining("q1 is enough")

    await bench.run(play)
    with bench.ledger() as ledger:
        assert {proposal.inquiry for proposal in ledger.proposals()} == {"q1", "q1+2", "q1+3"}
        assert not ledger.open_inquiries()


async def test_a_person_at_the_end_of_a_workflow_is_told(tmp_path: Path) -> None:
    owner = Role(slug=RoleSlug("owner"), name="Owner", kind=RoleKind.HUMAN)
    tell = edge(3, TRAINER, owner.slug, "result", when="worse")
    bench = Bench(tmp_path, org=small_org(roles=(*ROLES, owner), handoffs=(*WORKFLOW, tell)))
    await bench.run(lambda request: worse(request) if not request.past else declining("enough"))
    told = [text for text in bench.heard.texts(EventKind.NOTICE) if text.startswith("for Owner")]
    assert told
    assert "against the lead" in told[0]


async def test_a_target_that_is_reached_ends_the_run(tmp_path: Path) -> None:
    objective = Objective(metric="loss", direction=Direction.MINIMIZE, target=8.5)
    bench = Bench(tmp_path, org=small_org(objective=objective))

    def play(request: StepRequest) -> StepReply:
        return setting(request, "LR", 2) if not request.past else worse(request)

    state, reason = await bench.run(play)
    assert (state, reason) == (RunState.FINISHED, "the target is reached by a certified champion")
    with bench.ledger() as ledger:
        assert len([row for row in ledger.champion_history() if row.certificate]) == 1
        assert ledger.settled_trials() < 200


async def test_a_wall_clock_budget_ends_the_run(tmp_path: Path) -> None:
    """A trial takes one second of the fake clock, and may take ten."""
    bench = Bench(tmp_path, org=small_org(budget=Budget(wall_ms=600_000)))
    state, reason = await bench.run(worse)
    assert state in (RunState.FINISHED, RunState.PAUSED)
    with bench.ledger() as ledger:
        assert ledger.run().wall_ms <= 600_000 + 20_000
        assert ledger.settled_trials() > 20, reason


async def test_a_stop_ends_what_runs_and_a_resume_goes_on(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    started = asyncio.Event()

    def enough(request: StepRequest) -> StepReply:
        return worse(request) if len(request.past) < 6 else declining("enough")

    async def stop() -> None:
        await started.wait()
        with Ledger.open(tmp_path / "ledger.db") as other:
            other.request("stop", {"reason": "lunch"})

    async def slow(spec: TrialSpec) -> TrialOutcome:
        if len(bench.executor.submitted) > 14:
            started.set()
            await asyncio.Event().wait()
        return bench.program(spec)

    bench.script = slow
    stopping = asyncio.create_task(stop())
    assert await bench.run(enough) == (RunState.STOPPED, "lunch")
    await stopping
    with bench.ledger() as ledger:
        assert not ledger.running_attempts()
        assert ledger.open_inquiries()
        assert ledger.amounts().reserved.trials == 0
        before = ledger.settled_trials()
    bench.script = bench.program
    state, _ = await bench.run(enough)
    assert state is RunState.FINISHED
    with bench.ledger() as ledger:
        assert ledger.settled_trials() > before
        assert not ledger.open_inquiries()
        assert len(bench.verdicts()) == len(ledger.proposals())
    assert audit(tmp_path / "ledger.db") == []


async def test_a_dry_spell_pauses_and_a_resume_is_a_word_to_go_on(bench: Bench) -> None:
    state, reason = await bench.run(worse)
    assert state is RunState.PAUSED
    assert "no new champion" in reason
    with bench.ledger() as ledger:
        first = ledger.settled_trials()
        assert ledger.decisions(1)[0].dial is Dial.DRY_SPELL
    assert first >= 50, "a quarter of 200 trials"
    assert len(bench.executor.submitted) == first
    state, _ = await bench.run(worse)
    with bench.ledger() as ledger:
        assert ledger.settled_trials() >= first + 10
        assert any(row.verb == "go-on" for row in ledger.decisions(1000))


@pytest.mark.parametrize("durable", [False, True])
@pytest.mark.parametrize("after", [1, 9, 15, 25, 30, 35])
async def test_a_driver_that_dies_anywhere_loses_nothing(tmp_path: Path, after: int, durable: bool) -> None:
    """The driver vanishes at its `after`-th attempt; what ran is settled as lost, and another driver goes on."""
    bench = Bench(tmp_path)
    if durable:
        bench.engine = lambda: LangGraphEngine(bench.org, tmp_path / "graph.db")

    def climb(request: StepRequest) -> StepReply:
        now = float(request.files["train.py"].split("LR = ")[1].split()[0])
        return setting(request, "LR", now + 1) if now < 4 else declining("enough")

    bench.die_after(after)
    with pytest.raises(Died):
        await bench.run(climb)
    bench.die_after(None)
    state, reason = await bench.run(climb)
    assert state is RunState.FINISHED, reason
    assert audit(tmp_path / "ledger.db") == []
    with bench.ledger() as ledger:
        champion = ledger.champion()
        assert champion is not None
        assert champion.certificate is not None
        assert ledger.amounts().spent.trials == ledger.settled_trials() <= 200
        assert not ledger.open_inquiries()
        keys = [row.key for row in ledger.trials()]
        assert len(keys) == len(set(keys))
        assert ledger.open_certification() is None
