"""What an org gets that does not say otherwise: a trainer, a referee, and the edges of the classic loop.

Pure. Invariant: nothing is added without an info, and nothing that the program says is changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from orgruntime.compiler import reading_rules
from orgruntime.compiler.library import RoleRef
from orgruntime.compiler.payloads import can_propose
from orgruntime.compiler.workflow import Edge
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.diagnostics.span import Span
from orgruntime.model.ids import RoleSlug
from orgruntime.model.manifest import ModelSpec, Resources, Role, RoleKind
from orgruntime.model.species import reference_to


class Completed(NamedTuple):
    roles: tuple[Role, ...]
    edges: tuple[Edge, ...]


def complete(
    roles: Sequence[Role], edges: Sequence[Edge], models: tuple[ModelSpec, ...], at: Span, findings: Findings
) -> Completed:
    """Adds what is missing. `at` is where the program begins, for the infos."""
    maker = _Maker(list(roles), list(edges), models, at, findings)
    trainer = maker.role(RoleKind.EXPERIMENT, "trainer", "runs the trials")
    referee = maker.role(RoleKind.VERIFIER, "referee", "certifies champions")
    maker.proposals(trainer)
    maker.results(referee)
    return Completed(tuple(maker.roles), tuple(maker.edges))


def implied_agent(title: str, body: str, models: tuple[ModelSpec, ...]) -> Role:
    """The one role of a program that names none: the program's own words are its prompt."""
    species = tuple(reference_to(model) for model in models if model.name == "default")
    return Role(
        slug=RoleSlug("researcher"), name="Researcher", kind=RoleKind.AGENT, description=title, prompt=body,
        species=species, builtin=True,
    )  # fmt: skip


class _Maker(NamedTuple):
    roles: list[Role]
    edges: list[Edge]
    models: tuple[ModelSpec, ...]
    at: Span
    findings: Findings

    def role(self, kind: RoleKind, slug: str, what: str) -> Role:
        """The first role of the kind, added where there is none."""
        for role in self.roles:
            if role.kind is kind:
                return role
        taken = {role.slug for role in self.roles}
        name = slug if slug not in taken else f"built-in-{slug}"
        made = Role(
            slug=RoleSlug(name), name=slug.capitalize(), kind=kind, description=what, builtin=True,
            resources=Resources(cpus=1.0),
        )  # fmt: skip
        self.roles.append(made)
        self.findings.put(self.at, reading_rules.default_added.role(kind, name, what))
        return made

    def proposals(self, trainer: Role) -> None:
        """An agent that could propose and hands nothing on hands its proposals to the trainer."""
        if any(edge.payload == "proposal" for edge in self.edges):
            return
        giving = {edge.source.slug for edge in self.edges}
        for role in list(self.roles):
            if role.slug not in giving and can_propose(role, self.models):
                self._edge(role, trainer, "proposal", None)

    def results(self, referee: Role) -> None:
        """What looks promising goes to the referee, before any other edge of its source is tried."""
        if any(edge.target and edge.target.slug == referee.slug for edge in self.edges):
            return
        used = {edge.target.slug for edge in self.edges if edge.target}
        for role in list(self.roles):
            if role.kind is RoleKind.EXPERIMENT and role.slug in used:
                self._edge(role, referee, "result", "promising", first=True)

    def _edge(self, source: Role, target: Role, payload: str, when: str | None, *, first: bool = False) -> None:
        if first and any(e.source.slug == source.slug and e.when == when and e.payload == payload for e in self.edges):
            return
        number = max((edge.number for edge in self.edges), default=0) + 1
        made = Edge(
            number, self.at, _ref(source), self.at, payload, self.at, _ref(target), self.at,
            when=when, when_span=self.at if when else None,
        )  # fmt: skip
        own = [i for i, edge in enumerate(self.edges) if edge.source.slug == source.slug]
        self.edges.insert(own[0] if first and own else len(self.edges), made)
        fault = reading_rules.default_added.handoff(source.slug, target.slug, payload, when)
        self.findings.put(self.at, fault)


def _ref(role: Role) -> RoleRef:
    return RoleRef(role.slug, Path(), "", role.source or "")
