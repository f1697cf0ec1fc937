"""Facts as a manifest. Judges nothing.

Invariant: the manifest holds what was read and what was added, and nothing of where it was written.
"""

from __future__ import annotations

from orgruntime.compiler.facts import Facts
from orgruntime.compiler.filereport import PROGRAM
from orgruntime.compiler.workflow import Edge
from orgruntime.model.ids import RoleSlug
from orgruntime.model.manifest import AgentGraph, Cadence, Handoff, Manifest, SourceFile


def manifest_of(facts: Facts) -> Manifest | None:
    """The manifest, its hash not yet filled in; None where a part that must be there is not."""
    program = facts.program
    if program.objective is None or program.workspace is None:
        return None
    return Manifest(
        org=facts.org.name,
        title=facts.document.title or facts.org.name,
        mission=facts.parts.mission,
        guidance=facts.parts.guidance,
        objective=program.objective,
        workspace=program.workspace,
        appetite=program.appetite,
        budget=program.budget,
        models=program.models,
        servers=program.servers,
        roles=facts.roles,
        payloads=facts.carried,
        graph=_graph(facts.sound, facts.entries),
        sources=_sources(facts),
    )


def _graph(edges: tuple[Edge, ...], start: tuple[RoleSlug, ...]) -> AgentGraph:
    handoffs = tuple(
        Handoff(
            id=f"e{edge.number}", source=RoleSlug(edge.source.slug), target=RoleSlug(edge.target.slug),
            payload=edge.payload, kind=edge.kind, when=edge.when,
            otherwise=edge.otherwise, at_most=edge.at_most, fan_out=edge.fan_out,
        )
        for edge in edges if edge.target
    )  # fmt: skip
    cadences = tuple(
        Cadence(
            id=f"e{edge.number}", role=RoleSlug(edge.source.slug), payload=edge.payload, every_trials=edge.every_trials,
            every_s=edge.every_s,
        )
        for edge in edges if edge.target is None
    )  # fmt: skip
    return AgentGraph(handoffs=handoffs, cadences=cadences, entries=start)


def _sources(facts: Facts) -> tuple[SourceFile, ...]:
    found = [SourceFile(path=PROGRAM, sha256=facts.document.source.sha256)]
    found += [SourceFile(path=one.ref.source, sha256=facts.files[one.ref.slug].sha256) for one in facts.named]
    found += [SourceFile(path=one.path, sha256=one.file.sha256) for one in facts.declared if one.file]
    return tuple(found)
