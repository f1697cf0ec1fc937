"""Notebook, parts and the credit of a champion on the page."""

from __future__ import annotations

import re

from report_stories import empty, story

from orgruntime.report.memory import notebook, parts
from orgruntime.report.sections import certificates


def words(html: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", html).split())


def test_the_notebook_shows_what_is_active_with_what_it_rests_on() -> None:
    text = words(notebook(story()))
    assert "wide helps p1 scribe" in text
    assert "deep may too a hunch critic" in text
    assert "rates are all" not in text
    assert "1 finding superseded or pruned since" in text


def test_a_part_that_was_taken_back_is_worth_what_was_lost() -> None:
    text = words(parts(story()))
    assert "p1 WIDTH taken back +0.150 referee" in text
    assert "p1 DEPTH taken back not measured referee" in text


def test_a_champion_names_idea_role_model_and_spend() -> None:
    text = words(certificates(story()))
    assert "wider (researcher · search/tpe, on the idea" in text
    assert "try a wider one" in text
    assert "of person:ada, for $0.25 and 40" in text


def test_without_any_there_is_no_section() -> None:
    assert notebook(empty()) == parts(empty()) == ""
