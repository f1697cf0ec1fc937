"""Tools at a desk, as a model uses them: what they say, and what they say when used wrongly."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from desk_cases import FILES, Desk

from orgruntime.backends import desk_search, desk_tools
from orgruntime.backends.desk_shell import Abandoned
from orgruntime.model.dialogue import ToolUse
from orgruntime.runtime.toolspecs import LOCAL_TOOLS


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.close()


class TestRead:
    def test_lines_come_with_their_numbers(self, desk: Desk) -> None:
        assert desk.says("Read", file_path="train.py").splitlines() == [
            "     1\tRATE = 0.1", "     2\tSTEPS = 10", "     3\tprint(RATE * STEPS)",
        ]  # fmt: skip
        assert desk.says("Read", file_path="/workspace/src/model.py", limit="1") == "     1\tWIDTH = 16"
        assert desk.says("Read", path="eval.py") == "     1\tFROZEN"

    def test_a_page_says_how_to_go_on(self, desk: Desk) -> None:
        said = desk.says("Read", file_path="train.py", offset=2, limit=1)
        assert said.splitlines() == ["     2\tSTEPS = 10", "[the file goes on; read on with offset 3]"]
        assert desk.says("Read", file_path="train.py", offset=9) == "[train.py has 3 lines; none is at 9 or after]"

    @pytest.mark.parametrize(
        ("path", "words"),
        [
            ("model.py", "model.py does not exist; there is src/model.py"), ("nothing", "find files with Glob"),
            ("src", "src is a folder; list it with Glob"), ("", "the workspace is a folder"),
            ("../../etc/passwd", "leads outside"), ("/etc/passwd", "outside of the workspace"), ("a\0b", "control"),
        ],
    )  # fmt: skip
    def test_what_cannot_be_read_is_said(self, desk: Desk, path: str, words: str) -> None:
        assert words in desk.fails("Read", file_path=path)

    def test_long_files_and_lines_are_bounded(self, tmp_path: Path) -> None:
        files = {"big.txt": "word\n" * 500_000, "wide.txt": "x" * 3_000_000 + "\nend\n", "blob": b"a\0b", "none": ""}
        desk = Desk(tmp_path, files=files, result_chars=5000)
        said = desk.says("Read", file_path="big.txt")
        assert len(said) <= 5000
        number = int(re.search(r"offset (\d+)\]$", said)[1])
        assert desk.says("Read", file_path="big.txt", offset=number).startswith(f"{number:6}\tword")
        wide = desk.says("Read", file_path="wide.txt").splitlines()
        assert [len(line) for line in wide] == [7 + desk_tools.LONGEST_LINE, 10]
        assert wide[1] == "     2\tend"
        assert desk.fails("Read", file_path="blob") == "blob is no text file (3 bytes)"
        assert desk.says("Read", file_path="none") == "[none is empty]"

    def test_what_readers_do_not_see_is_left_out(self, tmp_path: Path) -> None:
        desk = Desk(tmp_path, files={"a": "\x1b[31mred\x1b[0m\u200b\u202eta\ufeff\tb\r\n\U000e0041\U000e0042hidden\n"})
        assert desk.says("Read", file_path="a") == "     1\tredta\tb\n     2\thidden"


class TestGlobAndGrep:
    def test_glob_lists_paths(self, desk: Desk) -> None:
        assert desk.says("Glob", pattern="**/*.py").split() == ["eval.py", "src/judge.py", "src/model.py", "train.py"]
        assert desk.says("Glob", pattern="*.py", path="src").split() == ["src/judge.py", "src/model.py"]
        assert desk.says("Glob", pattern="/workspace/*.py").split() == ["eval.py", "train.py"]
        assert desk.says("Glob", pattern="*.rs") == "[no file matches]"
        assert "too long" in desk.fails("Glob", pattern="x" * 5000)

    def test_glob_is_bounded(self, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(desk_tools, "MOST_PATHS", 2)
        lines = desk.says("Glob", pattern="**").splitlines()
        assert lines == [".gitignore", "data/names.txt", "[6 files match; only the first 2 are shown]"]

    def test_grep_lists_files_lines_and_counts(self, desk: Desk) -> None:
        desk.worktree.write("train.py", "rate = 1\n\nRATE\nx\ny\nRATE\n")
        assert desk.says("Grep", pattern="RATE|WIDTH").split() == ["src/model.py", "train.py"]
        assert desk.says("Grep", pattern="rate", output_mode="content", **{"-i": True}).splitlines() == [
            "train.py:1:rate = 1", "train.py:3:RATE", "train.py:6:RATE",
        ]  # fmt: skip
        around = desk.says("Grep", pattern="RATE", output_mode="content", **{"-B": 1, "-A": 1}).splitlines()
        assert around == [
            "train.py-2-", "train.py:3:RATE", "train.py-4-x", "train.py-5-y", "train.py:6:RATE",
        ]  # fmt: skip
        assert desk.says("Grep", pattern="RATE", output_mode="count") == "train.py:2"
        assert desk.says("Grep", pattern="RATE", path="src") == "[no match in 2 files]"
        bare = desk.says("Grep", pattern="RATE", path="train.py", output_mode="content", **{"-n": False})
        assert bare.splitlines() == ["train.py:RATE", "train.py:RATE"]
        assert desk.says("Grep", pattern="a", glob="*.txt").split() == ["data/names.txt"]
        assert desk.says("Grep", pattern="FROZEN", glob="src/*").split() == ["src/judge.py"]

    @pytest.mark.parametrize(
        ("given", "words"),
        [
            ({"pattern": "("}, "no regular expression: missing )"), ({"pattern": "(" * 5000}, "no regular expression"),
            ({"pattern": "a{99999999999}"}, "no regular expression"), ({}, "`pattern` is missing; given was nothing"),
            ({"pattern": "a", "output_mode": "all"}, "`output_mode` must be"),
            ({"pattern": "a", "path": "nowhere"}, "does not exist"), ({"pattern": "a", "path": "/etc"}, "outside"),
            ({"pattern": ["a"]}, "`pattern` must be a text, and is ['a']"),
        ],
    )  # fmt: skip
    def test_wrong_searches_are_told(self, desk: Desk, given: dict[str, Any], words: str) -> None:
        assert words in desk.fails("Grep", **given)

    def test_a_catastrophic_pattern_is_ended(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(desk_search, "CPU_S", 1)
        desk = Desk(tmp_path, files={"a": "a" * 50 + "!\n"})
        assert "took more than 1 s and was ended" in desk.fails("Grep", pattern="(a+)+$")
        assert desk.says("Grep", pattern="a+!$") == "a"

    def test_an_abandoned_search_ends(self, tmp_path: Path) -> None:
        desk = Desk(tmp_path, files={"a": "a" * 50 + "!\n"})
        desk.stopped.set()
        with pytest.raises(Abandoned):
            desk.use("Grep", pattern="(a+)+$")

    def test_a_flood_of_matches_is_bounded(self, tmp_path: Path) -> None:
        files = {"a": "match\n" * 200_000, "wide": "match" * 200_000, "blob": b"match\0"}
        desk = Desk(tmp_path, files=files, result_chars=5000)
        said = desk.says("Grep", pattern="match", output_mode="content")
        assert len(said) <= 5000
        assert re.search(r"\[there is more; only the first \d+ lines are shown\]$", said)
        assert len(desk.says("Grep", pattern="match", path="wide", output_mode="content")) < 2100
        assert "no text" in desk.says("Grep", pattern="match", path="blob")
        assert len(desk.says("Grep", pattern="match", output_mode="content", head_limit=7).splitlines()) == 8


class TestEditAndWrite:
    def test_an_edit_changes_one_place(self, desk: Desk) -> None:
        ran = desk.use("Edit", file_path="train.py", old_string="STEPS = 10", new_string="STEPS = 20")
        assert ran.result.text == "[train.py changed at line 2]"
        assert ran.changes == {"train.py": FILES["train.py"].replace("10", "20")}
        assert desk.tools.files() == ran.changes

    def test_an_edit_must_be_unique_or_of_all(self, desk: Desk) -> None:
        said = desk.fails("Edit", file_path="train.py", old_string="RATE", new_string="r")
        assert said.startswith("`old_string` is 2 times in train.py, at lines 1, 3;")
        assert "replaced 2 times" in desk.says(
            "Edit", file_path="train.py", old_string="RATE", new_string="r", replace_all=True
        )
        assert desk.tools.files()["train.py"] == "r = 0.1\nSTEPS = 10\nprint(r * STEPS)\n"

    @pytest.mark.parametrize(
        ("given", "words"),
        [
            ({"old_string": "nothing"}, "is not in train.py as given; read the file again"),
            ({"old_string": "     2\tSTEPS = 10"}, "leave out the line numbers of Read"),
            ({"old_string": "  STEPS = 10\nx"}, "its first line is at line 2, with other white space"),
            ({"old_string": "x", "new_string": "x"}, "are the same"), ({"old_string": ""}, "use Write"),
            ({"old_string": "STEPS", "replace_all": "maybe"}, "`replace_all` must be true or false, and is 'maybe'"),
            ({"old_string": "STEPS", "file_path": "eval.py"}, "not in eval.py"),
            ({"old_string": "FROZEN", "file_path": "eval.py"}, "eval.py is frozen"),
            ({"old_string": "x", "file_path": "none.py"}, "none.py does not exist"),
            ({"old_string": "x", "file_path": "src"}, "src is a folder"),
            ({"old_string": "x", "file_path": "/etc/passwd"}, "outside of the workspace"),
            ({"old_string": 5}, "`old_string` must be a text, and is 5"), ({"old_string": "\ud800"}, "no Unicode"),
        ],
    )  # fmt: skip
    def test_wrong_edits_are_told(self, desk: Desk, given: dict[str, Any], words: str) -> None:
        assert words in desk.fails("Edit", **{"file_path": "train.py", "new_string": "new", **given})
        assert desk.tools.files() == {}

    def test_lines_of_windows_are_edited_as_they_are_shown(self, tmp_path: Path) -> None:
        desk = Desk(tmp_path, files={"train.py": "a\r\nb\r\nc\r\n", "mixed.py": "a\u200bb\n"}, editable=("*",))
        desk.says("Edit", file_path="train.py", old_string="a\nb", new_string="x\ny\nz")
        assert desk.tools.files()["train.py"] == "x\r\ny\r\nz\r\nc\r\n"
        said = desk.fails("Edit", file_path="mixed.py", old_string="ab", new_string="c")
        assert "characters in between that are not shown" in said

    def test_an_edit_cannot_blow_up(self, tmp_path: Path) -> None:
        desk = Desk(tmp_path, files={"train.py": "a" * 100_000}, written_bytes=1_000_000)
        said = desk.fails("Edit", file_path="train.py", old_string="a", new_string="b" * 100_000, replace_all=True)
        assert "too large" in said

    def test_a_write_makes_or_replaces_a_file(self, desk: Desk) -> None:
        assert desk.says("Write", file_path="src/new_x.py", content="a\nb") == "[src/new_x.py written: 2 lines]"
        assert desk.use("Write", file_path="train.py", content="").changes == {"train.py": ""}
        assert desk.tools.files() == {"src/new_x.py": "a\nb", "train.py": ""}

    @pytest.mark.parametrize(
        "path",
        ["eval.py", "other.py", "src/../eval.py", ".git/hooks/x", "../x", "/etc/x", "src", "train.py/x", "a" * 300],
    )
    def test_a_write_outside_of_what_is_editable_fails(self, desk: Desk, path: str) -> None:
        desk.fails("Write", file_path=path, content="x")
        assert desk.tools.files() == {}

    def test_a_hundred_megabytes_are_refused(self, desk: Desk) -> None:
        said = desk.fails("Write", file_path="train.py", content="x" * 100_000_000)
        assert "may hold 4000000 bytes, and would hold 100000000" in said


@pytest.mark.parametrize(
    ("name", "given", "words"),
    [
        ("RunTrial", {}, "no tool called 'RunTrial' runs at a desk"), ("x" * 500, {}, "…"),
        ("Read", {"malformed": "train.py"}, "the input was no JSON object"),
        ("Read", {"file_path": "train.py", "limit": 0}, "`limit` must be a whole number from 1, and is 0"),
        ("Read", {"file_path": "train.py", "limit": 1e999}, "`limit` must be"),
        ("Read", {"file_path": "train.py", "offset": "x"}, "`offset` must be"),
        ("Bash", {"command": "ls", "run_in_background": True}, "nothing runs in the background"),
    ],
)  # fmt: skip
def test_uses_that_no_tool_takes_are_malformed(desk: Desk, name: str, given: dict[str, Any], words: str) -> None:
    ran = desk.tools.use(ToolUse(id="7", name=name, input=given))
    assert words in ran.result.text
    assert (ran.malformed, ran.result.is_error, ran.result.id) == (True, True, "7")


def test_a_fault_of_the_world_is_not_malformed(desk: Desk) -> None:
    assert not desk.use("Read", file_path="nothing").malformed


@pytest.mark.parametrize("spec", LOCAL_TOOLS.values(), ids=lambda spec: spec.name)
def test_what_models_are_told_is_a_schema(spec: Any) -> None:
    jsonschema.Draft202012Validator.check_schema(spec.input_schema)
    assert set(spec.input_schema["required"]) <= spec.input_schema["properties"].keys()
    assert re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", spec.name)
    assert 60 < len(spec.description) < 1000
    assert all(field["description"] for field in spec.input_schema["properties"].values())
