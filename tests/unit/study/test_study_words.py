"""The program of a fork: its title and the places that lead out, changed to the byte and nowhere else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orgruntime.study.words import Leads, ProgramWords, WordsError

PROGRAM = """---
format: orgruntime/1
workspace:
  source: ../../lab   # the code
  editable: [train.py]
imports: [lib/referee, "lib/scribe"]
---

# The *old* title

Words with `[code](../../roles/no.md)` and [a page](https://example.org/x.md#top).

## Roles

| role | kind |
|---|---|
| [Trainer](../../roles/trainer.md#how) | experiment |

```
[fenced](../../roles/fenced.md)
```
"""


def words(text: str = PROGRAM) -> ProgramWords:
    return ProgramWords(text.encode())


def retitled(text: str, title: str = "New") -> str:
    program = words(text)
    return program.changed([program.titled(title)]).decode()


def test_every_place_that_leads_somewhere_is_found():
    assert [(lead.kind, lead.text) for lead in words().leads()] == [
        (Leads.WORKSPACE, "../../lab"),
        (Leads.IMPORT, "lib/referee"),
        (Leads.IMPORT, "lib/scribe"),
        (Leads.ROLE, "https://example.org/x.md"),
        (Leads.ROLE, "../../roles/trainer.md"),
    ]


def test_each_place_is_changed_where_it_stands():
    program = words()
    now = {"../../lab": "my lab", "lib/scribe": "roles/scribe", "../../roles/trainer.md": "roles/the trainer.md"}
    made = program.changed(program.leading(lead, now[lead.text]) for lead in program.leads() if lead.text in now)
    expected = PROGRAM.replace("../../lab", '"my lab"').replace('"lib/scribe"', "roles/scribe")
    assert made.decode() == expected.replace("../../roles/trainer.md#how", "roles/the%20trainer.md#how")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("# Old\n\nWords.\n", "# New\n\nWords.\n"),
        ("Old\n===\n\nWords.\n", "# New\n\nWords.\n"),
        ("#   Old   ##\nWords.", "# New\nWords."),
        ("Words.\n\n## Roles\n", "# New\n\nWords.\n\n## Roles\n"),
        ("---\nformat: x\n---\nWords.\n", "---\nformat: x\n---\n\n# New\nWords.\n"),
        ("```\n# not this\n```\n# Old\n# Second\n", "```\n# not this\n```\n# New\n# Second\n"),
        ("", "# New\n\n"),
    ],
)
def test_the_first_heading_is_the_title(before, after):
    assert retitled(before) == after


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_byte_order_marks_and_line_ends_stay(mark, ends):
    data = mark + PROGRAM.replace("\n", ends).encode()
    program = ProgramWords(data)
    made = program.changed([program.titled("New"), *(program.leading(one, one.text) for one in program.leads()[:2])])
    assert made == data.replace(b"# The *old* title", b"# New")


@given(st.text(st.sampled_from("ab #\r\n-`é\u2028"), max_size=60), st.sampled_from(["New", "N – 2", "日本"]))
def test_nothing_but_the_title_changes(body, title):
    data = body.encode()
    program = ProgramWords(data)
    try:
        made = program.changed([program.titled(title)])
    except WordsError:
        assert "---" in body
        return
    assert ProgramWords(made).title == title
    assert program.changed([]) == data


@pytest.mark.parametrize(
    "title", ["", "  ", "two\nlines", "a\u202eb", "\x1b[31m", "x" * 121, "ends with #", "a\u200bb"]
)
def test_what_cannot_be_a_title(title):
    with pytest.raises(WordsError, match="cannot be a title"):
        words().titled(title)


def test_what_is_no_text():
    with pytest.raises(WordsError, match="not UTF-8"):
        ProgramWords(b"\xff\xfe")


@given(st.binary(max_size=200))
def test_bytes_never_break_it(data):
    try:
        program = ProgramWords(data)
    except WordsError:
        return
    assert program.changed([]) == data
    program.changed(program.leading(lead, "roles/x.md") for lead in program.leads())
