"""A fork runs nothing until somebody here has accepted it, and nothing more than that afterwards."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orgruntime.api.errors import UserError
from orgruntime.api.forking import fork_org
from orgruntime.api.running import RunOptions, compiled
from orgruntime.api.templates import write_template
from orgruntime.api.trusting import STORE, accept, question_of, refuse_untrusted
from orgruntime.cli.main import main as orgrun


@pytest.fixture
def fork(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(STORE, str(tmp_path / "trust.json"))
    write_template(tmp_path / "theirs", "solo")
    fork_org(str(tmp_path / "theirs"), tmp_path / "mine", "Mine")
    return tmp_path / "mine"


def called(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        orgrun(list(words), prog_name="orgrun")
    out, err = capsys.readouterr()
    return int(ended.value.code or 0), out, err


def change(org: Path, old: str, new: str) -> None:
    program = org / "program.md"
    text = program.read_text()
    assert old in text
    program.write_text(text.replace(old, new, 1))


def test_a_fork_is_refused_with_the_remedy_until_it_is_accepted(
    fork: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    code, _, err = called(capsys, "run", str(fork), "--runs", str(tmp_path / "runs"))
    assert code == 1
    assert f"{fork} is a fork of ../theirs, and a fork runs nothing yet" in err
    assert f"`orgrun trust {fork}`" in err
    assert not (tmp_path / "runs").exists()
    code, out, _ = called(capsys, "trust", str(fork))
    assert code == 1, "nobody is there to be asked"
    assert "forked from ../theirs" in out
    assert "python measure.py" in out.partition("runs")[2].splitlines()[0]
    assert out.partition("edits")[2].splitlines()[0].strip() == "model.py"
    assert called(capsys, "trust", str(fork), "--yes")[0] == 0
    assert (tmp_path / "trust.json").stat().st_mode & 0o777 == 0o600
    assert called(capsys, "trust", str(fork))[0] == 0
    compiled(fork, RunOptions(budget={"trials": "9999"}))


def test_words_and_less_run_and_more_does_not(fork: Path, capsys: pytest.CaptureFixture[str]) -> None:
    called(capsys, "trust", str(fork), "--yes")
    role = next((fork / "roles").glob("*.md"))
    role.write_text(role.read_text() + "\nBe bold.\n")
    change(fork, "trials: 120", "trials: 60")
    refuse_untrusted(fork)
    change(fork, "editable: [model.py]", "editable: [model.py, measure.py]")
    with pytest.raises(UserError, match=r"may do more than was accepted: .*measure\.py"):
        refuse_untrusted(fork)
    code, out, _ = called(capsys, "trust", str(fork), "--json")
    assert code == 1
    assert [one["effect"] for one in json.loads(out)["wider"]]
    assert called(capsys, "trust", str(fork), "--yes")[0] == 0
    refuse_untrusted(fork)


def test_another_command_is_new_authority(fork: Path, capsys: pytest.CaptureFixture[str]) -> None:
    called(capsys, "trust", str(fork), "--yes")
    change(fork, "run: python measure.py", "run: python model.py")
    with pytest.raises(UserError, match="may do more than was accepted"):
        compiled(fork, RunOptions())


def test_an_org_cannot_vouch_for_itself(fork: Path) -> None:
    """Whatever it brings along, the record lies elsewhere, under the place of this very folder."""
    question = question_of(fork)
    assert question is not None
    accept(fork, question)
    copy = fork.parent / "copy"
    fork.rename(copy)
    with pytest.raises(UserError, match="runs nothing yet"):
        refuse_untrusted(copy)


def test_ones_own_org_needs_no_word(fork: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = fork.parent / "theirs"
    refuse_untrusted(own)
    code, _, err = called(capsys, "trust", str(own))
    assert code != 0
    assert "is no fork" in err
    code, _, err = called(capsys, "trust", str(fork.parent / "nowhere"))
    assert code != 0
    assert "is no fork" not in err
    assert "nowhere" in err


@pytest.mark.parametrize("damage", ["lock", "store"])
def test_what_cannot_be_read_is_no_yes(fork: Path, damage: str) -> None:
    question = question_of(fork)
    assert question is not None
    store = accept(fork, question)
    (fork / "org.lock.json" if damage == "lock" else store).write_text("{}x")
    with pytest.raises(UserError, match="lock of this release|cannot be read"):
        refuse_untrusted(fork)
