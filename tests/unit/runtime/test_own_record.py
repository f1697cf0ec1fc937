"""A role that makes no proposals is told what it handed off before, and what became of that."""

from __future__ import annotations

from pathlib import Path

from thinking import MODEL, Thinking, brief_of, propose, sets, turn

from orgruntime.model.amounts import Budget
from orgruntime.model.dialogue import ModelCall, ModelReply
from orgruntime.model.ids import RoleSlug
from orgruntime.model.manifest import AgentGraph, Manifest, ModelSpec, Role, RoleKind
from orgruntime.testing.lab import RESEARCHER, ROLES, WORKFLOW, edge, small_org
from orgruntime.testing.scripted_models import uses_tool

DIRECTOR = RoleSlug("director")
HEAD = "# What you handed off before, newest first, and the best that came of it"


def directed() -> Manifest:
    agents = (
        Role(slug=DIRECTOR, name="Director", kind=RoleKind.AGENT, count=1, species=("thinker",)),
        Role(slug=RESEARCHER, name="Researcher", kind=RoleKind.AGENT, count=1, species=("thinker",), tools=("Edit",)),
    )
    graph = AgentGraph(handoffs=(edge(0, DIRECTOR, RESEARCHER, "idea"), *WORKFLOW), entries=(DIRECTOR,))
    return small_org(roles=(*agents, *ROLES[1:]), models=(MODEL,), budget=Budget(trials=200), graph=graph)


def section(brief: str) -> list[str]:
    after = brief.partition(HEAD)[2].strip()
    return [line for line in after.partition("\n\n")[0].splitlines() if line]


async def test_a_director_is_told_its_questions_with_the_best_verdict_of_each(tmp_path: Path) -> None:
    briefs: list[str] = []

    def says(model: ModelSpec, call: ModelCall) -> ModelReply:
        number = int(brief_of(call).partition("inquiry q")[2].partition(",")[0])
        if any("# Your role: Director" in block for block in call.system):
            briefs.append(brief_of(call))
            if number > 12:
                return uses_tool("decline", reason="enough asked")
            return uses_tool("hand_off_idea", text=f"question {number}\n# does the width matter?")
        if number % 3 == 0:
            return uses_tool("decline", reason="not worth it")
        return sets("WIDTH", number) if turn(call) == 0 else propose(hypothesis=f"answer {number}")

    at = Thinking(tmp_path, says, directed())
    await at.run()
    assert section(briefs[0]) == []
    told = section(briefs[-1])
    assert len(told) == 8, "a brief has its bound"
    number = next(n for n in range(1, 13) if n % 3 and any(f"- q{n}.0, " in line for line in told))
    line = next(line for line in told if line.startswith(f"- q{number}.0, a `idea`: «question {number} # does"))
    assert f"→ pq{number}.1: measured " in line
    assert "discard: «" in line
    assert any(line.endswith("→ no proposal") for line in told)
    assert all(HEAD not in brief_of(call) for _, call in at.models.asked if "hand_off_proposal" in str(call.tools))
