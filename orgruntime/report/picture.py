"""The agent graph as SVG and PNG, from one layout and one set of strokes, so that both agree.

Works on a `Drawing`. Knows nothing of manifests. Invariant: nothing is placed by hand; boxes are as wide as their
text, and the layout keeps boxes and labels apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from orgruntime.diagram.graph import Drawing, Edge, EdgeStyle, Node, node_lines
from orgruntime.model.manifest import RoleKind
from orgruntime.report.canvas import LIGHT, Theme, drawing_rules, figure, png_of, svg_of
from orgruntime.report.layout import Box, Layout, Link, Route, arrange
from orgruntime.report.wording import clip, plain

# All lengths are points (1/72 inch).
MARGIN = 20.0
NAME_SIZE, SECOND_SIZE, LABEL_SIZE, TITLE_SIZE = 12.0, 8.5, 9.0, 14.0
PAD_X, BOX_HEIGHT = 15.0, 44.0
NOTE_GAP, NOTE_PAD, NOTE_HEIGHT = 20.0, 7.0, 19.0
HEAD = 7.0
TITLE_HEIGHT = 34.0
ENTRY_ARROW = 24.0
"""Length of the arrow that shows where ideas enter."""


def graph_svg(drawing: Drawing, theme: Theme = LIGHT) -> str:
    """A self-contained SVG document."""
    with drawing_rules():
        return svg_of(_paint(drawing, theme, dpi=72.0))


def graph_png(drawing: Drawing, theme: Theme = LIGHT, dpi: float = 150.0) -> bytes:
    with drawing_rules():
        return png_of(_paint(drawing, theme, dpi))


@dataclass(frozen=True)
class _Note:
    """What hangs on a box's right side: a cadence, or a handoff of the role to itself."""

    text: str
    cadence: bool
    width: float


@dataclass(frozen=True)
class _Pen:
    """A figure whose unit is the point, with y downwards."""

    axes: Any
    theme: Theme

    def text(self, x: float, y: float, words: str, size: float, **looks: Any) -> None:
        looks = {"color": self.theme.ink, "ha": "center", "va": "center_baseline", **looks}
        self.axes.text(x, y, words, fontsize=size, **looks)

    def line(self, vertices: Sequence[tuple[float, float]], codes: Sequence[int], dashed: bool, color: str) -> None:
        from matplotlib.patches import PathPatch
        from matplotlib.path import Path

        style = (0, (4, 3)) if dashed else "solid"
        patch = PathPatch(Path(vertices, codes), fill=False, lw=1.2, ls=style, ec=color, capstyle="butt", zorder=1)
        self.axes.add_patch(patch)

    def head(self, tip: tuple[float, float], way: tuple[float, float], color: str) -> None:
        """An arrow head that points along the unit vector `way`."""
        from matplotlib.patches import Polygon

        (x, y), (dx, dy), half = tip, way, HEAD * 0.42
        back = (x - HEAD * dx, y - HEAD * dy)
        corners = [tip, (back[0] - half * dy, back[1] + half * dx), (back[0] + half * dy, back[1] - half * dx)]
        self.axes.add_patch(Polygon(corners, closed=True, fc=color, ec=color, lw=0.6, joinstyle="miter", zorder=2))


def _paint(drawing: Drawing, theme: Theme, dpi: float) -> Any:
    notes = {node.slug: _notes(drawing, node.slug) for node in drawing.nodes}
    boxes = {node.slug: _box(node, notes[node.slug], node.slug in drawing.entries) for node in drawing.nodes}
    handoffs = [edge for edge in drawing.edges if edge.source != edge.target]
    links = [Link(e.source, e.target, _width(_words(e), LABEL_SIZE) + 8) for e in handoffs]
    layout = arrange(boxes, links, drawing.entries, label_height=LABEL_SIZE * 1.5)
    top = MARGIN + (TITLE_HEIGHT if plain(drawing.title) else 0.0)
    width = max(layout.width, _width(clip(drawing.title, 90), TITLE_SIZE, bold=True)) + 2 * MARGIN
    height = layout.height + top + MARGIN
    pen = _pen(width, height, theme, dpi)
    pen.axes.set_xlim(-(width - layout.width) / 2, (width + layout.width) / 2)
    pen.axes.set_ylim(height - top, -top)
    if plain(drawing.title):
        pen.text(layout.width / 2, 8 - top + TITLE_HEIGHT / 2, clip(drawing.title, 90), TITLE_SIZE, weight="bold")
    for edge, route in zip(handoffs, layout.routes, strict=True):
        _edge(pen, edge, route)
    for node in drawing.nodes:
        _node(pen, node, boxes[node.slug], notes[node.slug], layout)
    for slug in drawing.entries:
        _entry(pen, layout.places[slug], boxes[slug])
    return pen.axes.figure


def _pen(width: float, height: float, theme: Theme, dpi: float) -> _Pen:
    axes = figure(width / 72, height / 72, theme, dpi).add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    return _Pen(axes, theme)


def _width(words: str, size: float, bold: bool = False) -> float:
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    prop = FontProperties(family="DejaVu Sans", size=size, weight="bold" if bold else "normal")
    return float(text_to_path.get_text_width_height_descent(words, prop, False)[0]) if words else 0.0


def _words(edge: Edge) -> str:
    return clip(edge.label, 60)


def _notes(drawing: Drawing, slug: str) -> list[_Note]:
    loops = [edge for edge in drawing.edges if edge.source == edge.target == slug]
    return [_Note(_words(e), e.style == EdgeStyle.CADENCE, _width(_words(e), LABEL_SIZE) + 2 * NOTE_PAD) for e in loops]


