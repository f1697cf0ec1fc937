"""From words to hints to handoffs: lists in prose, names, and graphs of any shape."""

from __future__ import annotations

import tempfile
from pathlib import Path

import foreign_folders
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orgruntime.api.adopting import import_foreign
from orgruntime.importer.adopt import adopt, entries
from orgruntime.importer.agents import read_agents
from orgruntime.importer.foreign import Hint, Way
from orgruntime.importer.gather import safe_slug
from orgruntime.importer.kinds import Kind
from orgruntime.importer.names import names_of, normal

OTHERS = {
    "tech-lead": "name: Tech Lead\ntitle: Head of Engineering, Keeper of Keys",
    "qa": "name: QA",
    "editor": "name: Editor",
    "science": "name: Dr. Chen\ntitle: Chief Science Officer, Lab 2",
    "data/analyst": "name: Analyst",
    "web/analyst": "name: Web Analyst",
}


def hints_of(words: str, tmp_path: Path) -> list[Hint]:
    files = {f"{slug}.md": f"---\n{front}\n---\n\nYou work.\n" for slug, front in OTHERS.items()}
    foreign_folders.write(tmp_path, {**files, "me.md": f"---\nname: Me\n---\n\nYou.\n\n{words}"})
    return [hint for hint in read_agents(tmp_path).hints if hint.role == "me"]


def named(words: str, tmp_path: Path) -> list[str | None]:
    return [hint.slug for hint in hints_of(words, tmp_path)]


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ("- **Tech Lead**: gets the plan", ["tech-lead"]),
        ("- `tech-lead` gets the plan", ["tech-lead"]),
        ("- @tech-lead", ["tech-lead"]),
        ("- the tech lead, when it is done", ["tech-lead"]),
        ("- [whoever](../x/tech-lead.md)", ["tech-lead"]),
        ("- [plan](../tech-lead/AGENTS.md) to go on", ["tech-lead"]),
        ("* Head of Engineering — signs", ["tech-lead"]),
        ("1. Keeper of Keys", ["tech-lead"]),
        ("- Hand to QA and to the Editor", ["qa", "editor"]),
        ("- The CSO routes it from there", ["science"]),
        ("- Editor", ["editor"]),
        ("- Editor: last words", ["editor"]),
        ("- **Tech Lead** or tech-lead", ["tech-lead"]),
        ("- the first\n  - **QA**\n  - Editor", [None, "qa", "editor"]),
        ("| to | when |\n|---|---|\n| Tech Lead | done |\n| QA | tested |", ["tech-lead", "qa"]),
        ("Then it goes to the Tech Lead.", ["tech-lead"]),
    ],
)
def test_a_list_of_handoffs_names_roles(item: str, expected: list[str | None], tmp_path: Path) -> None:
    assert named(f"## Who you hand off to\n\n{item}\n", tmp_path) == expected


@pytest.mark.parametrize(
    ("item", "guess"),
    [
        ("- **Chief of Staff**: the rest", "Chief of Staff"),
        ("- `deploy-bot` at night", "deploy-bot"),
        ("- Work with release-manager on dates", "release-manager"),
        ("- Guide the photo desk on pictures", "photo desk"),
        ("- Customers — the invoice", "Customers"),
        ("- Customers: the invoice", "Customers"),
        ("- The steward takes it from there", "The steward takes it from there"),
        ("- nobody", "nobody"),
        ("- analyst", "analyst"),
    ],
)
def test_an_item_that_names_no_known_role_is_kept_with_the_words_in_its_place(
    item: str, guess: str, tmp_path: Path
) -> None:
    hints = hints_of(f"## Handoffs\n\n{item}\n", tmp_path)

    assert [(hint.name, hint.slug) for hint in hints] == [(guess, None)]


@pytest.mark.parametrize(
    ("heading", "way"),
    [
        ("## Who You Hand Off To", Way.HANDS),
        ("### 3. Handoff notes", Way.HANDS),
        ("## 🤝 Next agents", Way.HANDS),
        ("## Integration with other agents", Way.ASKS),
        ("Integration with other agents:", Way.ASKS),
        ("**Integration with other agents:**", Way.ASKS),
        ("## Who you coordinate with", Way.ASKS),
        ("## Coordination & Workflow Integration", Way.ASKS),
        ("## Your Direct Reports", Way.ASKS),
        ("## CI/CD Integration", None),
        ("## Integration tests", None),
        ("## What you do", None),
        ("Tools:", None),
    ],
)
def test_the_heading_says_what_a_list_is_about(heading: str, way: Way | None, tmp_path: Path) -> None:
    hints = hints_of(f"{heading}\n\n- **QA**\n", tmp_path)

    assert [hint.way for hint in hints] == ([way] if way else [])


