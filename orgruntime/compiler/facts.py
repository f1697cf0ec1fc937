"""What was read of one org, as the rules see it: bound, resolved and completed, with the way back to each place.

Holds no rule and reports nothing. Invariant: facts are the same whatever order the rules are asked in, and a part that
could not be read is absent, never guessed; but a kind that is nearly one of ours stands for it, and is an error.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from orgruntime.compiler.assemble import Named, settled, wished_fallback
from orgruntime.compiler.command import COMMANDS, Target, target_of
from orgruntime.compiler.declared import Declared
from orgruntime.compiler.diagram import may_be_drawn
from orgruntime.compiler.filereport import Offer, Standing, Terms
from orgruntime.compiler.graph import entries
from orgruntime.compiler.hints import Hints
from orgruntime.compiler.limits import trial_seconds
from orgruntime.compiler.naming import slug_named
from orgruntime.compiler.nodes import curly
from orgruntime.compiler.payloads import has_condition, is_typed, kind_gives_other, known_payloads, slips, undeclared
from orgruntime.compiler.program import Program
from orgruntime.compiler.rolefile import RoleFile
from orgruntime.compiler.sections import Parts
from orgruntime.compiler.workflow import Edge
from orgruntime.compiler.workspace import locate
from orgruntime.diagnostics.nearest import nearest
from orgruntime.diagnostics.span import Span
from orgruntime.model.amounts import Budget
from orgruntime.model.ids import RoleSlug
from orgruntime.model.manifest import ModelSpec, Role, RoleKind
from orgruntime.model.payload import PayloadType
from orgruntime.model.species import by_name, is_language_model, reference_to, serving
from orgruntime.orgfile import disk
from orgruntime.orgfile.document import Document
from orgruntime.orgfile.tree import ListNode, MapNode, Node, ScalarNode


@dataclass(frozen=True)
class Facts:
    """`roles` and `edges` hold what was added by default. `whole`: every row and every item could be read."""

    org: Path
    document: Document
    program: Program
    parts: Parts
    named: tuple[Named, ...]
    files: Mapping[str, RoleFile]
    roles: tuple[Role, ...]
    edges: tuple[Edge, ...]
    declared: tuple[Declared, ...]
    whole: bool
    slugs: tuple[str, ...] = ()
    """Of all role files of the org, also of those that the program does not name."""
    strayed: bool = False
    """Whether a link leads to no file, which is looked for among those that were called otherwise."""

    @cached_property
    def top(self) -> Span:
        """The first line of the program: the place of what is said of the org as a whole."""
        return self.document.source.span(0, self.document.source.line_end(0))

    @cached_property
    def places(self) -> Mapping[str, Span]:
        """Where each role is named first; the top for one that was added."""
        named = {one.ref.slug: one.span for one in self.named}
        return {role.slug: named.get(role.slug, self.top) for role in self.roles}

    @cached_property
    def needs(self) -> Mapping[str, Span]:
        """Where the resources of each role are given; else where it is named."""
        given = {one.ref.slug: one.row.needs.span for one in self.named if one.row and one.row.needs.span}
        return {slug: given.get(slug, place) for slug, place in self.places.items()}

    @cached_property
    def by_slug(self) -> Mapping[str, Role]:
        return {role.slug: role for role in self.roles}

    @cached_property
    def payloads(self) -> Mapping[str, PayloadType]:
        """What handoffs may carry: built in, standard, the org's own, and what stands in for undeclared ones."""
        return {**known_payloads(one.payload for one in self.declared), **self.undeclared}

    @cached_property
    def undeclared(self) -> Mapping[str, PayloadType]:
        """Payloads that handoffs carry and nobody declares, as the notes that they are."""
        return undeclared(self.slips)

    @cached_property
    def slips(self) -> Mapping[str, str | None]:
        """Names of payloads that nobody declares, each with the known one that it nearly is."""
        return slips(self.edges, known_payloads(one.payload for one in self.declared))

    @cached_property
    def slips_of_roles(self) -> Mapping[str, str]:
        """Payloads that roles say they hand off or take, and that are none, each with the one that it nearly is."""
        said = (node.text for _, hints in self.asked for node in (*(hints.produces or ()), *(hints.consumes or ())))
        unknown = dict.fromkeys(name for name in said if name not in self.payloads)
        return {name: near for name in unknown if (near := nearest(name, self.payloads))}

    def is_sure(self, said: tuple[str, ...] | None) -> bool:
        """Whether what a role says of its payloads has no slip in it: nothing else is said of one."""
        return self.slips_of_roles.keys().isdisjoint(said or ())

    @property
    def carried(self) -> tuple[PayloadType, ...]:
        """The payloads of the manifest: the standard ones as far as a handoff carries them."""
        used = {edge.payload for edge in self.edges} | {one.payload.name for one in self.declared}
        return tuple(one for one in self.payloads.values() if one.builtin or one.name in used)

    @cached_property
    def sound(self) -> tuple[Edge, ...]:
        """The edges that are well typed: what rules over the whole graph may lean on."""
        return tuple(edge for edge in self.typed if has_condition(edge, self.payloads))

    @cached_property
    def typed(self) -> tuple[Edge, ...]:
        """The same with those whose condition alone is at fault."""
        return tuple(e for e in self.edges if is_typed(e, self.by_slug, self.payloads, self.program.models))

    @cached_property
    def unsure(self) -> frozenset[str]:
        """The roles whose kind is given and is none, or whose row cannot be read: what hangs on it is not judged."""
        if self.parts.roles is not None and not self.whole and not any(one.row for one in self.named):
            return frozenset(one.ref.slug for one in self.named)
        asked = ((one.ref.slug, settled(one, self.files[one.ref.slug])) for one in self.named)
        return frozenset(slug for slug, hints in asked if hints.kind is None and "kind" in hints.places)

    @cached_property
    def entries(self) -> tuple[RoleSlug, ...]:
        return entries(self.roles, self.sound)

    @cached_property
    def asked(self) -> tuple[tuple[Role, Hints], ...]:
        """Each named role with what its row asks for, and its file where the row does not."""
        return tuple((self.by_slug[one.ref.slug], settled(one, self.files[one.ref.slug])) for one in self.named)

    @cached_property
    def measuring(self) -> tuple[Role, ...]:
        """The roles that run trials."""
        return tuple(role for role in self.roles if role.kind in (RoleKind.EXPERIMENT, RoleKind.VERIFIER))

    @property
    def trials(self) -> tuple[tuple[Role, float], ...]:
        """The measuring roles with the time limit of one trial of each, in seconds; none without a workspace."""
        space = self.program.workspace
        return tuple((role, trial_seconds(role, space)) for role in self.measuring) if space else ()

    def language_models(self, role: Role) -> tuple[ModelSpec, ...]:
        """The language models of a role's panel, fallbacks with them, each once."""
        return tuple(one for one in self.models(role) if is_language_model(one.species))

    def models(self, role: Role) -> tuple[ModelSpec, ...]:
        """All that serves a role, key-free species too, each once."""
        panel = role.species, role.fallback
        if panel not in self._served:
            self._served[panel] = tuple(dict.fromkeys(serving(self._entries, role)))
        return self._served[panel]

    def fallbacks(self) -> Iterator[tuple[Role, ScalarNode]]:
        """The roles that name a fallback of their own, each with the place."""
        for named, role, file in self.agents():
            node = wished_fallback(named, file)
            if node is not None:
                yield role, node

    @cached_property
    def _served(self) -> dict[tuple[tuple[str, ...], str | None], tuple[ModelSpec, ...]]:
        """By panel and fallback: the roles of a large org have few of them."""
        return {}

    @cached_property
    def _entries(self) -> Mapping[str, ModelSpec]:
        return by_name(self.program.models)

    @property
    def role_budgets(self) -> Iterator[tuple[Budget, Span]]:
        """The budgets of roles, each with its cell."""
        for named in self.named:
            if named.row and named.row.hints.budget:
                yield named.row.hints.budget, named.row.hints.places["budget"]

    @property
    def granted_tools(self) -> tuple[ScalarNode, ...]:
        """Every tool that the program grants: to all roles, and in the rows of single ones."""
        rows = (node for one in self.named if one.row for node in one.row.hints.tools or ())
        return (*(self.program.fields.words("tools", comma_string=True) or ()), *rows)

    @property
    def named_tools(self) -> tuple[ScalarNode, ...]:
        """Those, and every tool that the program says a name means."""
        meant = self.node("tool_names")
        values = [value for _, value in meant.entries] if isinstance(meant, MapNode) else []
        return (*self.granted_tools, *(one for one in values if isinstance(one, ScalarNode) and not one.is_null))

    @cached_property
    def declared_servers(self) -> tuple[str, ...]:
        """Names of `mcp_servers:`, faulty entries included."""
        node = self.node("mcp_servers")
        return tuple(name.text for name, _ in node.entries) if isinstance(node, MapNode) else ()

    @cached_property
    def model_places(self) -> Mapping[str, Span]:
        """Where each model, an entry or a species, is named first: in `models:`, else by a role."""
        found: dict[str, Span] = {}
        for model in self.program.models:
            fallback = self.node_at("models", model.name, "fallback")
            for name, node in ((model.name, self.node_at("models", model.name)), (model.fallback, fallback)):
                if name is not None and node is not None:
                    found.setdefault(name, node.span)
        for word in self.species:
            found.setdefault(word.text.strip(), word.span)
        return found

    def node(self, path: str) -> Node | None:
        """What stands in the front matter at `workspace.run`, say."""
        return self.node_at(*path.split("."))

    def node_at(self, *path: str) -> Node | None:
        """The same where a key may have a point in it."""
        node: Node | None = self.program.fields.node
        for key in path:
            node = node.get(key) if isinstance(node, MapNode) else None
        return node

    def key_span(self, path: str) -> Span:
        """The key at a path; the top where it is absent."""
        parent, _, name = path.rpartition(".")
        holder = self.node(parent) if parent else self.program.fields.node
        key = holder.key(name) if isinstance(holder, MapNode) else None
        return key.span if key else self.top

    def scalar(self, path: str) -> ScalarNode | None:
        """A non-empty scalar of the front matter; none where its quotes are curly, which its reader says."""
        node = self.node(path)
        return node if isinstance(node, ScalarNode) and _is_read(node) and node.text.strip() else None

    def scalars(self, path: str) -> tuple[ScalarNode, ...]:
        """The words of a list, or the one word that stands for a list of one."""
        node = self.node(path)
        items = node.items if isinstance(node, ListNode) else (node,)
        return tuple(item for item in items if isinstance(item, ScalarNode) and _is_read(item))

    def commands(self) -> Iterator[tuple[str, ScalarNode]]:
        """`setup`, `run` and `verify`, as far as they are given."""
        for key in COMMANDS:
            if node := self.scalar(f"workspace.{key}"):
                yield key, node

    def script(self, command: str) -> str | None:
        """The file of the workspace that a command runs, where it can be told; a script may be missing."""
        target = target_of(command)
        if target is None:
            return None
        return self.found(target) or (None if target.module else target.paths[0])

    def found(self, target: Target) -> str | None:
        """Where the script or module of a command lies in the workspace. A module may be below a folder of sources."""
        if self.root is None:
            return None
        if here := next((path for path in target.paths if disk.is_file(self.root / path)), None):
            return here
        ends = tuple(f"/{path}" for path in target.paths) if target.module else ()
        return next((name for name in self.workspace_files if name.endswith(ends)), None) if ends else None

    @cached_property
    def species(self) -> tuple[ScalarNode, ...]:
        """Every species that the program names, models of its own servers left out."""
        return tuple(self._species())

    def _species(self) -> Iterator[ScalarNode]:
        models = self.node("models")
        for _, value in models.entries if isinstance(models, MapNode) else ():
            inner = value.get("model") if isinstance(value, MapNode) and value.get("base_url") is None else value
            if isinstance(inner, ScalarNode) and not inner.is_null:
                yield inner
        entries = {model.name for model in self.program.models}
        for named in self.named:
            if self.by_slug[named.ref.slug].kind is RoleKind.AGENT and named.row:
                cell, behind = named.row.panel.names, named.row.panel.fallback
                # Of fallbacks, any other name that is no entry is refused where they are judged.
                cell = (*cell, behind) if behind is not None and behind.text.startswith("claude-") else cell
                yield from (node for node in cell if node.text.strip() not in entries)

    def agents(self) -> Iterator[tuple[Named, Role, RoleFile]]:
        """The agents that the program names, with their files."""
        for named in self.named:
            role = self.by_slug[named.ref.slug]
            if role.kind is RoleKind.AGENT:
                yield named, role, self.files[named.ref.slug]

    def standings(self) -> Iterator[tuple[RoleFile, Standing]]:
        """The files of the roles that the program names, with what their wishes are judged by."""
        gives: dict[str, set[str]] = {}
        takes: dict[str, set[str]] = {slug: {"idea"} for slug in self.entries}
        targets: dict[str, set[str]] = {}
        for edge in self.edges:
            source, is_known = self.by_slug[edge.source.slug], edge.payload in self.payloads
            if is_known and kind_gives_other(source, edge.payload) is None:
                gives.setdefault(source.slug, set()).add(edge.payload)
            if edge.target and is_known:
                takes.setdefault(edge.target.slug, set()).add(edge.payload)
                targets.setdefault(edge.source.slug, set()).add(edge.target.slug)
        for named in self.named:
            role, row = self.by_slug[named.ref.slug], named.row
            has_models = row is not None and bool(row.panel.names)
            cells = tuple(name for name in ("kind", "produces", "consumes", "risk") if row and getattr(row.hints, name))
            if row and row.values:
                cells = (*cells, "inputs")
            is_sure = row is None or row.kind is not None or "kind" not in row.hints.places
            graph = (_sorted(found.get(role.slug, ())) for found in (gives, takes, targets))
            standing = Standing(role.kind, role.species, row is not None, has_models, is_sure, cells, *graph)
            yield self.files[named.ref.slug], standing

    @property
    def terms(self) -> Terms:
        offers = tuple(Offer(one.name, one.species, reference_to(one)) for one in self.program.models)
        radius = tuple(self.program.appetite.blast_radius.model_dump().values())
        return Terms(
            self.program.tools, self.declared_servers, offers, may_be_drawn(self.document), radius,
            self.program.tool_names, self._are_called, self.slugs,
        )  # fmt: skip

    @property
    def _are_called(self) -> bool:
        """Whether a role is looked for by a name that may be no slug of today."""
        slugs = set(self.slugs)
        named = (slug_named(node.text) for _, hints in self.asked for node in hints.hands_off_to)
        return (
            self.strayed or any(file.called for file in self.files.values()) or any(name not in slugs for name in named)
        )

    @cached_property
    def root(self) -> Path | None:
        """The folder of the workspace, where its files can be looked at."""
        node = self.scalar("workspace.source")
        return locate(self.org, node.text.strip())[1] if node else None

    @cached_property
    def workspace_files(self) -> tuple[str, ...]:
        """Paths below the root, with `/`, sorted; empty where they cannot be looked at."""
        return disk.files(self.root) if self.root else ()


def _sorted(names: Collection[str]) -> tuple[str, ...]:
    return tuple(names) if len(names) < 2 else tuple(sorted(names))


def _is_read(node: ScalarNode) -> bool:
    return not node.is_null and curly(node) is None
