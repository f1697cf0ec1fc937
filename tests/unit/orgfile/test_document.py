"""Blocks, sections, tables, lists and links point back at their exact text."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.orgfile.blocks import parse_blocks
from orgruntime.orgfile.document import Document, parse_document
from orgruntime.orgfile.inline import PieceKind, links, pieces
from orgruntime.orgfile.source import Source

PAGE = """---
format: x
---

# Title

Mission,
two lines.

## Not `# a` heading

```sh
# a comment
## Workflow
```

| a | b |
|---|:-:|
| [x](y.md) | `q\\|r` |
| only |
  | z | w |

## Workflow

Words.

1. one
   more
2. two
   - nested
10. ten

* star

Setext
------

end"""


def document(text: str) -> Document:
    return parse_document(Source("f", text), Findings())


def test_headings_come_from_the_parser_and_not_from_lines() -> None:
    page = document(PAGE)
    assert page.title == "Title"
    assert page.lead() == "Mission,\ntwo lines."
    assert [section.title for section in page.sections()] == ["Not `# a` heading", "Workflow", "Setext"]
    assert [page.source.span(s.heading.start).line for s in page.sections()] == [10, 23, 35]


def test_blocks_begin_where_their_text_begins() -> None:
    page = document(PAGE)
    starts = {block.kind: PAGE[block.start : block.start + 5] for block in page.blocks}
    assert starts["table"] == "| a |"
    assert starts["block_code"] == "```sh"
    assert [PAGE[b.start : b.end] for b in page.blocks if b.kind == "list"][0].startswith("1. one\n   more\n2. two")


def test_cells_are_exact() -> None:
    page = document(PAGE)
    block = next(block for block in page.blocks if block.kind == "table")
    table = page.table(block)
    assert [cell.text for cell in table.header] == ["a", "b"]
    assert [[cell.text for cell in row] for row in table.rows] == [["[x](y.md)", "`q\\|r`"], ["only"], ["z", "w"]]
    for row in table.rows:
        for cell in row:
            assert PAGE[cell.start : cell.end] == cell.text


def test_items_keep_their_nested_text() -> None:
    page = document(PAGE)
    lists = [page.items(block) for block in page.blocks if block.kind == "list"]
    assert [[item.text for item in one] for one in lists] == [["one\n   more", "two\n   - nested", "ten"], ["star"]]
    for one in lists:
        for item in one:
            assert PAGE[item.start : item.end] == item.text


def test_links_and_code_spans_have_exact_offsets() -> None:
    text = 'see [A b](roles/a.md "t") → `x` and ![img](i.png) [B](<my file.md>) `` [no](n.md) `` [un\\]b](c.md)'
    found = links(text, 0, len(text))
    assert [(link.text, link.href) for link in found] == [
        ("A b", "roles/a.md"),
        ("B", "my file.md"),
        ("un\\]b", "c.md"),
    ]
    for link in found:
        assert text[link.href_start : link.href_start + len(link.href)] == link.href
    codes = [piece for piece in pieces(text, 0, len(text)) if piece.kind is PieceKind.CODE]
    assert [piece.text for piece in codes] == ["x", "[no](n.md)"]


MARKDOWN = st.lists(
    st.sampled_from(
        [
            "# h\n",
            "## h\n",
            "text\n",
            "\n",
            "- a\n",
            "  - b\n",
            "1. c\n",
            "```\n",
            "~~~\n",
            "| a | b |\n",
            "|---|---|\n",
        ]
        + [
            "> q\n",
            "    code\n",
            "===\n",
            "---\n",
            "<div>\n",
            "[a](b.md)\n",
            "`c` ",
            "<!-- x -->\n",
            "\t",
            "***\n",
            "[r]: u\n",
        ]
    ),
    max_size=25,
).map("".join)


@settings(max_examples=150, deadline=None)
@given(MARKDOWN)
def test_blocks_are_in_order_and_inside_of_the_text(text: str) -> None:
    blocks = parse_blocks(text)
    at = 0
    for block in blocks:
        assert at <= block.start <= block.end <= len(text)
        at = block.end
    page = document(text)
    for section in page.sections():
        assert text[section.heading.start : section.heading.end].strip()
        for block in section.blocks:
            if block.kind == "table":
                page.table(block)
            if block.kind == "list":
                assert page.items(block)
    joined = "".join(text[piece.start : piece.end] for piece in pieces(text, 0, len(text)))
    assert joined == text


@pytest.mark.parametrize(
    "kind", ["heading", "list", "block_code", "table", "block_quote", "paragraph", "thematic_break"]
)
def test_mistune_still_marks_every_kind(kind: str) -> None:
    """The seams that give positions are semi-public; a new mistune must keep this."""
    text = "p\n\n# h\n\n- l\n\n```\nc\n```\n\n| a |\n|---|\n| b |\n\n> q\n\n***\n"
    begins = {
        "heading": "#",
        "list": "-",
        "block_code": "```",
        "table": "|",
        "block_quote": ">",
        "thematic_break": "***",
    }
    block = next(block for block in parse_blocks(text) if block.kind == kind)
    assert text[block.start :].startswith(begins.get(kind, "p"))