def test_a_list_ends_with_its_section(tmp_path: Path) -> None:
    words = (
        "## Handoff\n\n### At night\n\n- **QA**\n\n## What else\n\n- **Editor**\n\nHandoffs:\n- Tech Lead\n\n- Editor\n"
    )

    assert named(words, tmp_path) == ["qa", "tech-lead", "editor"]


def test_single_common_words_are_roles_only_where_a_name_stands(tmp_path: Path) -> None:
    words = "## Collaboration\n\n- Be a good editor of text\n- Do qa all day\n- Ask the editor\n- talk with QA\n"

    assert named(words, tmp_path) == ["editor", "qa"]


def test_a_hint_has_its_place_and_its_line(tmp_path: Path) -> None:
    [hint] = hints_of("## Handoff\n\n- first of\n  all **QA** comes\n", tmp_path)

    assert (hint.place, hint.origin, hint.quote) == ("me.md:10", "Handoff", "all **QA** comes")


def test_a_name_of_two_roles_is_none_of_them(tmp_path: Path) -> None:
    hints_of("", tmp_path)
    names = names_of(read_agents(tmp_path).roles)

    assert names.find("analyst").slug is None
    assert names.find("analyst").why == "the name is that of 2 roles: `data/analyst`, `web/analyst`"
    assert names.find("data/analyst").slug == "data/analyst"
    assert names.find("Web Analyst").slug == "web/analyst"
    assert names.find("Tek Lead") == names.find("**tek_lead**")
    assert names.find("Tek Lead").nearest == "tech-lead"
    assert names.find("zzz").nearest is None


@pytest.mark.parametrize(
    "name", ["**Tech Lead**", "`tech_lead`", "@tech-lead", "./tech-lead.agent.md", "tech-lead/AGENTS"]
)
def test_a_name_is_the_same_however_it_is_written(name: str) -> None:
    assert normal(name) == "tech-lead"


@given(st.text(max_size=40))
def test_a_slug_can_stand_in_a_link(text: str) -> None:
    slug = safe_slug(text)

    assert slug
    assert all(part and not part.startswith(".") for part in slug.split("/"))
    assert safe_slug(slug) == slug
    assert " " not in normal(text)


KEYS = st.sampled_from(["reportsTo", "agents", "handoffs", "prose", "contacts"])
GRAPHS = st.integers(1, 7).flatmap(
    lambda size: st.tuples(
        st.just(size), st.lists(st.tuples(st.integers(0, size - 1), st.integers(0, size), KEYS), max_size=14)
    )
)


def laid(size: int, edges: list[tuple[int, int, str]], folder: Path) -> Path:
    """A folder with `size` roles and those hints; the role number `size` is not there."""
    for number in range(size):
        mine = {key: [f"r{to}" for who, to, kind in edges if who == number and kind == key] for key in _SHAPES}
        front = "".join(f"{key}: [{', '.join(names)}]\n" for key, names in mine.items() if names and key in _KEYED)
        handed = "".join(f"  - agent: {name}\n" for name in mine["handoffs"])
        front += f"handoffs:\n{handed}" if handed else ""
        words = "".join(
            f"\n## {title}\n\n" + "".join(f"- **{name}**\n" for name in mine[key])
            for key, title in (("prose", "Handoff"), ("contacts", "Related agents"))
            if mine[key]
        )
        (folder / f"r{number}.md").write_text(f"---\nname: r{number}\n{front}---\n\nYou.\n{words}")
    return folder


