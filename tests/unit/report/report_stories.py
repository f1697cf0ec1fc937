"""Stories for the tests of the report: small runs with known numbers, and one whose every text is hostile."""

from __future__ import annotations

from dataclasses import replace

from orgruntime.model.ids import FindingId, InquiryId, RoleSlug
from orgruntime.model.manifest import Direction
from orgruntime.model.memory import Finding, FindingState
from orgruntime.model.research import Noise
from orgruntime.model.status import Credit, Spend, TrialCounts
from orgruntime.report.story import (
    BudgetRow,
    Champion,
    DecisionRow,
    HonestRow,
    LeadStep,
    Memo,
    PartRow,
    Point,
    PointStatus,
    RunStory,
    SpendRow,
)

BASE, GOOD, BAD, DEAD = "a" * 40, "b" * 40, "c" * 40, "d" * 40

HOSTILE = (
    "<script>alert(1)</script>\"'\t\r\n=1+1 $\\frac{ `x` &amp; \u202e\x00\x1b[31m ]]> --> <img src=x onerror=alert(2)>"
)


HOSTILE_MEMO = f"# {HOSTILE}\n\n- {HOSTILE}\n\n```\n{HOSTILE}\n```\n\n[x](javascript:alert(3)) **{HOSTILE}**"

CREDIT = Credit(
    proposal="p1", hypothesis="wider", idea="try a wider one", author="person:ada", role="researcher",
    species="search/tpe", gain=0.19, usd=0.25, cpu_seconds=40,
)  # fmt: skip
FINDINGS = (
    Finding(id=FindingId("f1"), text="wide helps", evidence=("p1",), role=RoleSlug("scribe"), inquiry=InquiryId("q1")),
    Finding(id=FindingId("f2"), text="deep may too", role=RoleSlug("critic"), inquiry=InquiryId("q1")),
    Finding(id=FindingId("f3"), text="rates are all", role=RoleSlug("critic"), inquiry=InquiryId("q1"),
            state=FindingState.PRUNED, reason="they are not"),
)  # fmt: skip
PARTS = (PartRow("p1", "WIDTH", True, -0.15, "referee"), PartRow("p1", "DEPTH", True, None, "referee"))


def hostile_credit() -> Credit:
    words = dict.fromkeys(("hypothesis", "idea", "author", "role", "species"), HOSTILE)
    return CREDIT.model_copy(update=words)


def hostile_finding(finding: Finding) -> Finding:
    return finding.model_copy(update={"text": HOSTILE, "evidence": (HOSTILE,), "role": HOSTILE})


def story() -> RunStory:
    """Ten baseline runs, one kept proposal of two trials, one discard, one crash, one champion."""
    noise = [
        Point(i + 1, BASE, 2.5 + 0.01 * (-1) ** i, i, "noise", PointStatus.NOISE, memory_mb=1024) for i in range(10)
    ]
    kept = [
        Point(11 + i, GOOD, 2.30 + 0.02 * i, i, "screen", PointStatus.KEEP, "researcher", "search/tpe", "wider",
              1536 + i, 2.0, "better on both seeds", "p1", BASE, 0.19)
        for i in range(2)
    ]  # fmt: skip
    worse = Point(13, BAD, 2.61, 0, "screen", PointStatus.DISCARD, "researcher", "search/tpe", "narrower", 900, 2.0,
                  "worse on the first seed", "p2", BASE, -0.11)  # fmt: skip
    crash = Point(14, DEAD, None, 0, "screen", PointStatus.CRASH, "scout", "claude-opus-5-5", "rate 10", None, 1.0,
                  "diverged", "p3", BASE)  # fmt: skip
    champion = Champion(28, GOOD, 2.2, 0.2, (0.15, 0.25), 0.2, (0.15, 0.25), 8.0, 412.4, "certificates/c1.json",
                        300, 7, 7, (CREDIT,))  # fmt: skip
    return RunStory(
        run="r-1", org="lab", title="Lab", objective="val_loss", direction=Direction.MINIMIZE, state="finished",
        reason="the budget is used up", target=2.0,
        noise=Noise(sd=0.02, pairs=5, correlation=0.4, deterministic=False, baseline=2.5),
        baseline=2.5, baseline_commit=BASE, points=(*noise, *kept, worse, crash),
        lead=(LeadStep(10, BASE, 2.5), LeadStep(12, GOOD, 2.31)), champions=(champion,),
        memos=(Memo("scribe", "## Gained\n\n- **wider** is better", 20),),
        spend_rows=(SpendRow("researcher", "search/tpe", Spend(cpu_seconds=90), 4, 1, 0.19),),
        spend=Spend(cpu_seconds=90, wall_seconds=100), counts=TrialCounts(total=28, keep=2, discard=1, crash=1),
        decisions=(DecisionRow("proof", "certify", 1, "the lead looks 3 sd better"),),
        honest=(HonestRow("bigram table", 2.45), HonestRow("far table", 1.0)),
        findings=FINDINGS, parts=PARTS,
        budget=(BudgetRow("trials", 28, 40),), isolation="strict", folder=".orgrun/runs/r-1", appetite="balanced",
    )  # fmt: skip


def hostile() -> RunStory:
    """The same run; every text that a role, a trial or an org could have written is hostile."""
    tame = story()
    points = tuple(replace(p, role=HOSTILE, species=HOSTILE, hypothesis=HOSTILE, reason=HOSTILE) for p in tame.points)
    return replace(
        tame, run=HOSTILE, org=HOSTILE, title=HOSTILE, objective=HOSTILE, state=HOSTILE, reason=HOSTILE, points=points,
        champions=tuple(replace(c, certificate=HOSTILE, made_of=(hostile_credit(),)) for c in tame.champions),
        findings=tuple(map(hostile_finding, FINDINGS)),
        parts=(PartRow(HOSTILE, HOSTILE, True, -0.1, HOSTILE),),
        memos=(Memo(HOSTILE, HOSTILE_MEMO, 3),),
        spend_rows=(SpendRow(HOSTILE, HOSTILE, Spend()),), decisions=(DecisionRow(HOSTILE, HOSTILE, 1, HOSTILE),),
        honest=(HonestRow(HOSTILE, 2.4),), budget=(BudgetRow(HOSTILE, 1, 2, HOSTILE),), isolation=HOSTILE,
        folder=HOSTILE, appetite=HOSTILE, verify_command=HOSTILE,
    )  # fmt: skip


def empty() -> RunStory:
    """A run before its first trial."""
    return RunStory(run="r-0", org="lab", objective="score", direction=Direction.MAXIMIZE)