def _box(node: Node, notes: Sequence[_Note], entry: bool) -> Box:
    name, second = node_lines(node)
    half = max(48.0, _width(name, NAME_SIZE, bold=True) / 2 + PAD_X, _width(second, SECOND_SIZE) / 2 + PAD_X)
    right = half + NOTE_GAP + max(note.width for note in notes) if notes else half
    left = half + ENTRY_ARROW + 6 + _width("ideas", SECOND_SIZE) if entry else half
    return Box(half, left, right, max(BOX_HEIGHT, len(notes) * (NOTE_HEIGHT + 5) - 5))


def _edge(pen: _Pen, edge: Edge, route: Route) -> None:
    from matplotlib.path import Path

    points, ask = list(route.points), edge.style == EdgeStyle.ASK
    color = pen.theme.lead if ask else pen.theme.faint
    down = 1.0 if points[-1][1] > points[0][1] else -1.0
    line = [*points[:-1], (points[-1][0], points[-1][1] - down * HEAD * 0.8)]
    if ask:
        line[0] = (line[0][0], line[0][1] + down * HEAD * 0.8)
    vertices, codes = [line[0]], [int(Path.MOVETO)]
    for i in range(0, len(line) - 1, 2):
        (x0, y0), (x1, y1) = line[i], line[i + 1]
        middle = (y0 + y1) / 2
        vertices += [(x0, middle), (x1, middle), (x1, y1)]
        codes += [int(Path.CURVE4)] * 3
        if i + 2 < len(line):
            vertices.append(line[i + 2])
            codes.append(int(Path.LINETO))
    pen.line(vertices, codes, dashed=ask, color=color)
    pen.head(points[-1], (0.0, down), color)
    if ask:
        pen.head(points[0], (0.0, -down), color)
    if words := _words(edge):
        frame = {"boxstyle": "square,pad=0.18", "fc": pen.theme.paper, "ec": "none"}
        pen.text(*route.label, words, LABEL_SIZE, bbox=frame, zorder=3)


def _node(pen: _Pen, node: Node, box: Box, notes: Sequence[_Note], layout: Layout) -> None:
    from matplotlib.patches import FancyBboxPatch

    x, y = layout.places[node.slug]
    fill = {k.value: getattr(pen.theme, k.value) for k in RoleKind}.get(node.kind, pen.theme.grid)
    radius = {RoleKind.EXPERIMENT.value: 2.0, RoleKind.HUMAN.value: box.height / 2}.get(node.kind, 9.0)
    shape = f"round,pad=0,rounding_size={radius}"
    corner = (x - box.half, y - box.height / 2)
    for inset in (0.0, 3.0) if node.kind == RoleKind.VERIFIER.value else (0.0,):
        at, size = (corner[0] + inset, corner[1] + inset), (2 * (box.half - inset), box.height - 2 * inset)
        line = 0.6 if inset else 1.2
        pen.axes.add_patch(FancyBboxPatch(at, *size, boxstyle=shape, fc=fill, ec=pen.theme.ink, lw=line, zorder=4))
    name, second = node_lines(node)
    pen.text(x, y - 7.5, name, NAME_SIZE, weight="bold", zorder=5)
    pen.text(x, y + 10.5, second, SECOND_SIZE, color=pen.theme.faint, zorder=5)
    for i, note in enumerate(notes):
        _note(pen, note, x + box.half, y + (i - (len(notes) - 1) / 2) * (NOTE_HEIGHT + 5))


def _note(pen: _Pen, note: _Note, x: float, y: float) -> None:
    """A cadence is a dashed note; a handoff to oneself is a loop that comes back to the box."""
    from matplotlib.patches import FancyBboxPatch
    from matplotlib.path import Path

    left, color = x + NOTE_GAP, pen.theme.faint
    if note.cadence:
        pen.line([(x, y), (left, y)], [int(Path.MOVETO), int(Path.LINETO)], dashed=True, color=color)
        shape = FancyBboxPatch(
            (left, y - NOTE_HEIGHT / 2), note.width, NOTE_HEIGHT, boxstyle="round,pad=0,rounding_size=4",
            fc=pen.theme.paper, ec=color, lw=1.0, ls=(0, (4, 3)), zorder=2,
        )  # fmt: skip
        pen.axes.add_patch(shape)
    else:
        reach, rise = left - 1, 6.0
        curve = [(x, y - rise), (reach, y - rise - 2), (reach, y + rise + 2), (x + HEAD * 0.8, y + rise)]
        pen.line(curve, [int(Path.MOVETO)] + [int(Path.CURVE4)] * 3, dashed=False, color=color)
        pen.head((x, y + rise), (-1.0, 0.0), color)
    pen.text(left + note.width / 2, y, note.text, LABEL_SIZE, zorder=3)


def _entry(pen: _Pen, place: tuple[float, float], box: Box) -> None:
    """A short arrow from the queue of ideas into the left side of a role."""
    from matplotlib.path import Path

    (x, y), color = (place[0] - box.half, place[1]), pen.theme.keep
    codes = [int(Path.MOVETO), int(Path.LINETO)]
    pen.line([(x - ENTRY_ARROW, y), (x - HEAD * 0.8, y)], codes, dashed=False, color=color)
    pen.head((x, y), (1.0, 0.0), color)
    pen.text(x - ENTRY_ARROW - 4, y, "ideas", SECOND_SIZE, color=color, ha="right")
