"""What the ends of ranks come to, and who is ended when."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from orgruntime.backends.gangs import LINGER_S, Gangs, News
from orgruntime.model.ids import AttemptId, CommitId, TreeId
from orgruntime.model.manifest import Resources
from orgruntime.model.trial import Ending, TrialOutcome, TrialProgress, TrialSpec

GANG = TrialSpec(
    attempt=AttemptId("key.1"), tree=TreeId("a" * 40), commit=CommitId("c" * 40), argv=("train",), env={"SEED": "1"},
    resources=Resources(nodes=3, gpus=8), time_limit_s=60, rungs=(0.5,), metric="loss",
)  # fmt: skip


def end(rank: int, ending: Ending = Ending.EXITED, exit_code: int | None = 0, **more: Any) -> TrialOutcome:
    return TrialOutcome(
        **{
            "attempt": AttemptId(f"key.1+{rank}"), "ending": ending, "node": f"10.0.0.{rank}", "wall_s": 1.0 + rank,
            "cpu_s": 2.0, "peak_memory_mb": 10.0 * rank, "output": f"rank {rank}\n", "isolation": "strict",
            "exit_code": exit_code if ending is Ending.EXITED else None, **more,
        }
    )  # fmt: skip


def heard(*outcomes: TrialOutcome) -> list[News]:
    gangs = Gangs()
    gangs.enlist(GANG)
    return [gangs.heard(outcome) for outcome in outcomes]


def the_one(news: list[News]) -> TrialOutcome:
    (found,) = [one.outcome for one in news if one.outcome is not None]
    assert news[-1].outcome is found
    return found


def test_a_rank_takes_its_share_of_its_node_and_finds_the_others() -> None:
    gangs = Gangs()
    ranks = gangs.enlist(GANG)
    assert [rank.attempt for rank in ranks] == ["key.1+0", "key.1+1", "key.1+2"] == list(gangs.ranks(GANG.attempt))
    assert {rank.resources for rank in ranks} == {Resources(gpus=8)}
    assert [rank.rungs for rank in ranks] == [(0.5,), (), ()]
    assert all(rank.network for rank in ranks)
    assert all(gangs.is_meeting(rank.attempt) for rank in ranks)
    met = [gangs.meet(rank, "10.0.0.0", 4242) for rank in ranks]
    assert not any(gangs.is_meeting(rank.attempt) for rank in ranks)
    assert [rank.env["NODE_RANK"] for rank in met] == ["0", "1", "2"]
    for rank in met:
        assert (rank.env["SEED"], rank.env["NNODES"]) == ("1", "3")
        assert rank.env["PET_MASTER_ADDR"] == rank.env["MASTER_ADDR"] == "10.0.0.0"
        assert rank.env["PET_MASTER_PORT"] == rank.env["MASTER_PORT"] == "4242"
    point = TrialProgress(attempt=ranks[0].attempt, points=((0.5, 3.0),))
    assert gangs.told(point).attempt == GANG.attempt


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_the_number_is_rank_0s_and_the_cost_is_everybodys(order: tuple[int, ...]) -> None:
    news = heard(*(end(rank) for rank in order))
    outcome = the_one(news)
    assert (outcome.attempt, outcome.ending, outcome.exit_code) == (GANG.attempt, Ending.EXITED, 0)
    assert (outcome.output, outcome.node, outcome.detail) == ("rank 0\n", "10.0.0.0", "")
    assert (outcome.wall_s, outcome.cpu_s, outcome.peak_memory_mb) == (3.0, 6.0, 20.0)
    lingering = [(one.end, one.after_s) for one in news if one.end]
    after = order[order.index(0) + 1 :]
    assert lingering == ([(tuple(f"key.1+{rank}" for rank in sorted(after)), LINGER_S)] if after else [])


def test_a_rank_that_fails_ends_the_others_at_once_and_is_what_is_told() -> None:
    first, second, last = heard(
        end(2, exit_code=7), end(0, Ending.CANCELLED), end(1, Ending.CANCELLED, isolation="none")
    )
    assert (first.end, first.after_s) == (("key.1+0", "key.1+1"), 0.0)
    assert second == News()
    assert last.outcome is not None
    assert (last.outcome.exit_code, last.outcome.output, last.outcome.isolation) == (7, "rank 2\n", "none")
    assert last.outcome.detail == "rank 2 of 3 on 10.0.0.2"


def test_a_lost_node_is_no_crash_although_the_others_heard_of_it_first() -> None:
    """The ranks that live see their peer go silent, fail, and are heard seconds before the cluster says why."""
    outcome = the_one(heard(end(0, exit_code=1), end(1, exit_code=1), end(2, Ending.INFRASTRUCTURE, detail="gone")))
    assert (outcome.ending, outcome.detail) == (Ending.INFRASTRUCTURE, "rank 2 of 3 on 10.0.0.2: gone")


def test_what_rank_0_has_measured_stands() -> None:
    outcome = the_one(heard(end(0), end(1, Ending.CANCELLED), end(2, Ending.INFRASTRUCTURE)))
    assert (outcome.ending, outcome.exit_code) == (Ending.EXITED, 0)


def test_no_rank_may_touch_a_frozen_file() -> None:
    outcome = the_one(heard(end(0), end(1), end(2, Ending.TAMPERED, detail="eval.py")))
    assert (outcome.ending, outcome.detail) == (Ending.TAMPERED, "rank 2 of 3 on 10.0.0.2: eval.py")


def test_a_gang_whose_last_rank_found_no_node_never_started() -> None:
    news = heard(end(1, Ending.NEVER_STARTED), end(0, Ending.CANCELLED), end(2, Ending.CANCELLED))
    assert news[0].end == ("key.1+0", "key.1+2")
    assert the_one(news).ending is Ending.NEVER_STARTED


def test_a_gang_that_is_cancelled_is_cancelled() -> None:
    assert the_one(heard(*(end(rank, Ending.CANCELLED) for rank in range(3)))).ending is Ending.CANCELLED


def test_other_attempts_pass_through() -> None:
    gangs = Gangs()
    alone = end(0).model_copy(update={"attempt": AttemptId("other.1")})
    assert gangs.heard(alone) == News(alone)
    assert gangs.ranks(alone.attempt) == (alone.attempt,)
    assert not gangs.is_meeting(alone.attempt)
