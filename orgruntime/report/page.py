"""`report.html`: one self-contained page a run.

Works on a `RunStory`, and on a `Drawing` where there is one. Knows nothing of files or servers. Invariant: the page
loads nothing and runs nothing (its content security policy says so to the browser, too), and reads without colours.
"""

from __future__ import annotations

import base64
from importlib import resources

from orgruntime.diagram.graph import Drawing
from orgruntime.report.canvas import DARK, LIGHT
from orgruntime.report.history import before
from orgruntime.report.markup import Safe, join, tag
from orgruntime.report.memory import notebook, parts
from orgruntime.report.picture import graph_svg
from orgruntime.report.progress import progress_png
from orgruntime.report.sections import (
    budget,
    certificates,
    decisions,
    failed,
    gained,
    headline,
    leaderboard,
    memos,
    noise_floor,
    spend,
    tiles,
)
from orgruntime.report.story import RunStory
from orgruntime.report.wording import clip, plain

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def report_html(story: RunStory, drawing: Drawing | None = None, picture: bytes | None = None) -> str:
    """The whole document. Sections without content are left out, save those whose absence is news. `picture` is what
    `progress_png` gives, where it is made already: half a second of work."""
    name = clip(story.title or story.org, 80)
    body = join(
        (
            tag("header", tag("h1", name), tag("p", _line_below(story), class_="faint")),
            headline(story),
            tag("figure", _progress(story, picture or progress_png(story))),
            tiles(story),
            certificates(story),
            gained(story),
            failed(story),
            parts(story),
            notebook(story),
            leaderboard(story),
            _graph(drawing),
            spend(story),
            decisions(story),
            noise_floor(story),
            budget(story),
            memos(story),
            before(story),
            tag("footer", f"orgruntime · run {plain(story.run)}", class_="faint"),
        ),
        "\n",
    )
    head = join(
        (
            tag("meta", charset="utf-8"),
            tag("meta", http_equiv="Content-Security-Policy", content=POLICY),
            tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
            tag("meta", name="color-scheme", content="light dark"),
            tag("title", f"{name}: {plain(story.run)}"),
            tag("style", Safe(_style())),
        ),
        "\n",
    )
    return f"<!doctype html>\n{tag('html', tag('head', head), tag('body', tag('main', body)), lang='en')}\n"


def _line_below(story: RunStory) -> str:
    parts = [f"{plain(story.objective)}, {story.better} is better", f"run {plain(story.run)}", plain(story.state)]
    if story.appetite:
        parts.append(f"risk: {plain(story.appetite)}")
    return "  ·  ".join(part for part in parts if part)


def _progress(story: RunStory, picture: bytes) -> Safe:
    light, dark = (f"data:image/png;base64,{_base64(png)}" for png in (picture, progress_png(story, DARK)))
    return _picture(light, dark, f"{plain(story.objective)} of every trial in order, with the lead and the champions")


def _graph(drawing: Drawing | None) -> Safe:
    if drawing is None:
        return Safe("")
    bare = Drawing(drawing.nodes, drawing.edges, entries=drawing.entries)
    light, dark = (f"data:image/svg+xml;base64,{_base64(graph_svg(bare, t).encode())}" for t in (LIGHT, DARK))
    return tag(
        "section", tag("h2", "The organization"), tag("figure", _picture(light, dark, "agent graph"), class_="graph")
    )


def _picture(light: str, dark: str, meaning: str) -> Safe:
    return tag(
        "picture", tag("source", srcset=dark, media="(prefers-color-scheme: dark)"), tag("img", src=light, alt=meaning)
    )


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _style() -> str:
    return resources.files("orgruntime.report").joinpath("page.css").read_text(encoding="utf-8")
