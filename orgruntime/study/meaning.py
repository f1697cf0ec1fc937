"""Two manifests in meaning: which fields differ, in words, with what it does to authority.

Works on manifests alone: no files, no texts. Invariant, and the reason why it holds: no change is said exactly where
the manifests are equal. Every field of every noun is visited (`model_fields`, not a list of ours), and a field whose
values differ without its own comparison finding a word for it is said as a whole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

from orgruntime.model.base import Noun
from orgruntime.model.ids import RoleSlug
from orgruntime.model.manifest import (
    AgentGraph,
    Cadence,
    Handoff,
    Manifest,
    ModelSpec,
    Role,
    RoleKind,
    ToolServer,
)
from orgruntime.model.payload import PayloadField, PayloadType
from orgruntime.model.species import panel_text
from orgruntime.plan.plan import DialPlan
from orgruntime.study.changes import Change, Difference, Effect, Kind, Topic
from orgruntime.study.effects import granted
from orgruntime.study.evolution import broken_handoffs, edge_name
from orgruntime.study.facets import Facet, facet_of, shown
from orgruntime.study.pairing import Pairs, pair, pair_edges, renamed_roles, with_names

DERIVED = {(Manifest, "hash")}
"""Fields that follow from the others and are no fact of their own."""


_Edge = TypeVar("_Edge", Handoff, Cadence)


@dataclass(frozen=True)
class _Place:
    """Where in the manifest a comparison is, and how people call it."""

    path: str = ""
    topic: Topic = Topic.ORG
    subject: str = ""

    def field(self, name: str, facet: Facet, *, nested: bool) -> _Place:
        """A nested noun is a subject of its own, unless it has a heading of its own or belongs to a subject."""
        subject = facet.said if nested and facet.topic is None and not self.subject else self.subject
        return _Place(f"{self.path}.{name}".lstrip("."), facet.topic or self.topic, subject)

    def part(self, name: str, subject: str) -> _Place:
        return replace(self, path=f"{self.path}.{name}", subject=subject)


def difference_of(old: Manifest, new: Manifest) -> Difference:
    """Every difference of two orgs, in the order of the topics. Hashes are not compared: they follow."""
    names = renamed_roles(old.roles, new.roles)
    renamed = old.model_copy(update={"graph": with_names(old.graph, names)})
    changes = _of_noun(renamed, new, _Place())
    changes += _rights(old, new, names)
    changes += broken_handoffs(renamed, new)
    order = list(Topic)
    return Difference(changes=tuple(sorted(changes, key=lambda change: order.index(change.topic))))


def with_dials(found: Difference, old: Sequence[DialPlan], new: Sequence[DialPlan]) -> Difference:
    """The same difference with what the dials become: beside the changed ones, and for those that follow suit.

    A difference without changes stays without.
    """
    if found.equal:
        return found
    before = {dial.key: dial for dial in old}
    changes = list(found.changes)
    for dial in new:
        was = before.get(dial.key)
        if was is None or was.becomes == dial.becomes:
            continue
        at = next((i for i, one in enumerate(changes) if one.path == f"appetite.{dial.key}"), None)
        said = _where_they_differ(was.becomes, dial.becomes)
        if at is None:
            end = sum(list(Topic).index(one.topic) <= list(Topic).index(Topic.RISK) for one in changes)
            path = f"appetite.{dial.key}"
            follows = Change(
                topic=Topic.RISK, kind=Kind.FOLLOWS, path=path, subject=dial.dial, said=said,
                before=was.becomes, after=dial.becomes,
            )  # fmt: skip
            changes.insert(end, follows)
        else:
            changes[at] = changes[at].model_copy(update={"said": f"{changes[at].said}: {said}"})
    return Difference(changes=tuple(changes))


def _where_they_differ(old: str, new: str) -> str:
    """`at the start 6 → 7 trials`: two sentences, with what they share said once."""
    before, after = old.split(" "), new.split(" ")
    fewest = min(len(before), len(after))
    head = next((n for n in range(fewest) if before[n] != after[n]), fewest)
    tail = next((n for n in range(fewest - head) if before[-1 - n] != after[-1 - n]), fewest - head)
    while tail and not all(_closes(words[head : len(words) - tail]) for words in (before, after)):
        tail -= 1
    middle = [" ".join(words[head : len(words) - tail]) for words in (before, after)]
    return " ".join(filter(None, [*before[:head], " → ".join(middle), *before[len(before) - tail :]]))


def _closes(words: Sequence[str]) -> bool:
    """Whether a part of a sentence closes the brackets that it opens."""
    return sum(word.count("(") - word.count(")") for word in words) <= 0


def lines_changed(old: str, new: str) -> str:
    """`12 lines more, 3 fewer`: lines that only one of the texts has."""
    before, after = Counter(old.split("\n")), Counter(new.split("\n"))
    more, fewer = (after - before).total(), (before - after).total()
    if not more and not fewer:
        return "the same lines in another order"
    parts = [f"+{more}" if more else "", f"-{fewer}" if fewer else ""]
    return f"{' '.join(filter(None, parts))} line{'s' if more + fewer > 1 else ''}"


def _of_noun(old: Noun, new: Noun, at: _Place, skipped: Iterable[str] = ()) -> list[Change]:
    found: list[Change] = []
    kind = type(old)
    for name in kind.model_fields:
        before, after = getattr(old, name), getattr(new, name)
        if before == after or name in skipped or (kind, name) in DERIVED:
            continue
        facet = facet_of(kind, name)
        where = at.field(name, facet, nested=isinstance(before, Noun))
        found += _of_field(kind, name, before, after, where) or [_leaf(facet, before, after, where)]
    return found


def _of_field(kind: type[Noun], name: str, old: Any, new: Any, at: _Place) -> list[Change]:
    special = _SPECIAL.get((kind, name))
    if special is not None:
        return special(old, new, at)
    if isinstance(old, Noun) and type(old) is type(new):
        return _of_noun(old, new, at)
    return []


def _leaf(facet: Facet, old: Any, new: Any, at: _Place) -> Change:
    subject, said = (at.subject, f"{facet.said}: ") if at.subject else (facet.said, "")
    said += _step(facet, old, new)
    return Change(
        topic=at.topic, kind=Kind.CHANGED, path=at.path, subject=subject, said=said,
        before=_json(old), after=_json(new), effect=facet.effect(old, new),
    )  # fmt: skip


def _step(facet: Facet, old: Any, new: Any) -> str:
    """`3 → 6`; for a set of grants what came and what went."""
    if facet.effect is granted and set(old) != set(new):
        gained = [f"+ {one}" for one in dict.fromkeys(new) if one not in old]
        lost = [f"- {one}" for one in dict.fromkeys(old) if one not in new]
        return ", ".join(gained + lost)
    before, after = shown(facet, old), shown(facet, new)
    if before == after:
        return f"{before} (what differs is beyond this line)"
    return f"{before} → {after}"


def _json(value: Any) -> Any:
    if isinstance(value, Noun):
        return value.model_dump(mode="json")
    if isinstance(value, tuple):
        return [_json(one) for one in value]
    return str(value) if isinstance(value, str) else value


def _alone(kind: Kind, one: Any, at: _Place, said: str, effect: Effect = Effect.SAME) -> Change:
    """An element that only one side has."""
    value = _json(one)
    before, after = (None, value) if kind is Kind.ADDED else (value, None)
    return Change(
        topic=at.topic, kind=kind, path=at.path, subject=at.subject, said=said, before=before, after=after,
        effect=effect,
    )  # fmt: skip


def _text(old: str, new: str, at: _Place) -> list[Change]:
    name = at.path.rpartition(".")[2]
    subject, said = (at.subject, f"{name}: ") if at.subject else (name, "")
    change = Change(
        topic=at.topic, kind=Kind.CHANGED, path=at.path, subject=subject, said=said + lines_changed(old, new),
        before=old, after=new,
    )  # fmt: skip
    return [change]


def _guidance(old: Mapping[str, str], new: Mapping[str, str], at: _Place) -> list[Change]:
    found = []
    for heading in dict.fromkeys((*old, *new)):
        before, after = old.get(heading), new.get(heading)
        where = at.part(heading, f"## {heading}")
        if before is None or after is None:
            kind, text = (Kind.ADDED, after) if before is None else (Kind.REMOVED, before)
            found.append(_alone(kind, text, where, f"{_lines(text or '')} for the agents"))
        elif before != after:
            said = lines_changed(before, after)
            change = Change(topic=at.topic, kind=Kind.CHANGED, path=where.path, subject=where.subject, said=said,
                            before=before, after=after)  # fmt: skip
            found.append(change)
    return found


def _lines(text: str) -> str:
    count = len(text.split("\n"))
    return "1 line" if count == 1 else f"{count} lines"


def _roles(old: Sequence[Role], new: Sequence[Role], at: _Place) -> list[Change]:
    names = renamed_roles(old, new)
    pairs = pair(old, new, lambda role: names.get(role.slug, role.slug))
    found = [_alone(Kind.REMOVED, one, at.part(one.slug, one.slug), *_role(one, Effect.NARROWER)) for one in pairs.gone]
    found += [_alone(Kind.ADDED, one, at.part(one.slug, one.slug), *_role(one, Effect.WIDER)) for one in pairs.new]
    for before, after in pairs.both:
        where = at.part(after.slug, after.slug)
        if before.slug != after.slug:
            change = Change(
                topic=at.topic, kind=Kind.RENAMED, path=f"{where.path}.slug", subject=before.slug,
                said=f"is now {after.slug}", before=str(before.slug), after=str(after.slug),
            )  # fmt: skip
            found.append(change)
        found += _of_noun(before, after, where, skipped=("slug",))
    if not pairs.in_order():
        found.append(_reordered(at, "roles", [one.slug for one in old], [one.slug for one in new]))
    return found


def _role(role: Role, effect: Effect) -> tuple[str, Effect]:
    """A role in a line. A person who is asked is a hold on the others: neither wider nor narrower."""
    parts = [f"{role.kind.value}{f' ×{role.count}' if role.count > 1 else ''}"]
    if role.species:
        parts.append(
            f"served by {panel_text(tuple(dict.fromkeys(role.species)), role.choice, role.shares, role.fallback)}"
        )
    if role.tools:
        parts.append(f"tools {', '.join(role.tools)}")
    if role.kind in (RoleKind.EXPERIMENT, RoleKind.VERIFIER):
        gpus = f", {role.resources.all_gpus:g} GPU" if role.resources.gpus else ""
        parts.append(f"a trial takes {role.resources.cpus:g} CPU{gpus}")
    return "; ".join(parts), Effect.DIFFERENT if role.kind is RoleKind.HUMAN else effect


def _reordered(at: _Place, what: str, old: Sequence[str], new: Sequence[str]) -> Change:
    return Change(
        topic=at.topic, kind=Kind.REORDERED, path=at.path, subject=what, said="in another order",
        before=list(map(str, old)), after=list(map(str, new)),
    )  # fmt: skip


def _keyed(old: Sequence[Any], new: Sequence[Any], at: _Place, word: Callable[[Any], tuple[str, Effect]],
           within: str = "") -> list[Change]:  # fmt: skip
    """Lists of nouns with a `name`. `word`: an element that stands alone in words, and what it adds to authority."""
    pairs = pair(old, new, lambda one: one.name)
    found = []
    for kind, alone in ((Kind.REMOVED, pairs.gone), (Kind.ADDED, pairs.new)):
        for one in alone:
            said, effect = word(one)
            lost = kind is Kind.REMOVED and effect is Effect.WIDER
            effect = Effect.NARROWER if lost else effect
            found.append(_alone(kind, one, at.part(one.name, within + one.name), said, effect))
    for before, after in pairs.both:
        found += _of_noun(before, after, at.part(after.name, within + after.name))
    if not pairs.in_order():
        found.append(_reordered(at, within.rstrip(".") or at.topic.value, *([x.name for x in y] for y in (old, new))))
    return found


def _models(old: Sequence[ModelSpec], new: Sequence[ModelSpec], at: _Place) -> list[Change]:
    return _keyed(old, new, at, _model)


def _model(model: ModelSpec) -> tuple[str, Effect]:
    parts = [model.species]
    parts += [f"at {model.base_url}"] if model.base_url else []
    parts += [f"key from {model.key_env}"] if model.key_env else []
    parts += [f"then {model.fallback}"] if model.fallback else []
    return ", ".join(parts), Effect.WIDER if len(parts) > 1 else Effect.SAME


def _servers(old: Sequence[ToolServer], new: Sequence[ToolServer], at: _Place) -> list[Change]:
    def word(server: ToolServer) -> tuple[str, Effect]:
        token = f", token from {server.key_env}" if server.key_env else ""
        where = server.url or f"`{' '.join(server.command)}` in the sandbox"
        return f"tools of {where}{token}", Effect.WIDER

    return _keyed(old, new, at, word, within="tool server ")


def _payloads(old: Sequence[PayloadType], new: Sequence[PayloadType], at: _Place) -> list[Change]:
    def word(payload: PayloadType) -> tuple[str, Effect]:
        return f"with {', '.join(one.name for one in payload.fields) or 'no fields'}", Effect.SAME

    return _keyed(old, new, at, word)


def _payload_fields(old: Sequence[Any], new: Sequence[Any], at: _Place) -> list[Change]:
    def word(field: Any) -> tuple[str, Effect]:
        return f"{field.type.value}{'' if field.required else ', not required'}", Effect.SAME

    return _keyed(old, new, at, word, within=f"{at.subject}.")


def _graph(old: AgentGraph, new: AgentGraph, at: _Place) -> list[Change]:
    edges = pair_edges(old.handoffs, new.handoffs)
    calls = pair(old.cadences, new.cadences, lambda one: one.model_dump_json(exclude={"id"}),
                 lambda one: (one.role, one.payload), lambda one: one.role)  # fmt: skip
    found = _of_edges(edges, replace(at, path=f"{at.path}.handoffs"))
    found += _of_edges(calls, replace(at, path=f"{at.path}.cadences"))
    found += _tried_in_order(old, edges, at)
    if not found:
        found += _renumbered(edges.both, "handoffs", at) + _renumbered(calls.both, "cadences", at)
    return found + _of_noun(old, new, at, skipped=("handoffs", "cadences"))


def _of_edges(pairs: Pairs[_Edge], at: _Place) -> list[Change]:
    found = [_alone(Kind.REMOVED, one, at.part(one.id, edge_name(one)), _clauses(one)) for one in pairs.gone]
    found += [_alone(Kind.ADDED, one, at.part(one.id, edge_name(one)), _clauses(one)) for one in pairs.new]
    for before, after in pairs.both:
        found += _of_noun(before, after, at.part(after.id, edge_name(after)), skipped=("id",))
    return found


def _tried_in_order(old: AgentGraph, edges: Pairs[Handoff], at: _Place) -> list[Change]:
    """The order of a role's own edges decides which of them is taken; that of different roles' edges does not."""
    found = []
    where = replace(at, path=f"{at.path}.handoffs")
    for source in dict.fromkeys(after.source for _, after in edges.both):
        if not edges.in_order(partial(_is_from, source)):
            now = [edge_name(after) for _, after in edges.both if after.source == source]
            was = [edge_name(edge) for edge in old.handoffs if edge.source == source]
            change = _reordered(where, source, was, now)
            found.append(change.model_copy(update={"said": "its handoffs are tried in another order"}))
    return found


def _is_from(source: RoleSlug, edge: Handoff) -> bool:
    return edge.source == source


def _renumbered(both: Iterable[tuple[_Edge, _Edge]], name: str, at: _Place) -> list[Change]:
    """Numbers follow from the list, and are said only where nothing else of the list has changed."""
    return [
        Change(
            topic=at.topic, kind=Kind.CHANGED, path=f"{at.path}.{name}.{after.id}.id", subject=edge_name(after),
            said=f"number: {before.id} → {after.id}", before=before.id, after=after.id,
        )
        for before, after in both if before.id != after.id
    ]  # fmt: skip


def _clauses(edge: Handoff | Cadence) -> str:
    if isinstance(edge, Cadence):
        return f"every {edge.every_trials} trials" if edge.every_trials else f"every {(edge.every_s or 0) / 60:g} min"
    parts = [
        f"×{edge.fan_out}" if edge.fan_out > 1 else "",
        f"when {edge.when}" if edge.when else "",
        "otherwise" if edge.otherwise else "",
        f"at most {edge.at_most} times" if edge.at_most else "",
    ]
    return ", ".join(filter(None, parts)) or "always"


def _sources(old: Sequence[Any], new: Sequence[Any], at: _Place) -> list[Change]:
    """Files by path; one with the same bytes in another place is the same file."""
    pairs = pair(old, new, lambda one: one.path, lambda one: one.sha256)
    found = [_alone(Kind.REMOVED, one, at.part(one.path, one.path), "is gone") for one in pairs.gone]
    found += [_alone(Kind.ADDED, one, at.part(one.path, one.path), "is new") for one in pairs.new]
    for before, after in pairs.both:
        if before != after:
            moved = before.path != after.path
            kind, said = (Kind.RENAMED, f"is now {after.path}") if moved else (Kind.CHANGED, "other bytes")
            change = Change(topic=at.topic, kind=kind, path=f"{at.path}.{after.path}", subject=before.path, said=said,
                            before=_json(before), after=_json(after))  # fmt: skip
            found.append(change)
    if not pairs.in_order():
        found.append(_reordered(at, "files", [one.path for one in old], [one.path for one in new]))
    return found


def _rights(old: Manifest, new: Manifest, names: Mapping[RoleSlug, RoleSlug]) -> list[Change]:
    """Only a role that hands off proposals changes files: an edge more or less gives or takes that right."""
    before = {names.get(edge.source, edge.source) for edge in old.graph.handoffs if edge.payload == "proposal"}
    after = {edge.source for edge in new.graph.handoffs if edge.payload == "proposal"}
    there = {names.get(role.slug, role.slug) for role in old.roles} & {role.slug for role in new.roles}
    changed = [slug for slug in dict.fromkeys(role.slug for role in new.roles) if slug in (before ^ after) & there]
    return [
        Change(
            topic=Topic.ROLES, kind=Kind.FOLLOWS, path=f"roles.{slug}.editable", subject=slug,
            said="may now change the editable files" if slug in after else "may no longer change files",
            before=slug in before, after=slug in after, effect=Effect.WIDER if slug in after else Effect.NARROWER,
        )
        for slug in changed
    ]  # fmt: skip


_SPECIAL: dict[tuple[type[Noun], str], Callable[[Any, Any, _Place], list[Change]]] = {
    (Manifest, "mission"): _text,
    (Manifest, "guidance"): _guidance,
    (Manifest, "roles"): _roles,
    (Manifest, "models"): _models,
    (Manifest, "servers"): _servers,
    (Manifest, "payloads"): _payloads,
    (Manifest, "graph"): _graph,
    (Manifest, "sources"): _sources,
    (PayloadType, "fields"): _payload_fields,
    (PayloadField, "fields"): _payload_fields,
    (Role, "prompt"): _text,
    (Role, "description"): _text,
}
