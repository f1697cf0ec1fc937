"""Bare programs that nobody should trust: links, pipes, floods, and any bytes at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from bare_family import PROGRAM, TEMPLATE, put
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orgruntime.importer.bare import MOST_CHARACTERS, BareError, read_bare
from orgruntime.importer.bare_draft import draft
from orgruntime.importer.bare_facts import Topic
from orgruntime.importer.kinds import Kind, kind_of

SECRET = "val_bpb\tstatus\n0.5\tkeep the secret\n"
NEEDED = (Topic.RUN, Topic.METRIC, Topic.DIRECTION, Topic.EDITABLE, Topic.TIME_BUDGET)
WORDS = st.sampled_from(
    ["val_bpb", "lower", "higher", "is", "better", "not", "keep", "discard", "`train.py`", "edit", "never", "5 minutes",
     "kill", "run", "`python train.py > run.log`", "grep \"^val_bpb:\"", "lowest", "the goal", ".", ":", "\n", "\n\n- ",
     "\n```\n", "\n# ", "and", "but", "(", ")", "—", "results.tsv", "after", "10m", "`", "**", "|", "a\tb\tstatus",
     "\x00", "\u202e", "---", "# ?", "`uv run prepare.py`"]
)  # fmt: skip


@pytest.mark.parametrize("name", ["results.tsv", "README.md", "train.py", "prepare.py"])
def test_a_link_out_of_the_folder_is_not_read(tmp_path: Path, name: str) -> None:
    (tmp_path / "secret").write_text(SECRET)
    lab = put(tmp_path / "lab", TEMPLATE)
    (lab / name).unlink(missing_ok=True)
    (lab / name).symlink_to(tmp_path / "secret")
    program = read_bare(lab)
    assert program.logs == ()
    assert "keep the secret" not in "".join(draft(program, "../lab").values())


def test_a_program_that_is_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(SECRET)
    (tmp_path / "lab").mkdir()
    (tmp_path / "lab" / "program.md").symlink_to(tmp_path / "secret")
    with pytest.raises(BareError, match="leaves the folder"):
        read_bare(tmp_path / "lab")


def test_a_log_beyond_the_folder_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "results.tsv").write_text(SECRET)
    files = {**TEMPLATE, "program.md": PROGRAM.replace("results.tsv", "../results.tsv")}
    assert read_bare(put(tmp_path / "lab", files)).logs == ()


def test_a_pipe_does_not_hang(tmp_path: Path) -> None:
    lab = put(tmp_path / "lab", TEMPLATE)
    (lab / "train.py").unlink()
    for name in ("results.tsv", "train.py"):
        os.mkfifo(lab / name)
    assert read_bare(lab).logs == ()


def test_links_in_a_circle(tmp_path: Path) -> None:
    lab = put(tmp_path / "lab", TEMPLATE)
    (lab / "results.tsv").symlink_to(lab / "results.tsv")
    assert read_bare(lab).logs == ()


def test_a_folder_of_folders_is_answered_without_a_walk(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*"abcdef")
    deep.mkdir(parents=True)
    (deep / "role.md").write_text("---\nname: x\n---\n")
    assert kind_of(tmp_path) is Kind.UNKNOWN


@pytest.mark.parametrize(
    "flood",
    ["a", "`a` ", "*a* ", "x y\n", "```\n", "val_bpb is lower. ", "- a\n", "1 minute ", "a: b\n", "run 1 min max "],
)
def test_a_flood_ends(tmp_path: Path, flood: str) -> None:
    text = (flood * MOST_CHARACTERS)[: MOST_CHARACTERS - 10]
    read_bare(put(tmp_path, {**TEMPLATE, "program.md": text}))
    with pytest.raises(BareError, match="a program is words"):
        read_bare(put(tmp_path, {**TEMPLATE, "program.md": text + "more than enough"}))


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(st.lists(WORDS, min_size=1, max_size=60))
def test_any_words_are_facts_or_questions(tmp_path: Path, words: list[str]) -> None:
    put(tmp_path, {**TEMPLATE, "README.md": "", "program.md": f"a {' '.join(words)}"})
    found = read_bare(tmp_path).findings
    facts, asked = {one.topic for one in found.facts}, {one.topic for one in found.questions}
    assert not facts & asked
    for topic in NEEDED:
        assert topic in facts | asked
    assert Topic.PRINTED in facts | asked or Topic.METRIC in asked
    assert all(fact.evidence for fact in found.facts)


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(st.binary(max_size=400), st.binary(max_size=400), st.binary(max_size=400))
def test_any_bytes_are_answered(tmp_path: Path, program: bytes, code: bytes, log: bytes) -> None:
    put(tmp_path, TEMPLATE)
    (tmp_path / "train.py").write_bytes(code)
    (tmp_path / "results.tsv").write_bytes(log)
    draft(read_bare(tmp_path), "../lab")
    (tmp_path / "program.md").write_bytes(b"a " + program)
    try:
        text = draft(read_bare(tmp_path), "../lab")["program.md"]
    except BareError:
        return
    assert text.split("\n---\n")[0].count("\n---") == 0
