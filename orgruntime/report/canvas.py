"""What both pictures share: colours for light and dark paper, and figures that leave no trace in the process.

Works on matplotlib's object interface with the Agg and SVG canvases; pyplot and its global figures are never touched.
Invariant: text of an org is drawn as it is (`$` starts no formula), and equal input gives equal bytes.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Theme:
    """Colours of one paper. The statuses are the palette of Okabe and Ito (2008), which colour-blind people can tell
    apart, lightened for dark paper where needed."""

    paper: str
    ink: str
    faint: str
    grid: str
    keep: str
    discard: str
    inconclusive: str
    crash: str
    noise: str
    verify: str
    lead: str
    champion: str
    agent: str
    experiment: str
    verifier: str
    human: str


LIGHT = Theme(
    paper="#ffffff", ink="#1b1f24", faint="#66707b", grid="#e8ebee", keep="#009e73", discard="#b4bcc6",
    inconclusive="#e69f00", crash="#d55e00", noise="#56b4e9", verify="#cc79a7", lead="#0072b2", champion="#f0b400",
    agent="#e3eefb", experiment="#e2f4ea", verifier="#fdf1d0", human="#f8e4ee",
)  # fmt: skip
DARK = Theme(
    paper="#14181d", ink="#e6e9ed", faint="#98a2ad", grid="#272d34", keep="#2fc79a", discard="#6b7580",
    inconclusive="#f0b030", crash="#f07c3c", noise="#6cc3f2", verify="#dd92bb", lead="#4aa8e0", champion="#ffcf33",
    agent="#1d3147", experiment="#1b3a2c", verifier="#40361a", human="#41283a",
)  # fmt: skip


@contextmanager
def drawing_rules() -> Iterator[None]:
    """Inside: plain text only, DejaVu Sans, stable ids in SVG, and no warning for a letter that the font lacks
    (a box is drawn for it, which says the same)."""
    import matplotlib

    rules = {
        "text.parse_math": False,
        "font.family": "DejaVu Sans",
        "svg.fonttype": "none",
        "svg.hashsalt": "orgruntime",
    }
    with matplotlib.rc_context(rules), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        yield


def figure(width: float, height: float, theme: Theme, dpi: float = 100.0) -> Any:
    """An empty figure of the given size in inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=dpi, facecolor=theme.paper)


def png_of(figure: Any) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    out = io.BytesIO()
    FigureCanvasAgg(figure).print_png(out, metadata={"Software": None})
    return out.getvalue()


def svg_of(figure: Any) -> str:
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    out = io.BytesIO()
    FigureCanvasSVG(figure).print_svg(out, metadata={"Date": None, "Creator": None})
    return out.getvalue().decode()
