from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orgruntime.report.layout import Box, Layout, Link, arrange


def box(half: float = 50, extra: float = 0) -> Box:
    return Box(half, half, half + extra, 40)


@st.composite
def graphs(draw: st.DrawFn) -> tuple[dict[str, Box], list[Link]]:
    names = [f"n{i}" for i in range(draw(st.integers(1, 12)))]
    boxes = {name: box(draw(st.sampled_from([30, 60, 120])), draw(st.sampled_from([0, 90]))) for name in names}
    pairs = [pair for pair in itertools.product(names, names) if pair[0] != pair[1]]
    chosen = draw(st.lists(st.sampled_from(pairs), max_size=20)) if pairs else []
    return boxes, [Link(a, b, draw(st.sampled_from([0, 40, 150]))) for a, b in chosen]


@settings(max_examples=60, deadline=None)
@given(graphs())
def test_boxes_labels_and_lines_keep_off_each_other(graph: tuple[dict[str, Box], list[Link]]) -> None:
    boxes, links = graph
    layout = arrange(boxes, links, roots=["n0"])
    areas = [_area(boxes[name], place) for name, place in layout.places.items()]
    labels = [
        (x - link.width / 2, y - 7, x + link.width / 2, y + 7)
        for link, (x, y) in zip(links, (route.label for route in layout.routes), strict=True)
    ]
    for a, b in itertools.combinations(areas + labels, 2):
        assert not _overlap(a, b)
    for route in layout.routes:
        for straight in list(itertools.pairwise(route.points))[1::2]:
            (x0, y0), (x1, y1) = straight
            assert x0 == x1, "lines turn only between ranks"
            assert not any(_overlap((x0, min(y0, y1), x0, max(y0, y1)), area) for area in areas)


@settings(max_examples=60, deadline=None)
@given(graphs())
def test_every_line_starts_and_ends_on_its_boxes_and_all_is_inside(graph: tuple[dict[str, Box], list[Link]]) -> None:
    boxes, links = graph
    layout = arrange(boxes, links)
    for link, route in zip(links, layout.routes, strict=True):
        for name, (x, y) in ((link.source, route.points[0]), (link.target, route.points[-1])):
            place = layout.places[name]
            assert abs(x - place[0]) <= boxes[name].half
            assert abs(abs(y - place[1]) - boxes[name].height / 2) < 1e-6
    for name, place in layout.places.items():
        left, top, right, bottom = _area(boxes[name], place)
        assert left > -1e-6
        assert top > -1e-6
        assert right < layout.width + 1e-6
        assert bottom < layout.height + 1e-6


def test_a_chain_is_a_straight_column_from_its_root() -> None:
    layout = _chain(back=False)
    assert len({round(x, 3) for x, _ in layout.places.values()}) == 1
    assert [layout.places[name][1] for name in "abcd"] == sorted(layout.places[name][1] for name in "abcd")


def test_a_back_edge_goes_up_and_does_not_change_the_ranks() -> None:
    layout = _chain(back=True)
    assert layout.routes[-1].points[0][1] > layout.routes[-1].points[-1][1]
    assert [layout.places[name][1] for name in "abcd"] == sorted(layout.places[name][1] for name in "abcd")


def test_roots_come_first_in_a_cycle() -> None:
    links = [Link("a", "b", 0), Link("b", "a", 0)]
    places = arrange({"a": box(), "b": box()}, links, roots=["b"]).places
    assert places["b"][1] < places["a"][1]


def test_two_sources_of_one_target_do_not_cross() -> None:
    boxes = {name: box() for name in "abxy"}
    layout = arrange(boxes, [Link("a", "y", 0), Link("b", "x", 0), Link("a", "y", 30)])
    assert (layout.places["a"][0] < layout.places["b"][0]) == (layout.places["y"][0] < layout.places["x"][0])


def test_a_loop_is_refused_and_nothing_is_an_empty_layout() -> None:
    with pytest.raises(ValueError, match="itself"):
        arrange({"a": box()}, [Link("a", "a", 0)])
    assert arrange({}, []).places == {}


def _chain(back: bool) -> Layout:
    links = [Link(a, b, 40) for a, b in itertools.pairwise("abcd")] + ([Link("d", "a", 40)] if back else [])
    return arrange({name: box() for name in "abcd"}, links, roots=["a"])


Area = tuple[float, float, float, float]


def _area(box: Box, place: tuple[float, float]) -> Area:
    x, y = place
    return x - box.left, y - box.height / 2, x + box.right, y + box.height / 2


def _overlap(a: Area, b: Area) -> bool:
    slack = 1e-6
    return a[0] < b[2] - slack and b[0] < a[2] - slack and a[1] < b[3] - slack and b[1] < a[3] - slack
