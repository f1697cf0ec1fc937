"""`orgrun simulate`: an appetite and a budget in a made-up world."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli_cases import assert_one_sentence, orgrun

FEW = ("--runs", 4, "--budget", "trials=60", "--slots", 4)


def test_a_table_of_the_org_and_of_the_control(org: Path) -> None:
    said = orgrun("simulate", org, *FEW)
    assert said.code == 0, said.err
    assert "in the typical world, gaussian noise: 4 runs, 4 trials at once, seed 0" in said.out
    for row in (
        "champions",
        "runs with a false one",
        "true gain",
        "verifying",
        "long shots",
        "devices busy",
        "ended: ",
    ):
        assert row in said.out
    assert "keep what scores best" in said.out


def test_json_of_equal_words_is_equal(org: Path) -> None:
    words = ("simulate", org, *FEW, "--world", "dense", "--noise", "two-point", "--seed", 7, "--json")
    one, again = orgrun(*words), orgrun(*words)
    assert one.code == 0, one.err
    assert one.out == again.out
    told = json.loads(one.out)
    assert told["world"] == "dense"
    assert set(told["figures"]["champions"]) == {"mean", "low", "high"}
    assert told["greedy"]["champions"]["mean"] > told["figures"]["champions"]["mean"]
    assert len(told["runs"]) == 4
    assert all(run["trials"] <= 60 for run in told["runs"])


@pytest.mark.parametrize(("name", "start"), [("picture.png", b"\x89PNG"), ("picture.svg", b"<?xml")])
def test_a_picture(org: Path, tmp_path: Path, name: str, start: bytes) -> None:
    out = tmp_path / name
    said = orgrun("simulate", org, *FEW, "--out", out)
    assert said.code == 0, said.err
    assert str(out) in said.err
    assert out.read_bytes().startswith(start)


@pytest.mark.parametrize(
    ("words", "needed"),
    [
        (("--out", "picture.gif"), (".png or .svg",)),
        (("--gpus", 4), ("holds no GPU", "--slots")),
        (("--slots", 2, "--gpus", 4), ("give one of them",)),
        (("--budget", "trial=4"), ("--budget trial=4", "trials")),
        (("--world", "hard"), ("null", "typical")),
    ],
)
def test_wrong_words_are_refused_in_one_sentence(org: Path, words: tuple[object, ...], needed: tuple[str, ...]) -> None:
    assert_one_sentence(orgrun("simulate", org, *words), 2, *needed)


def test_a_picture_that_cannot_be_written_is_told(org: Path, tmp_path: Path) -> None:
    said = orgrun("simulate", org, *FEW, "--out", tmp_path / "gone" / "picture.svg")
    assert_one_sentence(said, 2, "cannot be written")


def test_an_org_with_faults_is_told_them(org: Path) -> None:
    (org / "program.md").write_text("---\nformat: orgruntime/1\n---\n")
    said = orgrun("simulate", org)
    assert said.code == 1
    assert "ORG" in said.err
