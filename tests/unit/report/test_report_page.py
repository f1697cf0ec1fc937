from __future__ import annotations

import base64
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_stories import HOSTILE, empty, hostile, story

from orgruntime.diagram.graph import Drawing, Edge, Node
from orgruntime.report.markup import Safe, prose, table, tag
from orgruntime.report.page import report_html
from orgruntime.report.sections import headline, leaderboard


class Reader(HTMLParser):
    """Elements with their attributes, and the text; checks that every element is closed in order."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in ("img", "meta", "br", "hr", "source"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    reader.close()
    assert reader.open == []
    return reader


PAGE_ELEMENTS = {
    "html", "head", "meta", "title", "style", "body", "main", "header", "footer", "section", "figure", "picture",
    "source", "img", "div", "span", "p", "h1", "h2", "h4", "h5", "ul", "ol", "li", "b", "i", "code", "pre", "strong",
    "table", "thead", "tbody", "tr", "th", "td",
}  # fmt: skip


def test_the_page_says_what_was_won_with_its_evidence_and_how_to_check_it() -> None:
    text = read(report_html(story())).text
    assert "val_loss is 8.00 % lower than the baseline, certified." in text
    assert "95 % interval 6.00 % to 10.0 %" in text
    assert "e-value 412 (threshold 300, 7 of 7 pairs won)" in text
    assert "orgrun verify certificates/c1.json" in text
    assert "The target of 2.000 is not reached." in text
    for heading in (
        "Certificates",
        "What gained",
        "What failed",
        "Proposals, best first",
        "Where the money went",
        "Memos",
    ):
        assert heading in text


def test_no_champion_is_said_first_and_the_lead_is_called_a_hint() -> None:
    text = read(headline(replace(story(), champions=()))).text
    assert text.startswith("No certified champion.")
    assert "+7.6 %" in text
    assert "a hint, not a result" in text


def test_a_baseline_of_zero_has_no_percentage() -> None:
    text = read(headline(replace(story(), baseline=0.0))).text
    assert "val_loss is 0.2000 lower than the baseline, certified." in text
    assert "%" not in text.replace("95 %", "")


def test_the_leaderboard_is_by_metric_and_its_commits_are_ready_for_git_diff() -> None:
    text = read(leaderboard(story())).text
    assert text.index("aaaaaaa..bbbbbbb") < text.index("aaaaaaa..ccccccc")
    assert "ddddddd" not in text, "a crash has no place in an order of metrics"


def test_the_page_loads_nothing_and_runs_nothing() -> None:
    drawing = Drawing((Node("a", "A", "agent"), Node("b", "B", "human")), (Edge("a", "b", "note"),))
    page = read(report_html(story(), drawing))
    assert {name for name, _ in page.elements} <= PAGE_ELEMENTS
    for name, attributes in page.elements:
        assert not any(key.startswith("on") for key in attributes)
        assert "href" not in attributes
        for key in ("src", "srcset"):
            assert (attributes.get(key) or "data:image/").startswith("data:image/")
        if name == "meta" and attributes.get("http-equiv"):
            assert attributes["content"] == "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    pictures = [attributes for name, attributes in page.elements if name == "img"]
    assert base64.b64decode((pictures[0]["src"] or "").partition(",")[2]).startswith(b"\x89PNG")
    assert b"<svg" in base64.b64decode((pictures[1]["src"] or "").partition(",")[2])


def test_hostile_text_stays_text_everywhere() -> None:
    nasty = Drawing((Node("a", HOSTILE, "agent", HOSTILE),), (Edge("a", "a", HOSTILE),), HOSTILE, ("a",))
    html = report_html(hostile(), nasty)
    page = read(html)
    assert {name for name, _ in page.elements} <= PAGE_ELEMENTS
    assert not any(key.startswith("on") for _, attributes in page.elements for key in attributes)
    assert "<script" not in html
    assert not re.search("[\x00\x1b\u202e]", html)
    assert "<script>alert(1)</script>" in page.text, "the words themselves are shown"


def test_a_run_before_its_first_trial_has_a_page() -> None:
    text = read(report_html(empty())).text
    assert "No certified champion." in text
    assert "No proposal passed the screen." in text


def test_only_markup_of_this_room_is_markup() -> None:
    assert tag("p", "<b>", tag("i", "x"), title='"') == '<p title="&quot;">&lt;b&gt;<i>x</i></p>'
    assert isinstance(tag("br"), Safe)
    assert "&lt;td&gt;" in table(("a",), [("<td>",)])


def test_a_memo_may_have_headings_lists_code_and_bold() -> None:
    html = prose("# Title\n\nOne\ntwo **bold** `a<b`.\n- x\n  more\n- y\n1. z\n\n```py\n<i> **no**\n```\n~~~\nopen")
    assert html.split("\n") == [
        "<h4>Title</h4>",
        "<p>One two <strong>bold</strong> <code>a&lt;b</code>.</p>",
        "<ul><li>x more</li><li>y</li></ul>",
        "<ol><li>z</li></ol>",
        "<pre><code>&lt;i&gt; **no**</code></pre>",
        "<pre><code>open</code></pre>",
    ]


@pytest.mark.parametrize("text", ["[x](javascript:alert(1))", "![x](http://h/x.png)", "<a href=x>y</a>", "<!-- c -->"])
def test_a_memo_has_no_links_images_or_html(text: str) -> None:
    page = read(prose(text))
    assert [name for name, _ in page.elements] == ["p"]
    assert page.text == text


@given(st.text(alphabet="#-*`~ 1.)>\n\t<&ab", max_size=60) | st.text())
def test_any_memo_is_well_formed_and_holds_only_its_few_elements(text: str) -> None:
    page = read(prose(text))
    assert {name for name, _ in page.elements} <= {"p", "h4", "h5", "h6", "ul", "ol", "li", "pre", "code", "strong"}


@pytest.mark.timeout(20)
def test_a_long_hostile_memo_takes_no_longer_than_a_long_one() -> None:
    for text in ("**a*" * 20_000, "`" * 50_000, "- " * 50_000, "# " * 30_000, "*" * 50_000, "```\n" * 20_000):
        prose(text)
