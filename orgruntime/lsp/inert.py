"""Text of an org inside markdown that an editor renders: shown as it is written, never as a link, image or markup.

An org is untrusted input, and an editor that renders an image fetches it. Invariant: what comes out of `inert` or
`fenced` renders as text alone, whatever went in; control and direction characters are spelled out.
"""

from __future__ import annotations

import re

from orgruntime.diagnostics.render import printable

_MARKUP = re.compile(r"[!-/:-@\[-`{-~]")


def inert(text: str) -> str:
    """On one line, for a paragraph, a list or a cell: each punctuation mark escaped, as CommonMark allows."""
    line = " ".join(text.split())
    # `www.x` and `a@b.c` become links in some renderers even where the point is escaped: a reference is no such point.
    return _MARKUP.sub(lambda mark: f"&#{ord(mark[0])};" if mark[0] in ".@:" else f"\\{mark[0]}", printable(line))


def fenced(text: str) -> str:
    """As a block of its own, with its lines."""
    words = "\n".join(printable(line) for line in text.split("\n"))
    longest = max((len(run) for run in re.findall("`+", words)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{words}\n{fence}"
