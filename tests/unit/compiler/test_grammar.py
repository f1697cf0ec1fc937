"""The grammar in the reference and the reader of the workflow are one language: what the one makes, the other reads."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orgruntime.compiler.library import RoleLinks
from orgruntime.compiler.sections import part_sections
from orgruntime.compiler.workflow import read_workflow
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.orgfile.document import parse_document
from orgruntime.orgfile.source import Source

PAGE = Path(__file__).parents[3] / "docs" / "language.md"
GRAMMAR = PAGE.read_text(encoding="utf-8").partition("```ebnf\n")[2].partition("```")[0]
RULES = {name: body for name, body in re.findall(r"^(\w+)\s*= (.*) ;$", GRAMMAR, re.MULTILINE)}
EXAMPLES = {
    "role": ["[Researcher](roles/researcher.md)", "[the *Trainer*](roles/trainer.md)", "[x](<roles/referee.md>)"],
    "payload": ["`proposal`", "`own_one`"],
    "word": ["promising", "`sound`", "weight"],
    "digits": ["1", "40"],
    "whole": ["1", "20", "2k"],
    "time": ["2h", "1h30m", "2 hours", "90 s"],
}
_TOKEN = re.compile(r'"[^"]*"|\?[^?]*\?|\w+|[|,\[\]{}()]')


class Grammar:
    """Draws sentences from the rules; words of the examples stand for what the page only describes."""

    def __init__(self, draw: st.DrawFn) -> None:
        self._draw = draw

    def sentence(self, rule: str) -> list[str]:
        if rule in EXAMPLES:
            assert RULES[rule].startswith("?")
            return [self._draw(st.sampled_from(EXAMPLES[rule]))]
        tokens = _TOKEN.findall(RULES[rule])
        words, rest = self._choice(tokens)
        assert rest == []
        return words

    def _choice(self, tokens: list[str]) -> tuple[list[str], list[str]]:
        options = []
        while True:
            words, tokens = self._sequence(tokens)
            options.append(words)
            if not tokens or tokens[0] != "|":
                return self._draw(st.sampled_from(options)), tokens
            tokens = tokens[1:]

    def _sequence(self, tokens: list[str]) -> tuple[list[str], list[str]]:
        found: list[str] = []
        while tokens and tokens[0] not in "|]})":
            if tokens[0] == ",":
                tokens = tokens[1:]
                continue
            words, tokens = self._term(tokens)
            found += words
        return found, tokens

    def _term(self, tokens: list[str]) -> tuple[list[str], list[str]]:
        head, tokens = tokens[0], tokens[1:]
        if head.startswith('"'):
            return [head[1:-1]], tokens
        if head not in "[{(":
            return self.sentence(head), tokens
        words, rest = self._choice(tokens)
        return (words if head == "(" or self._draw(st.booleans()) else []), rest[1:]


@pytest.fixture(scope="module")
def links(tmp_path_factory: pytest.TempPathFactory) -> RoleLinks:
    org = tmp_path_factory.mktemp("org")
    (org / "roles").mkdir()
    for name in ("researcher", "trainer", "referee"):
        (org / "roles" / f"{name}.md").write_text("Words.\n")
    return RoleLinks(org, "org")


def faults(item: str, links: RoleLinks) -> list[str]:
    findings = Findings()
    document = parse_document(Source("program.md", f"## Workflow\n\n1. {item}\n"), findings)
    section = part_sections(document, findings).workflow
    assert section is not None
    read = read_workflow(document, section, links, findings)
    assert len(read.edges) + len(list(findings)) >= 1
    return [found.message for found in findings]


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(data=st.data())
def test_every_sentence_of_the_grammar_is_read(links: RoleLinks, data: st.DataObject) -> None:
    item = " ".join(Grammar(data.draw).sentence("item"))
    assert faults(item, links) == []


@pytest.mark.parametrize("verb", ["gives", "→ →", "asks for", "=>>", "every"])
def test_other_sentences_are_not(links: RoleLinks, verb: str) -> None:
    assert faults(f"[Researcher](roles/researcher.md) {verb} [Trainer](roles/trainer.md): `proposal`", links)


def test_two_conditions_are_refused(links: RoleLinks) -> None:
    start = "[Trainer](roles/trainer.md) → [Referee](roles/referee.md): `result`"
    assert faults(f"{start}, when promising, otherwise", links)
    assert faults(f"{start}, at most 2 times, at most 3 times", links)


def test_the_page_has_the_grammar() -> None:
    assert {"item", "handoff", "cadence", "clause"} <= set(RULES)
    assert set(EXAMPLES) == {name for name, body in RULES.items() if body.startswith("?")}
