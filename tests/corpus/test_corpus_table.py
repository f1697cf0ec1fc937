"""The corpus: role files of every dialect, with every fault of the wild, each read exactly as the table states."""

from __future__ import annotations

import tomllib

import pytest
from corpus_readings import CORPUS, FILES, TABLE, names, read, reading

from orgruntime.diagnostics.codes import CODES

EXPECTED = tomllib.loads(TABLE.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", names())
def test_a_file_is_read_as_the_table_says(name: str) -> None:
    assert reading((FILES / name).read_bytes(), name) == EXPECTED[name]


def test_the_table_and_the_folder_are_the_same_set() -> None:
    assert sorted(EXPECTED) == names()
    assert len(names()) >= 60


def test_every_dialect_is_there() -> None:
    folders = {name.split("/")[0] for name in names()}
    assert {"claude", "copilot", "opencode", "gemini", "deepagents", "paperclip", "skills"} <= folders


def test_every_rule_of_reading_role_files_is_met() -> None:
    met = {line.split()[0] for entry in EXPECTED.values() for line in entry["found"]}
    about_programs = {
        "ORG101",
        "ORG102",
        "ORG107",
        "ORG115",
        "ORG116",
        "ORG120",
        "ORG121",
        "ORG123",
        "ORG124",
        "ORG125",
    }
    assert {code for code in CODES if code < "ORG131"} - about_programs - {"ORG129"} <= met


def test_git_leaves_the_bytes_of_the_corpus_alone() -> None:
    attributes = (CORPUS / "files" / ".gitattributes").read_text(encoding="utf-8")
    assert "* -text" in attributes
    assert (FILES / "bytes" / "windows.md").read_bytes().count(b"\r\n") > 5
    assert (FILES / "bytes" / "mark.md").read_bytes().startswith(b"\xef\xbb\xbf")


@pytest.mark.parametrize("name", [name for name in names() if name.startswith("bytes/windows")])
def test_places_do_not_depend_on_marks_and_line_ends(name: str) -> None:
    data = (FILES / name).read_bytes()
    plain = data.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n")
    _, odd = read(data, name)
    _, even = read(plain, name)
    about_bytes = ("ORG104", "ORG105")
    assert [(one.code, one.span) for one in odd if one.code not in about_bytes] == [
        (one.code, one.span) for one in even
    ]
