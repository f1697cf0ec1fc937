from __future__ import annotations

import struct
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest
from report_stories import BAD, HOSTILE, empty, hostile, story

from orgruntime.diagram.graph import Drawing, Edge, EdgeStyle, Node
from orgruntime.model.manifest import Direction
from orgruntime.report.canvas import DARK, LIGHT, drawing_rules
from orgruntime.report.picture import graph_png, graph_svg
from orgruntime.report.progress import apart, progress_figure, progress_png, progress_svg, scale_of
from orgruntime.report.story import HonestRow, Point, PointStatus, RunStory

LAB = Drawing(
    nodes=(Node("r", "Researcher", "agent", "search/tpe", 3), Node("t", "Trainer", "experiment"),
           Node("f", "Referee", "verifier"), Node("h", "Owner", "human")),
    edges=(Edge("r", "t", "proposal"), Edge("t", "f", "result · when promising"), Edge("t", "r", "result · otherwise"),
           Edge("r", "h", "asks note", EdgeStyle.ASK), Edge("r", "r", "memo · every 20 trials", EdgeStyle.CADENCE),
           Edge("t", "t", "result · when crashed · ≤1×")),
    title="Lab", entries=("r",),
)  # fmt: skip


def size_of(png: bytes) -> tuple[int, int]:
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", png[16:24])
    return width, height


def texts_of(svg: str) -> list[str]:
    return [element.text or "" for element in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]


def test_the_picture_of_a_graph_holds_each_name_and_label_once() -> None:
    texts = texts_of(graph_svg(LAB))
    wanted = [
        "Lab",
        "Researcher ×3",
        "agent · search/tpe",
        "Trainer",
        "Referee",
        "Owner",
        *(edge.label for edge in LAB.edges),
    ]
    assert {text: texts.count(text) for text in wanted} == dict.fromkeys(wanted, 1)


def test_svg_and_png_of_a_graph_have_one_shape_and_equal_input_gives_equal_bytes() -> None:
    root = ET.fromstring(graph_svg(LAB))
    width, height = size_of(graph_png(LAB, dpi=144))
    assert float(root.attrib["width"].removesuffix("pt")) == pytest.approx(width / 2, abs=1)
    assert float(root.attrib["height"].removesuffix("pt")) == pytest.approx(height / 2, abs=1)
    assert graph_svg(LAB) == graph_svg(LAB)
    assert graph_png(LAB) == graph_png(LAB)
    assert graph_svg(LAB, DARK) != graph_svg(LAB, LIGHT)


@pytest.mark.parametrize("roles", [0, 1, 12])
def test_any_number_of_roles_can_be_drawn(roles: int) -> None:
    nodes = tuple(Node(f"n{i}", f"Role {i}", "agent") for i in range(roles))
    edges = tuple(Edge(f"n{i}", f"n{j}", "note") for i in range(roles) for j in range(roles) if (i * 7 + j) % 5 == 0)
    size_of(graph_png(Drawing(nodes, edges)))


def test_hostile_names_are_drawn_as_they_are() -> None:
    svg = graph_svg(Drawing((Node("a", HOSTILE, "agent", HOSTILE),), (Edge("a", "a", HOSTILE),), HOSTILE))
    names = {element.tag.rpartition("}")[2] for element in ET.fromstring(svg).iter()}
    assert not names & {"script", "img", "image", "a", "foreignObject"}
    assert any(text.startswith("<script>alert(1)</script>") for text in texts_of(svg))


def test_the_progress_picture_is_1600_by_900_and_names_what_is_better() -> None:
    assert size_of(progress_png(story())) == (1600, 900)
    texts = texts_of(progress_svg(story()))
    assert "Lab: val_loss, lower is better" in texts
    assert "bigram table 2.450" in texts
    assert "far table 1.000 ↓" in texts
    assert "no metric" in texts
    assert any("8.00 % lower than the baseline (95 %: 6.00 to 10.0 %)" in text for text in texts)


