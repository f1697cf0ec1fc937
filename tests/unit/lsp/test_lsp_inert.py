"""Words of an org in what an editor renders: text, never markup."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

import mistune
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lsprotocol.types import MarkupContent

from orgruntime.diagnostics.diagnostic import Diagnostic, Severity
from orgruntime.diagnostics.span import Span
from orgruntime.lsp import hover
from orgruntime.lsp.buffer import Buffer
from orgruntime.lsp.inert import fenced, inert
from orgruntime.lsp.program import ProgramView
from orgruntime.lsp.session import Session

HOSTILE = [
    "![x](https://evil.example/pixel.png)",
    "[click](command:run)",
    "<img src=https://evil.example/x>",
    "https://evil.example/auto",
    "www.evil.example",
    "me@evil.example",
    "`![x](https://evil.example)",
    "```\n![x](https://evil.example)\n```",
    "# heading",
    "| a | b |\n|---|---|",
    "&lt;img&gt; &#33;",
    "a \\![x](https://evil.example)",
    "* * *",
    "right\u202eleft",
]
_TAGS = re.compile(r"<(?!/?p>|/?pre>|/?code\b)[^>]*>")


def rendered(markdown: str) -> str:
    """As a renderer with every plugin that makes links or markup would show it."""
    made = mistune.create_markdown(escape=False, plugins=["url", "table", "strikethrough", "footnotes"])(markdown)
    assert isinstance(made, str)
    return made


def shown(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", "", html)).split())


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text(text: str) -> None:
    for made in (rendered(f"- words {inert(text)}"), rendered(fenced(text))):
        assert "evil.example" not in "".join(re.findall(r"<[^>]+>", made))
        assert "\u202e" not in made
    assert shown(rendered(f"x{inert(text)}")) == "x" + " ".join(text.split()).replace("\u202e", "\\u202e")


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cf", "Cs", "Zl", "Zp", "Zs"])))
def test_what_is_shown_is_what_was_written(text: str) -> None:
    html = rendered(f"x{inert(text)}x")

    assert _TAGS.findall(html) == []
    assert shown(html) == f"x{text}x"


def test_a_hover_shows_no_markup_of_a_role(tmp_path: Path) -> None:
    (tmp_path / "roles").mkdir()
    image = "![x](https://evil.example/pixel.png)"
    (tmp_path / "roles" / "a.md").write_text(
        f"---\nname: '{image}'\ndescription: '{image}'\n---\nWords.\n", encoding="utf-8"
    )
    table = f"| role | model |\n|---|---|\n| [A](roles/a.md) | {image} |\n"
    text = f"---\nformat: orgruntime/1\n---\n# Lab\n\n## Roles\n\n{table}"
    view = ProgramView(Buffer(tmp_path / "program.md", text))

    found = hover.role(view, view.roles[0], Session().reader(tmp_path))

    assert found is not None
    assert isinstance(found.contents, MarkupContent)
    assert "<img" not in rendered(found.contents.value)
    assert "evil.example" in rendered(found.contents.value)


def test_a_hover_shows_no_markup_of_a_finding() -> None:
    message = "unknown key ``![x](https://evil.example/pixel.png)`"
    found = Diagnostic("ORG113", "unknown-key", Severity.ERROR, Span("x"), message, "did you mean `<img src=x>`?")
    where = Buffer(Path("/x.md"), "x").range(0, 1)

    contents = hover.rule(found, where).contents

    assert isinstance(contents, MarkupContent)
    assert "<img" not in rendered(contents.value)
    assert "What it does" in contents.value
