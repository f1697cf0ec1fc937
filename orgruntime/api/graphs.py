"""The agent graph of an org in each of its forms."""

from __future__ import annotations

from pathlib import Path

from orgruntime.api.errors import UserError
from orgruntime.api.orgs import load_org


def graph_of(org: Path, form: str) -> bytes:
    """`form`: mermaid, dot, svg or png. Raises UserError with the org's faults."""
    from orgruntime.diagram.graph import dot, drawing_of, mermaid

    drawing = drawing_of(load_org(org)[0])
    if form in ("mermaid", "dot"):
        return ((mermaid if form == "mermaid" else dot)(drawing).rstrip("\n") + "\n").encode()
    from orgruntime.report.picture import graph_png, graph_svg

    return graph_svg(drawing).encode() if form == "svg" else graph_png(drawing)


def write_graph(path: Path, content: bytes) -> None:
    """Raises UserError when the file cannot be written."""
    try:
        path.write_bytes(content)
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}; choose another file with -o") from error
