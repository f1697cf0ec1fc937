"""The front matter of `program.md`, bound strictly: the contract. Knows the keys, nothing of roles or edges.

Invariant: a value that is there and good is bound even where its neighbours are not.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from orgruntime.compiler import reading_rules, words
from orgruntime.compiler.authority import bind_tools
from orgruntime.compiler.fields import Fields
from orgruntime.compiler.keys import BUDGET, OBJECTIVE, PROGRAM, is_ours
from orgruntime.compiler.risk import bind_risk
from orgruntime.compiler.servers import bind_servers
from orgruntime.compiler.species import bind_models
from orgruntime.compiler.workspace import bind_workspace
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.diagnostics.pattern import pattern
from orgruntime.diagnostics.span import Span
from orgruntime.model.amounts import Budget
from orgruntime.model.appetite import Appetite
from orgruntime.model.manifest import Direction, ModelSpec, Objective, ToolServer, WorkspaceSpec
from orgruntime.orgfile.document import Document
from orgruntime.orgfile.tree import ScalarNode


class Program(NamedTuple):
    """The bound front matter. None is a part that has errors."""

    fields: Fields
    objective: Objective | None
    workspace: WorkspaceSpec | None
    appetite: Appetite
    budget: Budget
    models: tuple[ModelSpec, ...]
    servers: tuple[ToolServer, ...]
    tools: tuple[str, ...]
    network: tuple[ScalarNode, ...]
    """Slugs of the roles that are granted it."""
    imports: tuple[ScalarNode, ...]
    requires: tuple[words.Release, ...]


def bind_program(document: Document, org: Path, findings: Findings) -> Program | None:
    """The program's contract; None where there is no front matter to bind, or that of somebody else."""
    source = document.source
    if document.front is None:
        if not document.front_is_broken:
            findings.put(source.span(0), reading_rules.missing_front_matter.of_program())
        return None
    names = [name.text for name, _ in document.front.entries]
    if not is_ours(names):
        findings.put(source.span(0), reading_rules.missing_front_matter.of_somebody_else(names))
        return None
    fields = Fields(document.front, "", PROGRAM, findings, source.span(0, source.line_end(0)), _asked(document))
    fields.scalar("format")
    return Program(
        fields=fields,
        objective=_objective(fields),
        workspace=bind_workspace(fields, org),
        appetite=bind_risk(fields, findings),
        budget=_budget(fields),
        models=bind_models(fields, findings),
        servers=bind_servers(fields, findings),
        tools=bind_tools(fields),
        network=fields.words("network", comma_string=True) or (),
        imports=fields.words("imports") or (),
        requires=fields.read("requires", words.releases) or (),
    )


_QUESTION = pattern(
    r"^(?:(?P<top>[a-z_]+):.*|[ \t]*(?P<mark># \? )(?:(?P<key>[a-z_]+): )?.*(?:\n# (?P<form>[a-z_]+):.*)?)$",
    re.MULTILINE,
)
"""A key of the top level, or a question of a draft: what it asks for stands in it, or in the line below."""


def _asked(document: Document) -> dict[str, Span]:
    """Path of a key → the first question of a draft that asks for it, or for what stands in it."""
    source, found, top = document.source, dict[str, Span](), ""
    front = source.text[: document.body_start]
    for match in _QUESTION.finditer(front) if "# Drafted by `orgrun import`" in front else ():
        top = match["top"] or top
        if match["mark"]:
            span = source.span(match.start("mark"), source.line_end(match.start("mark")))
            for path in (f"{top}.{match['key']}", top) if match["key"] else (match["form"] or "",):
                found.setdefault(path, span)
    return found


def _objective(parent: Fields) -> Objective | None:
    fields = parent.mapping("objective", OBJECTIVE)
    if fields is None:
        return None
    metric, direction = fields.text("metric"), fields.choice("direction", Direction)
    target, effect = fields.read("target", words.number), fields.read("min_effect", words.not_negative)
    if metric is None or direction is None:
        return None
    return Objective(metric=metric, direction=direction, target=target, min_effect=effect or 0.0)


def _budget(parent: Fields) -> Budget:
    fields = parent.mapping("budget", BUDGET)
    if fields is None:
        return Budget()
    gpu, cpu = fields.read("gpu_hours", words.hours), fields.read("cpu_hours", words.hours)
    usd, wall = fields.read("usd", words.not_negative), fields.read("wall_clock", words.duration)
    return Budget(
        trials=fields.read("trials", words.count),
        gpu_ms=_thousandths(gpu, 3_600),
        cpu_ms=_at_least_one(_thousandths(cpu, 3_600)),
        tokens=fields.read("tokens", words.whole),
        usd_micro=_thousandths(usd, 1_000),
        wall_ms=_at_least_one(_thousandths(wall, 1)),
    )


def _thousandths(value: float | None, factor: float) -> int | None:
    return None if value is None else round(value * factor * 1000)


def _at_least_one(value: int | None) -> int | None:
    return None if value is None else max(1, value)
