"""RunTrial: a language model asks for one trial of its files before it proposes them, and gets what came of it as data.

Works through the board: the scheduler decides when, and whether. Does not run anything and judges nothing. Invariants:
what a proposal would be refused for, a probe is refused for; no verdict, lead or champion ever rests on a probe; the
same files on the same base are measured on the same seed, so asking again costs nothing.
"""

from __future__ import annotations

import asyncio
import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from orgruntime.ledger.rows import TrialRow, TrialState
from orgruntime.model.dialogue import ToolResult, ToolSpec, ToolUse
from orgruntime.model.ids import AttemptId
from orgruntime.model.research import RiskClass
from orgruntime.model.step import Ask
from orgruntime.model.trial import Purpose, TrialIdentity
from orgruntime.runtime.admission import blast, earlier_proposal, frozen_files
from orgruntime.runtime.board import Order, TrialDropped
from orgruntime.runtime.handoffs import committed, keys_held
from orgruntime.runtime.ports import Commit, WorkspaceError
from orgruntime.runtime.redaction import quoted
from orgruntime.runtime.service import ServiceTool

if TYPE_CHECKING:
    from orgruntime.runtime.calls import Call
    from orgruntime.runtime.lab import Lab

MOST = 3
"""Probes a step: what is worth more than that is worth a proposal."""
LAST_LINES, LAST_BYTES = 30, 16_384
POINTS = 10
"""Points of the curve that are shown."""

SPEC = ToolSpec(
    name="RunTrial",
    description="Ask for one trial of the editable files as they stand in your worktree, and get its metric, its "
    "figures and the last lines that it printed. With no file changed it measures the base commit, for comparison on "
    f"the same seed. The scheduler decides when it runs; it costs a trial of the budget. At most {MOST} a step. One "
    "run is one draw of luck: it shows that code works and roughly what it does, and counts for nothing else.",
    input_schema={
        "type": "object",
        "properties": {
            "budget": {
                "type": "number",
                "exclusiveMinimum": 0,
                "maximum": 1,
                "description": "Share of a full trial to run, where the run command takes a budget. Default: 1.",
            }
        },
    },
)


async def serve(lab: Lab, call: Call, ask: Ask) -> ToolResult:
    """Answers in words, whatever is asked."""
    use = ask.use
    assert use is not None, "a service is asked by a use"
    rung = _rung(lab, use)
    commit = rung if isinstance(rung, str) else await _commit(lab, call, ask)
    if isinstance(rung, str) or isinstance(commit, str):
        return ToolResult(id=use.id, text=str(commit), is_error=True, refused=True)
    seed = lab.seed_for("probe", call.base)
    order = _at(lab.order(commit, lab.experimenter, Purpose.PROBE, seed, inquiry=call.address.inquiry), rung)
    order = replace(order, sleeve=call.wish or RiskClass.EXPLOIT)
    lab.doing[call.name] = f"waiting for trial {order.identity.key[:8]} of its files"
    try:
        row = await lab.board.measure(order)
    except TrialDropped as error:
        return ToolResult(id=use.id, text=f"The trial was not run: {error}.", is_error=True)
    said = await asyncio.to_thread(_last_lines, lab.logs.path(AttemptId(f"{row.key}.{row.attempts}")))
    return ToolResult(id=use.id, text=_told(lab, row, said), is_error=row.metric is None)


def _at(order: Order, rung: float) -> Order:
    return replace(order, identity=TrialIdentity(**{**order.identity.model_dump(), "rung": rung}))


def _rung(lab: Lab, use: ToolUse) -> float | str:
    budget = use.input.get("budget", 1)
    if isinstance(budget, bool) or not isinstance(budget, int | float) or not math.isfinite(budget):
        return "`budget` must be a number above 0, at most 1"
    if not 0 < budget <= 1:
        return "`budget` must be above 0, at most 1"
    if budget < 1 and "{budget}" not in lab.manifest.workspace.run:
        return "the run command of this workspace takes no budget: every trial is a full one; leave `budget` out"
    return float(budget)


async def _commit(lab: Lab, call: Call, ask: Ask) -> Commit | str:
    """What is to be measured, or why it is not."""
    assert call.base is not None, "a step of a language model has begun on a commit"
    base = lab.workspace.get(call.base)
    if not ask.files:
        return base
    if said := keys_held(lab, call, ask.files):
        return f"The change {said}."
    try:
        commit = committed(lab, call, call.base, ask.files, "a probe")
    except WorkspaceError as error:
        return str(error)
    diff = lab.workspace.diff(call.base, commit.id)
    if said := frozen_files(lab, diff) or blast(lab, lab.experimenter, diff, call.role):
        return f"The change {said}."
    if (earlier := earlier_proposal(lab, commit.tree)) is not None and earlier[0].inquiry != call.address.inquiry:
        return f"This is {earlier[1]}; it was proposed before, and is not measured again."
    await lab.commits_on_disk()
    return commit


def _told(lab: Lab, row: TrialRow, said: str) -> str:
    metric = lab.manifest.objective.metric
    if row.metric is not None:
        lines = [f"`{metric}` {row.metric:.6g} in {row.wall_s:.1f} s, peak memory {row.memory_mb:.0f} MB."]
    elif row.state is TrialState.FAILED:
        lines = ["The cluster lost the trial; that says nothing of your change."]
    else:
        lines = [f"No result ({row.score.value if row.score else 'lost'}):", quoted(row.reason, 500)]
    if row.identity.rung < 1:
        lines.append(f"It ran {row.identity.rung:g} of a full trial: compare it with the same share only.")
    figures = {name: value for name, value in row.figures.items() if name != metric}
    if figures:
        lines += [
            "Figures that it printed:",
            quoted("\n".join(f"{name}: {value:g}" for name, value in figures.items())),
        ]
    if row.progress:
        step = max(1, len(row.progress) // POINTS)
        points = [*row.progress[::step], row.progress[-1]]
        lines.append("Curve: " + ", ".join(f"{at:.3g}: {value:.5g}" for at, value in dict(points).items()))
    if said:
        lines += ["Its last lines:", quoted(said)]
    return "\n".join(lines)


def _last_lines(path: Path) -> str:
    try:
        with path.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - LAST_BYTES))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-LAST_LINES:])


TOOL = ServiceTool(SPEC, serve, most=MOST)
