"""What other programs read: SARIF as its schema has it, workflow commands that no text of a file can break out of."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from orgruntime.diagnostics.baseline import Fingerprints
from orgruntime.diagnostics.codes import FOREIGN_KEY, UNKNOWN_KEY, UNUSED_ROLE_FILE
from orgruntime.diagnostics.diagnostic import Code, Diagnostic
from orgruntime.diagnostics.exchange import github, sarif
from orgruntime.diagnostics.span import Span

PRINTS = Fingerprints({}, str)


def diagnostic(code: Code, span: Span, message: str = "a fault", help: str = "") -> Diagnostic:
    return Diagnostic(code.id, code.name, code.severity, span, message, help)


def log_of(*found: Diagnostic) -> dict:
    return sarif(found, PRINTS, lambda code: f"# page of {code}", "1.2.3")


def test_sarif_has_one_rule_a_code_and_one_result_a_finding() -> None:
    log = log_of(
        diagnostic(UNKNOWN_KEY, Span("b.md", 2, 3, 2, 8), "unknown", "did you mean `metric`?"),
        diagnostic(FOREIGN_KEY, Span("a.md")),
        diagnostic(UNKNOWN_KEY, Span("a.md", 1, 1, 4, 2)),
    )
    (run,) = log["runs"]
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["ORG113", "ORG114"]
    assert run["tool"]["driver"]["rules"][0]["help"]["markdown"] == "# page of ORG113"
    assert [one["ruleId"] for one in run["results"]] == ["ORG114", "ORG113", "ORG113"]
    assert [one["level"] for one in run["results"]] == ["note", "error", "error"]
    for one in run["results"]:
        assert run["tool"]["driver"]["rules"][one["ruleIndex"]]["id"] == one["ruleId"]
    last = run["results"][-1]
    assert last["message"]["text"] == "unknown; help: did you mean `metric`?"
    place = last["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "b.md"
    assert place["region"] == {"startLine": 2, "startColumn": 3, "endLine": 2, "endColumn": 8}


def test_a_path_is_a_reference_that_cannot_be_taken_for_another() -> None:
    names = ["my lab/program.md", "c:x.md", "50%.md", "über/rôle.md", "/opt/lab/program.md", "../lab/program.md"]
    found = [diagnostic(UNKNOWN_KEY, Span(name)) for name in names]
    uris = {
        one["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        for one in log_of(*found)["runs"][0]["results"]
    }
    assert uris == {
        "my%20lab/program.md", "c%3Ax.md", "50%25.md", "%C3%BCber/r%C3%B4le.md", "file:///opt/lab/program.md",
        "../lab/program.md",
    }  # fmt: skip


def test_an_annotation_stands_at_its_place() -> None:
    said = github([diagnostic(UNKNOWN_KEY, Span("a b.md", 2, 3, 2, 8), "unknown key `x`", "write `y`")])
    assert said == (
        "::error file=a b.md,line=2,col=3,endLine=2,endColumn=8,title=ORG113 unknown-key"
        "::unknown key `x`%0Ahelp: write `y`\n"
    )
    assert github([diagnostic(UNUSED_ROLE_FILE, Span("a.md"))]).startswith("::notice file=a.md,line=1,")


def test_more_than_one_line_has_no_last_column() -> None:
    assert "endColumn" not in github([diagnostic(UNKNOWN_KEY, Span("a.md", 2, 3, 5, 1))])


@given(st.text(), st.text(), st.text(min_size=1))
def test_no_text_breaks_out_of_a_command(message: str, help: str, file: str) -> None:
    said = github([diagnostic(UNKNOWN_KEY, Span(file, 1, 1, 1, 2), message, help)])
    assert said.count("\n") == 1
    assert said.endswith("\n")
    assert "\r" not in said
    whole = re.fullmatch(r"::(\w+) (.*?)::(.*)\n", said, re.DOTALL)
    assert whole is not None
    command, fields, data = whole.groups()
    assert command == "error"
    assert [field.split("=")[0] for field in fields.split(",")] == [
        "file", "line", "col", "endLine", "endColumn", "title",
    ]  # fmt: skip
    assert re.sub("%(25|0D|0A)", "", data).count("%") == 0


def test_a_command_in_a_message_stays_words() -> None:
    hostile = "x\n::error::owned\r\n::set-output name=a::b"
    said = github([diagnostic(UNKNOWN_KEY, Span("a,b:c\n::error::d.md"), hostile, hostile)])
    assert len(said.splitlines()) == 1
    assert "file=a%2Cb%3Ac %3A%3Aerror%3A%3Ad.md," in said
