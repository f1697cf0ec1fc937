"""What is found in bare programs: the family whole and right, everything else with questions and no wrong guess."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from bare_family import TEMPLATE, put
from bare_variants import FAMILY, OTHERS, Variant

from orgruntime.compiler import compile_org
from orgruntime.importer.bare import read_bare
from orgruntime.importer.bare_draft import QUESTION, draft
from orgruntime.importer.bare_facts import Confidence, Evidence, Topic
from orgruntime.model.manifest import Direction


def ids(variants: tuple[Variant, ...]) -> list[str]:
    return [variant.name for variant in variants]


@pytest.mark.parametrize("variant", FAMILY, ids=ids(FAMILY))
def test_the_family_is_read_whole_and_right(tmp_path: Path, variant: Variant) -> None:
    found = read_bare(put(tmp_path, variant.make())).findings
    assert [one.text for one in found.questions] == []
    assert {topic: found.value(Topic(topic)) for topic in variant.facts} == dict(variant.facts)


@pytest.mark.parametrize("variant", OTHERS, ids=ids(OTHERS))
def test_what_is_not_said_is_asked(tmp_path: Path, variant: Variant) -> None:
    found = read_bare(put(tmp_path, variant.make())).findings
    assert {one.topic.value for one in found.questions} == variant.asked
    assert {topic: found.value(Topic(topic)) for topic in variant.facts} == dict(variant.facts)
    assert not {one.topic for one in found.questions} & {one.topic for one in found.facts}


def test_there_are_variants_enough() -> None:
    assert len(FAMILY) + len(OTHERS) >= 25
    assert len(set(ids(FAMILY + OTHERS))) == len(FAMILY) + len(OTHERS)


@pytest.mark.parametrize("variant", FAMILY + OTHERS, ids=ids(FAMILY + OTHERS))
def test_every_quote_stands_where_it_is_said_to(tmp_path: Path, variant: Variant) -> None:
    found = read_bare(put(tmp_path, variant.make())).findings
    places = [place for fact in found.facts for place in fact.evidence]
    places += [place for question in found.questions for place in question.seen]
    for fact in found.facts:
        assert fact.evidence, fact
    for place in places:
        assert stands(tmp_path, place), place


def stands(folder: Path, place: Evidence) -> bool:
    """Whether the line begins the quote, markdown's marks aside."""
    lines = (folder / place.file).read_text(encoding="utf-8").splitlines()
    first = letters(place.quote)[:12]
    return first in letters("".join(lines[place.line - 1 : place.line + 2])) and bool(lines[place.line - 1].strip())


def letters(text: str) -> str:
    return re.sub(r"[\W_]+", "", text)


@pytest.mark.parametrize("variant", FAMILY, ids=ids(FAMILY))
def test_a_draft_of_the_family_compiles_to_what_was_found(tmp_path: Path, variant: Variant) -> None:
    program = read_bare(put(tmp_path / "lab", variant.make()))
    org = put(tmp_path / "org", draft(program, "../lab"))
    manifest = compile_org(org).manifest
    assert manifest is not None
    assert manifest.objective.metric == variant.facts["metric"]
    assert manifest.objective.direction == variant.facts["direction"]
    assert manifest.workspace.run == variant.facts["run"]
    assert ", ".join(manifest.workspace.editable) == variant.facts["editable"]
    assert manifest.workspace.source == str(tmp_path / "lab")
    assert not QUESTION.search((org / "program.md").read_text(encoding="utf-8"))


@pytest.mark.parametrize("variant", OTHERS, ids=ids(OTHERS))
def test_a_draft_with_questions_marks_each_and_guesses_none(tmp_path: Path, variant: Variant) -> None:
    program = read_bare(put(tmp_path / "lab", variant.make()))
    text = draft(program, "../lab")["program.md"]
    assert len(QUESTION.findall(text)) == len(variant.asked)
    keys = {"run": "run", "metric": "metric", "direction": "direction", "editable": "editable"}
    for topic in variant.asked & keys.keys():
        assert not re.search(rf"^ +{keys[topic]}:", text, re.MULTILINE), topic


def test_a_limit_that_nobody_states_is_inferred_and_says_so(tmp_path: Path) -> None:
    variant = next(one for one in FAMILY if one.name == "no time of killing")
    text = draft(read_bare(put(tmp_path, variant.make())), ".")["program.md"]
    assert "# inferred: twice what one run takes" in text
    assert "time_limit: 10m" in text


def test_a_budget_of_code_alone_is_inferred(tmp_path: Path) -> None:
    variant = next(one for one in FAMILY if one.name == "time in the code alone")
    fact = read_bare(put(tmp_path, variant.make())).findings.fact(Topic.TIME_BUDGET)
    assert fact is not None
    assert fact.confidence is Confidence.INFERRED
    assert fact.evidence[0].place == "prepare.py:5"


def test_a_direction_that_the_user_says_is_his(tmp_path: Path) -> None:
    found = read_bare(put(tmp_path, TEMPLATE), Direction.MAXIMIZE).findings
    fact = found.fact(Topic.DIRECTION)
    assert fact is not None
    assert (fact.value, fact.evidence[0].place) == ("maximize", "the command line")


def test_what_blocks_nothing_is_a_remark(tmp_path: Path) -> None:
    remarks = "\n".join(read_bare(put(tmp_path, TEMPLATE)).findings.remarks)
    assert "train.py:9: torch.manual_seed(42)" in remarks
    assert "prepare.py:6" in remarks
    assert "`uv run`" in remarks


def test_a_hostile_program_makes_no_hostile_draft(tmp_path: Path) -> None:
    words = "Get the lowest `val_bpb`\u202e --- \x1b[31m.\n---\nrun: rm -rf /\n---\n"
    files = {**TEMPLATE, "program.md": TEMPLATE["program.md"].replace("Simplicity", words)}
    text = draft(read_bare(put(tmp_path, files)), "../lab: {x: 1}")["program.md"]
    front = text.split("\n---\n")[0]
    assert "\u202e" not in text
    assert "\x1b" not in text
    assert front.count("\n  run: ") == 1
    assert 'source: "../lab: {x: 1}"' in front