_KEYED = ("reportsTo", "agents")
_SHAPES = (*_KEYED, "handoffs", "prose", "contacts")


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(GRAPHS)
def test_any_graph_of_hints_becomes_a_workflow_that_compiles(graph: tuple[int, list[tuple[int, int, str]]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        report = import_foreign(laid(*graph, Path(folder)), Kind.AGENTS, None, write=False).report
    made = report.adopted

    assert report.faults == ()
    assert sum(len(one.hints) for one in made.handoffs) + len(made.left_out) == len(report.foreign.hints)
    assert len(report.foreign.hints) == len(graph[1])
    assert len({(one.source, one.target) for one in made.handoffs}) == len(made.handoffs)
    calls = {(one.source, one.target) for one in made.handoffs if one.way is Way.ASKS}
    assert all(one.by in calls for one in made.left_out if one.is_covered)
    assert entries(made.handoffs, [role.slug for role in report.foreign.roles])
    missing = [one for one in graph[1] if one[1] == graph[0]]
    assert sum(one.why.startswith("no role has that name") for one in made.left_out) == len(missing)


def test_a_closed_circle_gets_one_way_in(tmp_path: Path) -> None:
    circle = [(0, 1, "prose"), (1, 2, "prose"), (2, 0, "prose"), (2, 3, "prose")]
    made = adopt(read_agents(laid(4, circle, tmp_path)))

    assert [(one.source, one.target) for one in made.handoffs] == [("r0", "r1"), ("r1", "r2"), ("r2", "r3")]
    assert [one.why for one in made.left_out] == [
        "each role of this circle is sent work by another, so `r0` was made its way in"
    ]


def test_handing_back_to_who_asked_needs_no_handoff_unless_a_key_says_so(tmp_path: Path) -> None:
    by_words = adopt(read_agents(laid(3, [(1, 0, "reportsTo"), (1, 0, "prose"), (2, 0, "agents")], tmp_path)))

    assert [one.why for one in by_words.left_out] == ["`r0` asks `r1`, and what is asked for returns by itself"]
    by_key = adopt(read_agents(laid(3, [(1, 0, "reportsTo"), (1, 0, "handoffs"), (2, 0, "agents")], tmp_path)))
    assert by_key.left_out == ()
    assert [(one.source, one.target, one.at_most) for one in by_key.handoffs] == [
        ("r0", "r1", None),
        ("r1", "r0", 3),
        ("r2", "r0", None),
    ]


def test_of_two_roles_of_one_name_the_one_beside_is_meant(tmp_path: Path) -> None:
    role = "---\nname: QA\n---\n\nYou.\n"
    lead = "---\nname: Lead\n---\n\nYou.\n\n## Handoff\n\n- **With the QA**: all\n"
    foreign_folders.write(tmp_path, {"a/qa.md": role, "b/qa.md": role, "b/lead.md": lead, "c/lead.md": lead})
    made = adopt(read_agents(tmp_path))

    assert [(one.source, one.target) for one in made.handoffs] == [("b/lead", "b/qa")]
    assert [one.why for one in made.left_out] == ["the name is that of 2 roles: `a/qa`, `b/qa`"]


def test_below_a_loose_heading_only_what_names_a_role_counts(tmp_path: Path) -> None:
    words = "## Handoff notes\n\n- Write down what broke\n- Give the log to **QA**\n"

    assert named(words, tmp_path) == ["qa"]


def test_what_is_no_name_is_a_hint_that_names_nothing(tmp_path: Path) -> None:
    front = "name: Me\nagents: [~, [qa], {qa: 1}]\nhandoffs: [{label: x}, ~, [qa]]\nsubagents: {qa: yes}"
    foreign_folders.write(tmp_path, {"me.md": f"---\n{front}\n---\n\nYou.\n", "qa.md": "---\nname: QA\n---\n\nYou.\n"})
    made = adopt(read_agents(tmp_path))

    assert [(one.source, one.target) for one in made.handoffs] == [("me", "qa")]
    assert sorted(one.why for one in made.left_out) == ["it names nothing"] * 3 + ["the handoff names no agent"] * 3


def test_handing_back_counts_where_the_call_was_cut_to_open_a_circle(tmp_path: Path) -> None:
    """r0 and r1 report to each other: one of the two calls is left out, and what hands back over it stands."""
    edges = [(0, 1, "reportsTo"), (1, 0, "reportsTo"), (0, 1, "prose"), (1, 0, "prose")]
    made = adopt(read_agents(laid(2, edges, tmp_path)))

    assert [(one.source, one.target) for one in made.handoffs] == [("r0", "r1")]
    assert len(made.handoffs[0].hints) + len(made.left_out) == 4


def test_folders_stay_in_a_slug_only_where_two_files_have_one_name(tmp_path: Path) -> None:
    role = "---\nname: R\n---\n\nYou.\n"
    foreign_folders.write(
        tmp_path, {"a/x.md": role, "b/c/X.md": role, "b/c/y.agent.md": role, "z.md": role, "d/z.md": role}
    )

    assert [one.slug for one in read_agents(tmp_path).roles] == ["z", "a/x", "b/c/X", "y", "d/z"]
