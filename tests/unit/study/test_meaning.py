"""No change is said exactly where two manifests are equal, and a change of any one field is named."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))

from manifests import Spot, field_values, fields_below, manifests, nouns, spots, value_at, with_value

from orgruntime.model.amounts import Budget
from orgruntime.model.appetite import PRESETS, Preset
from orgruntime.model.base import Noun
from orgruntime.model.ids import RoleSlug
from orgruntime.model.manifest import (
    AgentGraph,
    Cadence,
    Direction,
    Handoff,
    Manifest,
    Memory,
    ModelSpec,
    Objective,
    Price,
    Resources,
    Role,
    RoleKind,
    SourceFile,
    ToolServer,
    WorkspaceSpec,
)
from orgruntime.model.payload import BUILTIN_PAYLOADS, FieldType, PayloadField, PayloadType
from orgruntime.study.changes import Change, Effect, Kind, Topic
from orgruntime.study.meaning import DERIVED, difference_of
from orgruntime.study.report import render

_PART = PayloadField(name="part", type=FieldType.REF, of="x", fields=(PayloadField(name="y", type=FieldType.PATH),))
DIRECTOR, RESEARCHER, TRAINER, SCRIBE = map(RoleSlug, ("director", "researcher", "trainer", "scribe"))
QUIET = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)

LAB = Manifest(
    org="lab",
    title="Lab",
    mission="Lower the loss.",
    guidance={"Standing orders": "1. Baseline first.\n2. Simpler is better."},
    objective=Objective(metric="loss", direction=Direction.MINIMIZE, target=2.0, min_effect=0.25),
    workspace=WorkspaceSpec(
        source="/w", editable=("train.py", "model.py"), setup="python prepare.py", run="python train.py --seed {seed}",
        verify="python judge.py --seed {seed}", time_limit_s=60, memory_mb=512,
    ),
    appetite=PRESETS[Preset.BALANCED],
    budget=Budget(trials=100, gpu_ms=1000, cpu_ms=2000, tokens=5, usd_micro=7, wall_ms=60_000),
    models=(
        ModelSpec(
            name="default", species="search/tpe", base_url="http://h", key_env="KEY", price=Price(input=1, output=2),
        ),
    ),
    servers=(ToolServer(name="papers", command=("python", "papers.py")),),
    roles=(
        Role(slug=DIRECTOR, name="Director", kind=RoleKind.AGENT, prompt="Ask.\nDivide.", species=("a/b",)),
        Role(
            slug=RESEARCHER, name="Researcher", kind=RoleKind.AGENT, description="Tries.", prompt="One\nTwo\nThree",
            count=3, species=("search/tpe", "a/b"), tools=("Read", "Edit"), minutes=2, source="roles/researcher.md",
            budget=Budget(tokens=3),
        ),
        Role(
            slug=TRAINER, name="Trainer", kind=RoleKind.EXPERIMENT,
            resources=Resources(cpus=2, gpus=1, memory_mb=100, accelerator="H100"), minutes=6,
        ),
        Role(slug=SCRIBE, name="Scribe", kind=RoleKind.AGENT, species=("digest/ledger",)),
    ),
    payloads=(
        *BUILTIN_PAYLOADS.values(),
        PayloadType(
            name="finding",
            fields=(
                PayloadField(name="text", type=FieldType.STRING),
                PayloadField(name="weight", type=FieldType.CHOICE, choices=("low", "high"), required=False),
                _PART,
            ),
        ),
    ),
    graph=AgentGraph(
        handoffs=(
            Handoff(id="e1", source=DIRECTOR, target=RESEARCHER, payload="idea", fan_out=2),
            Handoff(id="e2", source=RESEARCHER, target=TRAINER, payload="proposal"),
            Handoff(id="e3", source=TRAINER, target=RESEARCHER, payload="result", when="crashed", at_most=2),
            Handoff(id="e4", source=TRAINER, target=DIRECTOR, payload="result", otherwise=True),
        ),
        cadences=(Cadence(id="e5", role=SCRIBE, payload="memo", every_trials=20, every_s=10),),
        entries=(DIRECTOR,),
    ),
    sources=(SourceFile(path="program.md", sha256="a"), SourceFile(path="roles/researcher.md", sha256="b")),
).sealed()  # fmt: skip

VERSION = (Manifest, "schema_version")
"""Has one value only."""
PLACES = [spot for spot in spots(LAB) if (spot.noun, spot.field) not in DERIVED | {VERSION}]


def shown(spot: Spot) -> str:
    return ".".join(map(str, spot.path))


def changes(**update: object) -> tuple[Change, ...]:
    return difference_of(LAB, LAB.model_copy(update=update)).changes


def role_changes(slug: str, **update: object) -> tuple[Change, ...]:
    roles = tuple(role.model_copy(update=update) if role.slug == slug else role for role in LAB.roles)
    return changes(roles=roles)


def graph_changes(**update: object) -> tuple[Change, ...]:
    return changes(graph=LAB.graph.model_copy(update=update))


def renamed(slug: RoleSlug, now: str, **update: object) -> Manifest:
    """The lab in which one role has another slug."""
    new = RoleSlug(now)
    roles = tuple(role.model_copy(update={"slug": new, **update}) if role.slug == slug else role for role in LAB.roles)
    edges = tuple(
        edge.model_copy(update={end: new for end in ("source", "target") if getattr(edge, end) == slug})
        for edge in LAB.graph.handoffs
    )
    return LAB.model_copy(update={"roles": roles, "graph": LAB.graph.model_copy(update={"handoffs": edges})})


@pytest.mark.parametrize(("was", "kinds"), [
    ((RESEARCHER,), [Kind.RENAMED]), ((), [Kind.REMOVED, Kind.ADDED]), (("somebody",), [Kind.REMOVED, Kind.ADDED]),
])  # fmt: skip
def test_a_role_that_says_what_it_was_called_is_followed_whatever_else_has_changed(
    was: tuple[str, ...], kinds: list[Kind]
) -> None:
    other = renamed(RESEARCHER, "analyst", was=was, prompt="Nothing of before.", description="New.", count=7)
    found = difference_of(LAB, other).changes

    named = {"researcher", "analyst"}
    alone = (Kind.RENAMED, Kind.REMOVED, Kind.ADDED)
    said = [one for one in found if one.topic is Topic.ROLES and one.subject in named and one.kind in alone]
    assert [one.kind for one in said] == kinds
    moved = [one for one in found if one.topic is Topic.WORKFLOW]
    assert (moved == []) is (kinds == [Kind.RENAMED])


@pytest.mark.parametrize(("update", "said", "effect"), [
    ({"memory": Memory.OWN}, "memory: org → own", Effect.NARROWER),
    ({"produces": ("idea", "note")}, "produces: what it can → idea, note", Effect.SAME),
    ({"consumes": ()}, "consumes: what its kind takes → none", Effect.SAME),
    ({"inputs": {"topic": "x"}}, "inputs: none → topic: x", Effect.SAME),
    ({"hands_off_to": ("scribe",)}, "would hand off to: none → scribe", Effect.SAME),
    ({"title": "Chief"}, "title:  → Chief", Effect.SAME),
    ({"blast_radius": PRESETS[Preset.BOLD].blast_radius},
     "blast radius: the org's → 20 files, 2000 lines, 16 GPUs, 360 min", Effect.DIFFERENT),
])  # fmt: skip
def test_hints_are_said_in_words(update: dict[str, object], said: str, effect: Effect) -> None:
    (change,) = role_changes(DIRECTOR, **update)
    assert (change.said, change.effect) == (said, effect)


class TestTheProperty:
    @QUIET
    @given(manifests(), manifests())
    def test_no_change_is_said_exactly_where_two_manifests_are_equal(self, one, other):
        assert difference_of(one, other).equal == (one.sealed() == other.sealed())

    @QUIET
    @given(manifests())
    def test_a_manifest_is_equal_to_itself_however_it_was_read(self, one):
        assert difference_of(one, one).equal
        assert difference_of(one.sealed(), Manifest.model_validate_json(one.model_dump_json())).equal

    @QUIET
    @given(manifests(), st.data())
    def test_a_change_of_any_one_field_is_said_in_one_line_each(self, one, data):
        places = [spot for spot in spots(one) if (spot.noun, spot.field) not in DERIVED | {VERSION}]
        spot = data.draw(st.sampled_from(places))
        value = data.draw(field_values(spot.noun.model_fields[spot.field]))
        assume(value != value_at(one, spot.path))
        other = with_value(one, spot.path, value)
        for found in (difference_of(one, other), difference_of(other, one)):
            assert not found.equal
            assert any(change.path.startswith(str(spot.path[0])) for change in found.changes)
            assert all("\n" not in line for line in render(found))


class TestEveryField:
    def test_the_lab_has_every_field_that_a_manifest_can_have(self):
        assert {(spot.noun, spot.field) for spot in spots(LAB)} == fields_below(Manifest)

    @pytest.mark.parametrize("spot", PLACES, ids=shown)
    def test_a_change_of_it_is_named(self, spot):
        @settings(QUIET, max_examples=4)
        @given(field_values(spot.noun.model_fields[spot.field]))
        def changed(value):
            assume(value != value_at(LAB, spot.path))
            found = difference_of(LAB, with_value(LAB, spot.path, value)).changes
            assert found
            assert any(names(change, spot) for change in found), [change.path for change in found]

        changed()

    def test_another_version_is_named(self):
        (change,) = changes(schema_version=2)
        assert change.path == "schema_version"

    def test_a_field_that_nobody_has_told_the_comparison_of(self):
        class Later(Manifest):
            remote_hands: tuple[str, ...] = ()

        later = Later(**LAB.model_dump())
        (change,) = difference_of(later, later.model_copy(update={"remote_hands": ("root",)})).changes
        assert change.path == "remote_hands"
        assert change.said == "none → root"
        assert change.effect is Effect.DIFFERENT


IDENTITY = {
    (Role, "slug"), (PayloadType, "name"), (PayloadField, "name"), (ModelSpec, "name"), (ToolServer, "name"),
    (Handoff, "source"),
    (Handoff, "target"), (Cadence, "role"), (SourceFile, "path"), (SourceFile, "sha256"),
}  # fmt: skip
"""Fields by which an element is known: a change of one is an element less and one more, or a new name."""


def names(change: Change, spot: Spot) -> bool:
    """Whether the change names the field: by its path, in which elements stand in place of their indices."""
    steps = [str(step) for step in spot.path if not isinstance(step, int)]
    path = change.path.split(".")
    if (spot.noun, spot.field) in IDENTITY:
        return path[0] == steps[0]
    if isinstance(value_at(LAB, spot.path), tuple | dict | Noun):
        return set(steps) <= set(path)
    return path[0] == steps[0] and path[-1] == steps[-1]


class TestRoles:
    def test_one_more_and_one_fewer(self):
        judge = Role(
            slug=RoleSlug("judge"), name="Judge", kind=RoleKind.AGENT, count=2, species=("a/b",), tools=("Bash",)
        )
        added = changes(roles=(*LAB.roles, judge))[0]
        assert (added.kind, added.path, added.effect) == (Kind.ADDED, "roles.judge", Effect.WIDER)
        assert added.said == "agent ×2; served by a/b; tools Bash"
        removed = changes(roles=LAB.roles[:-1])[0]
        assert (removed.kind, removed.path, removed.effect) == (Kind.REMOVED, "roles.scribe", Effect.NARROWER)

    def test_a_person_who_is_asked_no_more_is_not_said_to_narrow(self):
        person = Role(slug=RoleSlug("boss"), name="Boss", kind=RoleKind.HUMAN)
        wide = LAB.model_copy(update={"roles": (*LAB.roles, person)})
        (gone,) = difference_of(wide, LAB).changes
        assert gone.effect is Effect.DIFFERENT

    def test_a_new_name_is_one_change_and_its_edges_follow(self):
        roles = tuple(
            role.model_copy(update={"slug": RoleSlug("scientist"), "source": "roles/scientist.md"})
            if role.slug == RESEARCHER
            else role
            for role in LAB.roles
        )
        text = LAB.graph.model_dump_json().replace('"researcher"', '"scientist"')
        found = changes(roles=roles, graph=AgentGraph.model_validate_json(text))
        assert [(change.kind, change.path) for change in found] == [
            (Kind.RENAMED, "roles.scientist.slug"),
            (Kind.CHANGED, "roles.scientist.source"),
        ]

    def test_two_roles_with_other_words_are_two_roles(self):
        other = LAB.roles[1].model_copy(update={"slug": RoleSlug("judge"), "prompt": "Other\nwords"})
        found = changes(roles=(LAB.roles[0], other, *LAB.roles[2:]))
        assert {(change.kind, change.path) for change in found} >= {
            (Kind.REMOVED, "roles.researcher"),
            (Kind.ADDED, "roles.judge"),
        }

    @pytest.mark.parametrize(
        ("update", "said", "effect"),
        [
            ({"count": 6}, "count: 3 → 6", Effect.WIDER),
            ({"count": 1}, "count: 3 → 1", Effect.NARROWER),
            ({"tools": ("Read", "Edit", "Bash")}, "tools: + Bash", Effect.WIDER),
            ({"tools": ("Read",)}, "tools: - Edit", Effect.NARROWER),
            ({"tools": ("Read", "Bash")}, "tools: + Bash, - Edit", Effect.DIFFERENT),
            ({"tools": ("Edit", "Read")}, "tools: Read, Edit → Edit, Read", Effect.SAME),
            ({"species": ("a/b",)}, "model: - search/tpe", Effect.NARROWER),
            ({"minutes": None}, "time limit: 2 min → the workspace's", Effect.DIFFERENT),
            ({"prompt": "One\nThree\nFour\nFive"}, "prompt: +2 -1 lines", Effect.SAME),
            ({"prompt": "Two\nOne\nThree"}, "prompt: the same lines in another order", Effect.SAME),
            ({"kind": RoleKind.HUMAN}, "kind: agent → human", Effect.DIFFERENT),
        ],
    )
    def test_a_field(self, update, said, effect):
        (change,) = role_changes("researcher", **update)
        assert (change.subject, change.said, change.effect) == ("researcher", said, effect)

    def test_resources(self):
        (change,) = role_changes("trainer", resources=LAB.roles[2].resources.model_copy(update={"gpus": 8}))
        assert (change.path, change.said, change.effect) == (
            "roles.trainer.resources.gpus",
            "GPUs: 1 → 8",
            Effect.WIDER,
        )

    def test_another_order(self):
        (change,) = changes(roles=LAB.roles[::-1])
        assert (change.kind, change.path) == (Kind.REORDERED, "roles")


class TestWorkflow:
    def test_an_edge_in_front_does_not_change_the_others(self):
        first = Handoff(id="e1", source=TRAINER, target=SCRIBE, payload="result", when="kept")
        edges = [
            edge.model_copy(update={"id": f"e{number}"}) for number, edge in enumerate((first, *LAB.graph.handoffs), 1)
        ]
        (change,) = graph_changes(handoffs=tuple(edges))
        assert (change.kind, change.path) == (Kind.ADDED, "graph.handoffs.e1")
        assert (change.subject, change.said) == ("trainer → scribe: result", "when kept")

    @pytest.mark.parametrize(
        ("number", "update", "said", "effect"),
        [
            (2, {"at_most": None}, "at most: 2 times → no bound", Effect.WIDER),
            (2, {"at_most": 1}, "at most: 2 times → 1 times", Effect.NARROWER),
            (0, {"fan_out": 4}, "fan-out: 2 → 4", Effect.WIDER),
            (2, {"when": "kept"}, "when: crashed → kept", Effect.SAME),
            (0, {"kind": "ask"}, "kind: transfer → ask", Effect.SAME),
            (0, {"payload": "note"}, "payload: idea → note", Effect.SAME),
        ],
    )
    def test_a_clause(self, number, update, said, effect):
        edges = list(LAB.graph.handoffs)
        edges[number] = Handoff.model_validate(edges[number].model_dump() | update)
        (change,) = graph_changes(handoffs=tuple(edges))
        assert (change.said, change.effect) == (said, effect)
        assert change.path == f"graph.handoffs.e{number + 1}.{next(iter(update))}"

    def test_the_order_of_one_roles_edges_matters(self):
        first, second, third, fourth = LAB.graph.handoffs
        swapped = (first, second, fourth.model_copy(update={"id": "e3"}), third.model_copy(update={"id": "e4"}))
        (change,) = graph_changes(handoffs=swapped)
        assert (change.kind, change.subject) == (Kind.REORDERED, "trainer")

    def test_the_order_of_different_roles_edges_is_their_numbers(self):
        first, second, *rest = LAB.graph.handoffs
        swapped = (second.model_copy(update={"id": "e1"}), first.model_copy(update={"id": "e2"}), *rest)
        assert [change.said for change in graph_changes(handoffs=swapped)] == ["number: e2 → e1", "number: e1 → e2"]

    def test_an_edge_that_gives_the_right_to_write(self):
        edge = Handoff(id="e9", source=SCRIBE, target=TRAINER, payload="proposal")
        found = graph_changes(handoffs=(*LAB.graph.handoffs, edge))
        right = next(change for change in found if change.kind is Kind.FOLLOWS)
        assert (right.subject, right.said) == ("scribe", "may now change the editable files")
        assert right.effect is Effect.WIDER


class TestTheRest:
    @pytest.mark.parametrize(
        ("update", "effect"),
        [
            ({"usd_micro": 9}, Effect.WIDER), ({"usd_micro": None}, Effect.WIDER), ({"trials": 50}, Effect.NARROWER),
        ],
    )  # fmt: skip
    def test_a_budget(self, update, effect):
        (change,) = changes(budget=LAB.budget.model_copy(update=update))
        assert (change.topic, change.effect) == (Topic.BUDGET, effect)

    @pytest.mark.parametrize("dial", [name for name in type(LAB.appetite).model_fields if name != "blast_radius"])
    def test_boldness_is_wider_on_every_dial(self, dial):
        bold, cautious = (
            LAB.appetite.model_copy(update={dial: getattr(PRESETS[preset], dial)})
            for preset in (Preset.BOLD, Preset.CAUTIOUS)
        )
        expected = (Effect.SAME, Effect.SAME) if dial == "preset" else (Effect.WIDER, Effect.NARROWER)
        assert (changes(appetite=bold)[0].effect, changes(appetite=cautious)[0].effect) == expected

    def test_the_blast_radius_is_named(self):
        radius = LAB.appetite.blast_radius.model_copy(update={"gpus": 9})
        (change,) = changes(appetite=LAB.appetite.model_copy(update={"blast_radius": radius}))
        assert (change.subject, change.said, change.effect) == ("blast radius", "GPUs: 4 → 9", Effect.WIDER)

    def test_a_server_and_a_key(self):
        bare = ModelSpec(name="m", species="s")
        served = ModelSpec(name="m", species="s", base_url="http://x", key_env="K")
        with_bare, with_served = (LAB.model_copy(update={"models": (one,)}) for one in (bare, served))
        assert [change.effect for change in difference_of(with_bare, with_served).changes] == [
            Effect.WIDER,
            Effect.WIDER,
        ]
        assert [change.effect for change in difference_of(with_served, with_bare).changes] == [Effect.NARROWER] * 2

    def test_the_whole_is_different_where_one_part_grows_and_another_shrinks(self):
        budget = LAB.budget.model_copy(update={"trials": 999, "tokens": 1})
        found = difference_of(LAB, LAB.model_copy(update={"budget": budget}))
        assert found.effect is Effect.DIFFERENT
        assert (found.count(Effect.WIDER), found.count(Effect.NARROWER)) == (1, 1)

    def test_a_payload_and_its_fields(self):
        *builtin, finding = LAB.payloads
        (text, weight, part) = finding.fields
        found = changes(
            payloads=(
                *builtin,
                finding.model_copy(update={"fields": (text.model_copy(update={"type": FieldType.NUMBER}),)}),
            )
        )
        assert {(change.kind, change.subject, change.said) for change in found} == {
            (Kind.CHANGED, "finding.text", "type: string → number"),
            (Kind.REMOVED, "finding.weight", "choice, not required"),
            (Kind.REMOVED, "finding.part", "ref"),
        }
        assert (weight.name, part.name) == ("weight", "part")

    @pytest.mark.parametrize(
        ("old", "new", "said"),
        [
            ({}, {"x": FieldType.STRING}, "`x` must be there now"),
            ({"x": FieldType.STRING}, {}, "`x` is no longer promised"),
            ({"x": FieldType.STRING}, {"x": FieldType.INTEGER}, "`x` is an integer now, and was a string"),
            ({"x?": FieldType.STRING}, {"x": FieldType.STRING}, "`x` must be there now"),
            ({"x": FieldType.STRING}, {"x?": FieldType.STRING}, "`x` is no longer promised"),
            ({"x": ("a", "b", "c")}, {"x": ("b",)}, "`x` may no longer be `a` or `c`"),
            ({"x": {"y": FieldType.STRING}}, {"x": {}}, "`x.y` is no longer promised"),
            ({"x": {}}, {"x": {"y": FieldType.STRING}}, "`x.y` must be there now"),
            ({}, {"x?": FieldType.STRING}, None),
            ({"x?": FieldType.STRING}, {}, None),
            ({"x": FieldType.INTEGER}, {"x": FieldType.NUMBER}, None),
            ({"x": ("a",)}, {"x": FieldType.STRING}, None),
            ({"x": ("a",)}, {"x": ("a", "b")}, None),
        ],
    )
    def test_a_payload_that_became_another_one_breaks_its_handoffs(self, old, new, said):
        def lab(fields, words="as it was"):
            survey = PayloadType(
                name="survey", fields=tuple(_field(name, kind, words) for name, kind in fields.items())
            )
            carried = Handoff(id="e9", source=DIRECTOR, target=RESEARCHER, payload="survey")
            graph = LAB.graph.model_copy(update={"handoffs": (*LAB.graph.handoffs, carried)})
            return LAB.model_copy(update={"payloads": (*LAB.payloads, survey), "graph": graph})

        found = difference_of(lab(old), lab(new, "in other words")).changes
        told = [(change.subject, change.said) for change in found if change.kind is Kind.FOLLOWS]
        edge = f"{DIRECTOR} → {RESEARCHER}: survey"
        assert told == ([(edge, f"a survey as before does not do any more: {said}")] if said else [])
        assert all(change.effect is Effect.SAME for change in found)

    def test_a_handoff_that_is_new_is_not_broken(self):
        *builtin, finding = LAB.payloads
        (text, *rest) = finding.fields
        edge = Handoff(id="e9", source=DIRECTOR, target=RESEARCHER, payload=finding.name)
        found = changes(
            payloads=(*builtin, finding.model_copy(update={"fields": tuple(rest)})),
            graph=LAB.graph.model_copy(update={"handoffs": (*LAB.graph.handoffs, edge)}),
        )
        assert [change.kind for change in found if change.kind is Kind.FOLLOWS] == []

    def test_a_file_that_moved_and_one_with_other_bytes(self):
        moved = SourceFile(path="roles/new.md", sha256="b")
        other = SourceFile(path="program.md", sha256="z")
        found = changes(sources=(other, moved))
        assert [(change.kind, change.said) for change in found] == [
            (Kind.CHANGED, "other bytes"),
            (Kind.RENAMED, "is now roles/new.md"),
        ]

    @QUIET
    @given(st.lists(nouns(Role), max_size=4), st.lists(nouns(Role), max_size=4))
    def test_roles_are_compared_whatever_they_are_called(self, old, new):
        before, after = (LAB.model_copy(update={"roles": tuple(roles)}) for roles in (old, new))
        assert difference_of(before, after).equal == (old == new)


def _field(name, kind, meaning):
    """A tuple stands for a choice, a mapping for an object; `?` behind a name for a field that may be absent."""
    common = {"name": name.rstrip("?"), "required": not name.endswith("?"), "meaning": meaning}
    if isinstance(kind, tuple):
        return PayloadField(type=FieldType.CHOICE, choices=kind, **common)
    if isinstance(kind, dict):
        return PayloadField(
            type=FieldType.OBJECT, fields=tuple(_field(*part, meaning) for part in kind.items()), **common
        )
    return PayloadField(type=kind, **common)
