"""The agent graph as text: Mermaid and DOT, and the `Drawing` that every form of the picture starts from.

Works on names and labels. Knows nothing of geometry (`layout`) or of pixels (`picture`). Invariant: each form holds
exactly the drawing's nodes and edges, in its order, and no text of an org can end a quoted label.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from orgruntime.diagram.wording import clip, duration, plain
from orgruntime.model.manifest import Cadence, Handoff, HandoffKind, Manifest, Role, RoleKind


class EdgeStyle(StrEnum):
    TRANSFER = "transfer"
    ASK = "ask"
    """Call and return."""
    CADENCE = "cadence"
    """A schedule of one role: source and target are the same."""


class Node(NamedTuple):
    slug: str
    name: str
    kind: str
    """A value of `RoleKind`."""
    species: str = ""
    count: int = 1  # type: ignore[assignment]  # it hides a method of tuples


class Edge(NamedTuple):
    source: str
    target: str
    label: str = ""
    style: str = EdgeStyle.TRANSFER


@dataclass(frozen=True)
class Drawing:
    """What is drawn. Raises ValueError for an edge that ends at no node, or for two nodes of one slug."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    title: str = ""
    entries: tuple[str, ...] = ()
    """Slugs where ideas enter, in order."""

    def __post_init__(self) -> None:
        known = [node.slug for node in self.nodes]
        if len(set(known)) != len(known):
            raise ValueError("two nodes have one slug")
        for edge in self.edges:
            for end in (edge.source, edge.target):
                if end not in known:
                    raise ValueError(f"edge {edge.source} → {edge.target} ends at {end!r}, which is no node")


def drawing_of(manifest: Manifest) -> Drawing:
    """The compiled org's roles, handoffs and cadences."""
    edges = [Edge(e.source, e.target, handoff_label(e), EdgeStyle(e.kind.value)) for e in manifest.graph.handoffs]
    edges += [Edge(c.role, c.role, cadence_label(c), EdgeStyle.CADENCE) for c in manifest.graph.cadences]
    return Drawing(
        nodes=tuple(Node(r.slug, r.name, r.kind.value, _species(r), r.count) for r in manifest.roles),
        edges=tuple(edges),
        title=manifest.title or manifest.org,
        entries=tuple(manifest.graph.entries),
    )


def handoff_label(handoff: Handoff) -> str:
    """`result · when promising · ≤2×`."""
    parts = [handoff.payload]
    if handoff.kind is HandoffKind.ASK:
        parts[0] = f"asks {handoff.payload}"
    if handoff.fan_out > 1:
        parts[0] += f" ×{handoff.fan_out}"
    if handoff.when:
        parts.append(f"when {handoff.when}")
    if handoff.otherwise:
        parts.append("otherwise")
    if handoff.at_most is not None:
        parts.append(f"≤{handoff.at_most}×")
    return " · ".join(parts)


def cadence_label(cadence: Cadence) -> str:
    """`memo · every 20 trials`."""
    if cadence.every_trials is not None:
        often = "every trial" if cadence.every_trials == 1 else f"every {cadence.every_trials} trials"
    else:
        often = f"every {duration(cadence.every_s)}"
    return f"{cadence.payload} · {often}"


def node_lines(node: Node) -> tuple[str, str]:
    """Name and second line of a node: `Researcher ×4`, `agent · search/tpe`."""
    name = clip(node.name or node.slug, 40) or node.slug
    count = f" ×{node.count}" if node.count > 1 else ""
    return name + count, clip(f"{node.kind} · {node.species}" if node.species else node.kind, 52)


def mermaid(drawing: Drawing) -> str:
    """A `flowchart TD`. Labels are quoted; cadences are dotted loops; asks are dotted and double-headed."""
    ids = _ids([node.slug for node in drawing.nodes])
    lines = ["flowchart TD"]
    for node in drawing.nodes:
        left, right = _SHAPES.get(node.kind, ("[", "]"))
        name, second = node_lines(node)
        lines.append(f'    {ids[node.slug]}{left}"{_mermaid_text(name)}<br/>{_mermaid_text(second)}"{right}')
    for edge in drawing.edges:
        arrow = _ARROWS[EdgeStyle(edge.style)]
        label = f'|"{_mermaid_text(edge.label)}"|' if plain(edge.label) else ""
        lines.append(f"    {ids[edge.source]} {arrow}{label} {ids[edge.target]}")
    return "\n".join(lines) + "\n"


def dot(drawing: Drawing) -> str:
    """Graphviz DOT."""
    lines = ["digraph org {", "    rankdir=TB;", '    node [shape=box, style="rounded", fontname="DejaVu Sans"];']
    lines.append('    edge [fontname="DejaVu Sans", fontsize=10];')
    for node in drawing.nodes:
        label = r"\n".join(_dot_text(line) for line in node_lines(node))
        lines.append(f'    "{_dot_text(node.slug)}" [label="{label}", shape={_DOT_SHAPES.get(node.kind, "box")}];')
    for edge in drawing.edges:
        looks = {EdgeStyle.TRANSFER: "", EdgeStyle.ASK: ", style=dashed, dir=both", EdgeStyle.CADENCE: ", style=dashed"}
        ends = f'"{_dot_text(edge.source)}" -> "{_dot_text(edge.target)}"'
        lines.append(f'    {ends} [label="{_dot_text(edge.label)}"{looks[EdgeStyle(edge.style)]}];')
    return "\n".join([*lines, "}"]) + "\n"


_SHAPES: dict[str, tuple[str, str]] = {
    RoleKind.AGENT: ("(", ")"),
    RoleKind.EXPERIMENT: ("[", "]"),
    RoleKind.VERIFIER: ("{{", "}}"),
    RoleKind.HUMAN: ("([", "])"),
}
_DOT_SHAPES: dict[str, str] = {
    RoleKind.EXPERIMENT: "component",
    RoleKind.VERIFIER: "hexagon",
    RoleKind.HUMAN: "ellipse",
}
_ARROWS = {EdgeStyle.TRANSFER: "-->", EdgeStyle.ASK: "<-.->", EdgeStyle.CADENCE: "-.->"}


def _species(role: Role) -> str:
    if not role.species:
        return ""
    return role.species[0] if len(set(role.species)) == 1 else ", ".join(dict.fromkeys(role.species))


def _ids(slugs: Sequence[str]) -> dict[str, str]:
    """A Mermaid id a slug: letters, digits and `_`; unique. The prefix keeps off the grammar's own words (`end`,
    `class`, …) and off `o` and `x`, which Mermaid takes for arrow heads."""
    ids: dict[str, str] = {}
    for slug in slugs:
        id = "r_" + re.sub(r"[^A-Za-z0-9]+", "_", slug).strip("_")
        while id in ids.values():
            id += "_"
        ids[slug] = id
    return ids


def _mermaid_text(text: str) -> str:
    """Everything that Mermaid or the HTML behind it could read as syntax, as an entity code (`#35;`)."""
    return re.sub(r'[#$&<>"`\\\[\]{}|;]|^\d+(?=\.)|^[-*+](?= )', _entity, plain(text))


def _entity(match: re.Match[str]) -> str:
    return "".join(f"#{ord(char)};" for char in match.group())


def _dot_text(text: str) -> str:
    return plain(text).replace("\\", "\\\\").replace('"', '\\"')
