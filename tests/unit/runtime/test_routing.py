"""Where an inquiry goes next."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orgruntime.model.ids import RoleSlug
from orgruntime.model.manifest import AgentGraph, Handoff, HandoffKind
from orgruntime.runtime.routing import END, Way, way_on, ways_out
from orgruntime.testing.lab import edge

A, B, C = map(RoleSlug, "abc")


def graph(*handoffs: Handoff) -> AgentGraph:
    return AgentGraph(handoffs=handoffs, entries=(A,))


def test_the_first_open_edge_is_taken() -> None:
    org = graph(edge(1, A, B, "note"), edge(2, A, C, "note"))
    assert way_on(org, A, "note", (), {}).to == B


def test_an_edge_carries_its_payload_alone() -> None:
    org = graph(edge(1, A, B, "idea"), edge(2, A, C, "note"))
    assert way_on(org, A, "note", (), {}).to == C
    assert way_on(org, A, "memo", (), {}) == Way(END, None, ())


def test_a_condition_is_one_of_the_words() -> None:
    org = graph(edge(1, A, B, "result", when="promising"), edge(2, A, C, "result", when="crashed"))
    assert way_on(org, A, "result", ("promising", "kept"), {}).to == B
    assert way_on(org, A, "result", ("crashed",), {}).to == C
    assert way_on(org, A, "result", ("worse",), {}).to == END


def test_otherwise_is_what_is_left_after_the_conditions() -> None:
    org = graph(edge(1, A, B, "result", when="promising"), edge(2, A, C, "result", otherwise=True))
    assert way_on(org, A, "result", ("promising",), {}).to == B
    assert way_on(org, A, "result", ("worse",), {}).to == C


@pytest.mark.parametrize(("taken", "to"), [(0, B), (1, B), (2, C), (3, C)])
def test_a_used_up_edge_is_passed_over(taken: int, to: RoleSlug) -> None:
    org = graph(edge(1, A, B, "result", at_most=2), edge(2, A, C, "result"))
    assert way_on(org, A, "result", (), {"e1": taken}).to == to


def test_bounds_of_other_edges_do_not_count() -> None:
    org = graph(edge(1, A, B, "result", at_most=1))
    assert way_on(org, A, "result", (), {"e2": 5}).to == B


def test_an_ask_returns_to_its_caller_when_no_edge_is_open() -> None:
    org = graph(edge(1, A, B, "note", kind=HandoffKind.ASK), edge(2, A, C, "proposal"))
    asked = way_on(org, A, "note", (), {})
    assert asked == Way(B, org.handoffs[0], (A,))
    assert way_on(org, B, "note", (), {}, asked.callers) == Way(A, None, ())


def test_asks_nest_and_return_in_turn() -> None:
    org = graph(edge(1, A, B, "note", kind=HandoffKind.ASK), edge(2, B, C, "memo", kind=HandoffKind.ASK))
    first = way_on(org, A, "note", (), {})
    second = way_on(org, B, "memo", (), {}, first.callers)
    assert second.callers == (A, B)
    back = way_on(org, C, "note", (), {}, second.callers)
    assert (back.to, back.callers) == (B, (A,))
    assert way_on(org, B, "note", (), {}, back.callers).to == A


def test_a_caller_is_returned_to_even_when_nothing_is_handed_off() -> None:
    org = graph(edge(1, A, B, "note", kind=HandoffKind.ASK))
    assert way_on(org, B, "", (), {}, (A,)) == Way(A, None, ())


def test_a_transfer_keeps_the_callers_waiting() -> None:
    org = graph(edge(1, B, C, "note"))
    assert way_on(org, B, "note", (), {}, (A,)).callers == (A,)


def test_fan_out_is_no_other_way() -> None:
    """Siblings are opened by the runtime, each with a way of its own; the edge leads where it leads."""
    org = graph(edge(1, A, B, "proposal", fan_out=3))
    assert way_on(org, A, "proposal", (), {}).to == B


_slugs = st.sampled_from([A, B, C])
_payloads = st.sampled_from(["note", "result", ""])
_edges = st.lists(
    st.tuples(
        _slugs, _slugs, st.sampled_from(["note", "result"]), st.sampled_from(list(HandoffKind)),
        st.sampled_from([None, "promising"]), st.sampled_from([None, 1, 2]),
    ),
    max_size=8,
)  # fmt: skip


@given(_edges, st.lists(st.tuples(_payloads, st.booleans()), max_size=30))
def test_a_drawing_shows_every_way(
    ends: list[tuple[RoleSlug, RoleSlug, str, HandoffKind, str | None, int | None]], steps: list[tuple[str, bool]]
) -> None:
    """A walk never leaves `ways_out`, never passes a bound, and ends with nobody waiting."""
    org = graph(
        *(
            edge(n, source, target, payload, kind=kind, when=when, at_most=most)
            for n, (source, target, payload, kind, when, most) in enumerate(ends)
        )
    )
    at, taken, callers = A, dict[str, int](), tuple[RoleSlug, ...]()
    for payload, promising in steps:
        way = way_on(org, at, payload, ("promising",) if promising else (), taken, callers)
        assert way == way_on(org, at, payload, ("promising",) if promising else (), taken, callers)
        if way.to == END:
            assert not callers
            return
        assert way.to in ways_out(org, at)
        if way.edge is None:
            assert way.to == callers[-1]
        else:
            taken[way.edge.id] = taken.get(way.edge.id, 0) + 1
            assert way.edge.at_most is None or taken[way.edge.id] <= way.edge.at_most
        at, callers = way.to, way.callers


def test_returns_are_drawn() -> None:
    org = graph(edge(1, A, B, "note", kind=HandoffKind.ASK), edge(2, B, C, "memo"))
    assert ways_out(org, A) == (B,)
    assert set(ways_out(org, B)) == {C, A}
    assert ways_out(org, C) == (A,), "who ends a call may be further down than who was called"