@pytest.mark.parametrize("name", ["microgpt's own settings", "W" * 30, "a"])
def test_no_label_is_cut_at_the_edge_of_the_picture(name: str) -> None:
    """The arrow of a row that is off the scale comes last."""
    with drawing_rules():
        page = progress_figure(replace(story(), honest=(HonestRow(name, 1.279),)))
        (axes,) = page.axes
        ends = {text.get_text(): text.get_window_extent().x1 for text in axes.texts}
        assert any(text.endswith("1.279 ↓") for text in ends)
        assert max(ends.values()) <= page.bbox.x1 - 5
        assert axes.get_position().width > 0.6, "most of the picture"


def test_a_champion_is_labelled_with_its_gain_as_the_metric_moved_and_its_evidence() -> None:
    with drawing_rules():
        labels = [text.get_text() for text in progress_figure(story()).axes[0].texts]
        up = [text.get_text() for text in progress_figure(replace(story(), direction=Direction.MAXIMIZE)).axes[0].texts]
    assert "−8.0 %\ne = 412" in labels
    assert "+8.0 %\ne = 412" in up


@pytest.mark.parametrize("told", [empty(), hostile(), replace(story(), direction=Direction.MAXIMIZE)])
def test_a_picture_of_any_run_can_be_drawn(told: RunStory) -> None:
    assert size_of(progress_png(told, DARK)) == (1600, 900)


def test_a_crash_is_never_on_the_axis_of_metrics() -> None:
    scale = scale_of(story())
    assert scale.crashes > scale.high > 2.5
    assert scale.low > 2.0
    up = scale_of(replace(story(), direction=Direction.MAXIMIZE))
    assert up.crashes < up.low


@pytest.mark.parametrize("absurd", [1e9, -1e9, 400.0])
def test_one_absurd_metric_does_not_set_the_axis_and_is_counted_at_its_edge(absurd: float) -> None:
    tame = story()
    wild = replace(tame, points=(*tame.points, Point(99, BAD, absurd, 0, "screen", PointStatus.DISCARD)))
    scale = scale_of(wild)
    assert 1.5 < scale.low < 2.25
    assert 2.6 < scale.high < 3
    assert any(text.startswith("▲ 1 up to" if absurd > 0 else "▼ 1 down to") for text in texts_of(progress_svg(wild)))


def test_the_axis_holds_baseline_lead_intervals_and_near_references_but_not_far_ones() -> None:
    scale = scale_of(replace(story(), honest=(HonestRow("near", 2.15), HonestRow("far", 0.3))))
    assert scale.low < 2.15 < 2.25 < 2.5 + 0.02 * 1.96 / 2**0.5 < scale.high
    assert scale.low > 0.3


def test_labels_are_moved_apart_in_their_order() -> None:
    places = apart([0.5, 0.5, 0.505, 0.99, 1.0], 0.04)
    assert all(b - a >= 0.04 - 1e-6 for a, b in zip(places, places[1:], strict=False))
    assert places[-1] <= 1.0
    assert apart([], 0.04) == []


def test_drawing_leaves_no_trace_and_importing_the_room_is_light() -> None:
    code = (
        "import sys\n"
        "import orgruntime.report.page, orgruntime.report.results\n"
        "assert 'matplotlib' not in sys.modules and 'numpy' not in sys.modules\n"
        "import matplotlib; before = matplotlib.rcParams.copy()\n"
        "from orgruntime.diagram.graph import Drawing, Node\n"
        "from orgruntime.report.picture import graph_png\n"
        "graph_png(Drawing((Node('a', 'A', 'agent'),), ()))\n"
        "assert 'matplotlib.pyplot' not in sys.modules and matplotlib.rcParams.copy() == before\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_a_legend_of_every_kind_of_trial_stays_on_the_page() -> None:
    points = list(story().points)
    number = len(points)
    for status in PointStatus:
        for _ in range(100):
            number += 1
            points.append(Point(number, "c", 1.0, 1, "screen", status))
    points += [Point(number + n, "c", None, 1, "screen", PointStatus.DISCARD, ended_early=True) for n in range(1, 101)]
    with drawing_rules():
        page = progress_figure(replace(story(), points=tuple(points)))
        page.canvas.draw()
        (legend,) = page.legends
        labels = [text.get_text() for text in legend.get_texts()]
        assert "ended early 100" in labels
        assert legend.get_window_extent().x1 <= page.bbox.x1
