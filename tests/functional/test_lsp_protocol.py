"""`orgrun lsp` as an editor meets it: a process, frames, and the shipped orgs."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from cli_cases import orgrun
from lsp_client import Editor, place

ROOT = Path(__file__).parents[2]
ANSWER_S = 0.1
"""A keystroke on a shipped org is answered within this time; the test allows ten times as much."""


def covered(text: str, where: dict[str, Any]) -> str:
    """What a range of one line holds."""
    line = text.split("\n")[where["start"]["line"]].encode("utf-16-le")
    assert where["start"]["line"] == where["end"]["line"]
    return line[2 * where["start"]["character"] : 2 * where["end"]["character"]].decode("utf-16-le")


def test_what_the_server_says_it_can(home: Path) -> None:
    editor = Editor(fresh=True)
    answer = editor.start(home, capabilities={"textDocument": {"rename": {"prepareSupport": True}}})

    able = answer["capabilities"]
    assert answer["serverInfo"]["name"] == "orgrun"
    assert able["positionEncoding"] == "utf-16"
    assert able["textDocumentSync"]["openClose"] is True
    for name in ("hover", "definition", "references", "documentSymbol"):
        assert able[f"{name}Provider"] is True
    assert able["renameProvider"] == {"prepareProvider": True}
    assert "[" in able["completionProvider"]["triggerCharacters"]
    assert editor.leave() == 0
    assert editor.said == b""


@pytest.mark.parametrize("name", sorted(path.parent.name for path in ROOT.glob("orgs/*/program.md")))
def test_findings_are_those_of_check(editor: Editor, home: Path, name: str) -> None:
    path = home / "orgs" / name / "program.md"
    # Which keys this machine holds is no fault of the text.
    checked = json.loads(orgrun("check", path.parent, "--json", "--severity", "ORG504=off").out)["diagnostics"]

    found = editor.findings(editor.open(path))

    assert [(one["code"], one["range"]["start"]["line"] + 1) for one in found] == [
        (one["code"], one["line"]) for one in checked if one["file"] == path.as_posix()
    ]


def test_a_fault_comes_and_goes_with_the_typing(editor: Editor, program: Path) -> None:
    text = program.read_text(encoding="utf-8")
    uri = editor.open(program)
    assert editor.findings(uri, 1) == []

    broken = text.replace("when promising", "when 🧪promisng")
    editor.change(uri, broken, 2)
    found = editor.findings(uri, 2)

    assert [one["code"] for one in found] == ["ORG304"]
    assert covered(broken, found[0]["range"]) == "🧪promisng"
    assert found[0]["severity"] == 1
    assert found[0]["source"] == "orgrun"
    assert "ORG304" in found[0]["codeDescription"]["href"]
    editor.change(uri, text, 3)
    assert editor.findings(uri, 3) == []


@pytest.mark.parametrize("client", [["utf-8", "utf-16"], ["utf-32"], ["utf-16"], ["utf-7"]])
def test_positions_are_in_the_units_that_were_agreed(home: Path, program: Path, client: list[str]) -> None:
    editor = Editor()
    answer = editor.start(home, capabilities={"general": {"positionEncodings": client}})
    text = program.read_text(encoding="utf-8").replace("when promising", "when\t🧪é, at most 3 times")
    uri = editor.open(program, text)

    units = client[0] if client[0] != "utf-7" else "utf-16"
    assert answer["capabilities"]["positionEncoding"] == units
    line = next(line for line in text.split("\n") if "🧪" in line)
    column = line.index("🧪")
    size = {
        "utf-8": lambda part: len(part.encode()),
        "utf-16": lambda part: len(part.encode("utf-16-le")) // 2,
        "utf-32": len,
    }
    where = editor.findings(uri)[0]["range"]
    assert where["start"]["character"] == size[units](line[:column])
    assert where["end"]["character"] == size[units](line[: line.index(", at most")])
    editor.kill()


def test_a_role_that_is_open_counts_before_it_is_saved(editor: Editor, program: Path) -> None:
    role = program.parent / "roles" / "researcher.md"
    uri, role_uri = editor.open(program), editor.open(role, "---\nname: R\norg: {kind: agnt}\n---\nWords.\n")

    found = editor.findings(role_uri, 1)

    assert [one["code"] for one in found] == ["ORG117"]
    assert "agent" in found[0]["message"]
    editor.tell("textDocument/didClose", {"textDocument": {"uri": role_uri}})
    editor.until(lambda: editor.diagnostics.get(role_uri, {}).get("diagnostics") == [])
    assert editor.findings(uri) == []


def test_a_shared_role_is_checked_in_every_org_that_reads_it(editor: Editor, home: Path, program: Path) -> None:
    uri = editor.open(program)
    editor.findings(uri)
    trainer = editor.open(home / "roles" / "trainer.md", "---\nname: T\norg: {kind: experment}\n---\nWords.\n", 7)

    editor.until(lambda: bool(editor.diagnostics.get(trainer, {}).get("diagnostics")))
    found = editor.findings(trainer)

    assert [one["code"] for one in found] == ["ORG117"]


def test_files_that_others_write_are_seen(home: Path, program: Path) -> None:
    editor = Editor()
    editor.start(home, capabilities={"workspace": {"didChangeWatchedFiles": {"dynamicRegistration": True}}})
    text = program.read_text(encoding="utf-8").replace("(roles/researcher.md)", "(roles/scout.md)")
    uri = editor.open(program, text)
    assert {one["code"] for one in editor.findings(uri)} == {"ORG204"}
    registered = [one for one in editor.requests if one["method"] == "client/registerCapability"]
    assert registered[0]["params"]["registrations"][0]["method"] == "workspace/didChangeWatchedFiles"

    new = program.parent / "roles" / "scout.md"
    new.write_text("---\nname: Scout\n---\nWords.\n", encoding="utf-8")
    editor.tell("workspace/didChangeWatchedFiles", {"changes": [{"uri": new.as_uri(), "type": 1}]})

    # The role is there; what is left is that the diagram still draws the old one.
    assert {one["code"] for one in editor.findings(uri)} == {"ORG218"}
    editor.kill()


def test_settings_are_those_of_check(home: Path, program: Path) -> None:
    editor = Editor()
    editor.start(home, capabilities={"workspace": {"didChangeWatchedFiles": {"dynamicRegistration": True}}})
    text = program.read_text(encoding="utf-8").replace("when promising", "when promisng")
    uri = editor.open(program, text)
    assert [(one["code"], one["severity"]) for one in editor.findings(uri)] == [("ORG304", 1)]
    settings = program.parent / ".orgrun.toml"
    changed = {"changes": [{"uri": settings.as_uri(), "type": 1}]}

    settings.write_text('[check.severity]\nORG304 = "warning"\n', encoding="utf-8")
    editor.tell("workspace/didChangeWatchedFiles", changed)
    assert [(one["code"], one["severity"]) for one in editor.findings(uri)] == [("ORG304", 2)]
    settings.write_text("[check.severity]\nORG3040 = 1\n", encoding="utf-8")
    editor.tell("workspace/didChangeWatchedFiles", changed)
    assert [(one["code"], one["severity"]) for one in editor.findings(uri)] == [("ORG304", 1)]

    said = [one["params"]["message"] for one in editor.requests if one["method"] == "window/showMessage"]
    assert len(said) == 1
    assert "ORG3040" in said[0]
    editor.kill()


def test_definitions(editor: Editor, home: Path, program: Path) -> None:
    text = program.read_text(encoding="utf-8")
    text += "\n## Payloads\n\n| payload | field |\n|---|---|\n| survey | done |\n"
    text = text.replace(
        "5. [Scribe]", "5. [Scribe](../../roles/scribe.md) → [Researcher](roles/researcher.md): `survey`\n6. [Scribe]"
    )
    uri = editor.open(program, text)

    assert (
        editor.at("definition", uri, place(text, "| [Researcher]", 5))["uri"]
        == (program.parent / "roles" / "researcher.md").as_uri()
    )
    assert (
        editor.at("definition", uri, place(text, "1. [Researcher]", 45))["uri"]
        == (home / "roles" / "trainer.md").as_uri()
    )
    declared = editor.at("definition", uri, place(text, "`survey`", 3))
    assert (declared["uri"], covered(text, declared["range"])) == (uri, "survey")
    assert editor.at("definition", uri, place(text, "`result`", 3)) is None
    assert editor.at("definition", uri, place(text, "Balanced, with")) is None


def test_hints_of_a_role_lead_to_what_they_name(editor: Editor, home: Path, program: Path) -> None:
    text = program.read_text(encoding="utf-8") + "\n## Payloads\n\n| payload | field |\n|---|---|\n| survey | done |\n"
    editor.open(program, text)
    role = "---\norg:\n  hands_off_to: [trainer, nobody]\n  produces: survey\n---\nWords.\n"
    uri = editor.open(program.parent / "roles" / "researcher.md", role)

    assert editor.at("definition", uri, (2, 18))["uri"] == (home / "roles" / "trainer.md").as_uri()
    assert editor.at("definition", uri, (2, 28)) is None
    assert covered(text, editor.at("definition", uri, (3, 14))["range"]) == "survey"
    assert editor.at("definition", uri, (5, 2)) is None
    offered = editor.at("completion", uri, (3, 12), context={"triggerKind": 1})
    assert "survey" in {one["label"] for one in offered}
    assert "`orgrun import --adopt`" in editor.at("hover", uri, (2, 4))["contents"]["value"]


def test_references(editor: Editor, home: Path, program: Path) -> None:
    text = program.read_text(encoding="utf-8")
    uri = editor.open(program)
    role = program.parent / "roles" / "researcher.md"

    from_link = editor.at("references", uri, place(text, "1. [Researcher]", 5), context={"includeDeclaration": True})
    from_role = editor.at("references", editor.open(role), (9, 0), context={"includeDeclaration": False})

    assert [one["uri"] for one in from_link] == [role.as_uri(), *[uri] * 4]
    assert from_role == from_link[1:]
    assert {covered(text, one["range"]) for one in from_role} == {"[Researcher](roles/researcher.md)"}
    shared = editor.at(
        "references", editor.open(home / "roles" / "trainer.md"), (0, 0), context={"includeDeclaration": False}
    )
    users = [path for path in home.glob("orgs/*/program.md") if "roles/trainer.md" in path.read_text(encoding="utf-8")]
    assert {one["uri"] for one in shared} == {path.as_uri() for path in users} > {uri}
    carried = editor.at("references", uri, place(text, "`result`", 3), context={"includeDeclaration": True})
    assert [covered(text, one["range"]) for one in carried] == ["result"] * 3


def test_completion_over_the_protocol(editor: Editor, program: Path) -> None:
    text = program.read_text(encoding="utf-8") + "6. [Tr"
    uri = editor.open(program, text)
    line = text.count("\n")

    items = editor.at("completion", uri, (line, 6), context={"triggerKind": 1})

    trainer = next(one for one in items if one["label"] == "Trainer")
    assert trainer["textEdit"]["newText"] == "[Trainer](../../roles/trainer.md)"
    assert trainer["textEdit"]["range"] == {
        "start": {"line": line, "character": 3},
        "end": {"line": line, "character": 6},
    }
    keys = editor.at("completion", uri, place(text, "  direction", 2))
    assert {"direction", "target"} <= {one["label"] for one in keys}
    assert all(one["documentation"]["value"] for one in keys)
    role = editor.open(program.parent / "roles" / "researcher.md", "---\norg: {kind: }\n---\nWords.\n")
    assert [one["label"] for one in editor.at("completion", role, (1, 12))] == [
        "agent",
        "experiment",
        "verifier",
        "human",
    ]


def test_hover(editor: Editor, program: Path) -> None:
    text = program.read_text(encoding="utf-8").replace("when promising", "when promisng")
    uri = editor.open(program, text)
    editor.findings(uri)

    def said(words: str, ahead: int = 0) -> str:
        found = editor.at("hover", uri, place(text, words, ahead))
        return str(found["contents"]["value"]) if found else ""

    assert "did you mean `promising`?" in said("promisng", 3)
    assert "## What it does" in said("promisng", 3)
    assert "smaller is better" in said("direction:", 2)
    assert "smaller is better" in said("minimize", 2)
    assert "Improves the surname GPT" in said("1. [Researcher]", 6)
    assert "agent: thinks" in said("1. [Researcher]", 6)
    assert "promising, kept, worse" in said("`result`", 3)
    assert said("Balanced, with") == ""


def test_the_outline(editor: Editor, program: Path) -> None:
    outline = editor.ask("textDocument/documentSymbol", {"textDocument": {"uri": editor.open(program)}})

    names = {one["name"]: [child["name"] for child in one.get("children") or ()] for one in outline}
    assert names["objective"] == ["metric", "direction", "min_effect"]
    assert names["Roles"] == ["Researcher", "Trainer", "Referee", "Scribe"]
    assert names["Workflow"][1] == "Trainer → Referee: result, when promising"
    role = editor.open(program.parent / "roles" / "researcher.md")
    of_role = editor.ask("textDocument/documentSymbol", {"textDocument": {"uri": role}})
    assert {"name", "description", "tools", "What you see", "Rules"} <= {one["name"] for one in of_role}


EDITS = {"workspace": {"workspaceEdit": {"documentChanges": True}}}


@pytest.mark.parametrize(
    ("good", "wrong"),
    [
        ("promising", "promisng"),
        ("direction:", "directoin:"),
        ("minimize", "minimise"),
        ("](roles/researcher.md) | agent", "](roles/reseacher.md) | agent"),
        ("| verifier |", "| verifer |"),
        ("`memo`", "`meemo`"),
        ("search/cmaes", "search/cmae"),
    ],
)
def test_a_quick_fix_writes_the_nearest_word(home: Path, program: Path, good: str, wrong: str) -> None:
    editor = Editor()
    editor.start(home, capabilities=EDITS)
    text = program.read_text(encoding="utf-8")
    assert good in text
    uri = editor.open(program, text.replace(good, wrong, 1), 3)
    fault = next(one for one in editor.findings(uri) if "did you mean" in one["message"])

    params = {"textDocument": {"uri": uri}, "range": fault["range"], "context": {"diagnostics": []}}
    (action,) = editor.ask("textDocument/codeAction", params)

    (change,) = action["edit"]["documentChanges"]
    assert change["textDocument"] == {"uri": uri, "version": 3}
    assert action["diagnostics"] == [fault]
    editor.change(uri, edited(text.replace(good, wrong, 1), change["edits"]), 4)
    assert editor.findings(uri, 4) == []
    editor.kill()


def test_a_quick_fix_does_what_fix_would(home: Path) -> None:
    editor = Editor()
    editor.start(home, capabilities=EDITS)
    text = "---\nname: X\ndescription: a: b\n---\nWords.\n"
    uri = editor.open(home / ".claude" / "agents" / "x.md", text)
    (fault,) = editor.findings(uri)

    params = {"textDocument": {"uri": uri}, "range": fault["range"], "context": {"diagnostics": []}}
    (action,) = editor.ask("textDocument/codeAction", params)

    editor.change(uri, edited(text, action["edit"]["documentChanges"][0]["edits"]), 2)
    assert editor.findings(uri, 2) == []
    editor.kill()


def test_no_quick_fix_where_nothing_is_wrong(home: Path, program: Path) -> None:
    editor = Editor()
    editor.start(home, capabilities=EDITS)
    uri = editor.open(program)
    editor.findings(uri)
    everything = {"start": {"line": 0, "character": 0}, "end": {"line": 99, "character": 0}}

    params = {"textDocument": {"uri": uri}, "range": everything, "context": {"diagnostics": []}}
    assert editor.ask("textDocument/codeAction", params) == []
    editor.kill()


def edited(text: str, edits: list[dict[str, Any]]) -> str:
    """The text after edits of single lines, none of which holds a character beyond the basic plane."""
    lines = text.split("\n")
    for one in reversed(edits):
        at, begin, end = (
            one["range"]["start"]["line"],
            one["range"]["start"]["character"],
            one["range"]["end"]["character"],
        )
        lines[at] = lines[at][:begin] + one["newText"] + lines[at][end:]
    return "\n".join(lines)


RENAMES = {"workspace": {"workspaceEdit": {"documentChanges": True, "resourceOperations": ["rename"]}}}


def test_a_role_is_renamed_everywhere(home: Path, program: Path) -> None:
    editor = Editor()
    editor.start(home, capabilities=RENAMES)
    text = program.read_text(encoding="utf-8")
    uri = editor.open(program)

    edit = editor.at("rename", uri, place(text, "1. [Researcher]", 6), newName="explorer")
    changes, moved = edit["documentChanges"]

    text = edited(text, changes["edits"])
    program.write_text(text, encoding="utf-8")
    Path(moved["oldUri"].removeprefix("file://")).rename(moved["newUri"].removeprefix("file://"))
    assert moved["kind"] == "rename"
    assert orgrun("check", program.parent).code == 0
    assert "roles/researcher.md" not in text
    editor.kill()


@pytest.mark.parametrize(
    ("words", "name", "reason"),
    [
        ("1. [Researcher]", "../outside", "no slug"),
        ("1. [Researcher]", "", "no slug"),
        ("1. [Researcher]", "taken", "is there already"),
        ("| [Trainer]", "other", "shared library"),
        ("Balanced, with", "other", "only a link to a role"),
    ],
)
def test_a_rename_that_cannot_be_done_says_why(home: Path, program: Path, words: str, name: str, reason: str) -> None:
    editor = Editor()
    editor.start(home, capabilities=RENAMES)
    (program.parent / "roles" / "taken.md").write_text("# Taken\n", encoding="utf-8")
    line, character = place(program.read_text(encoding="utf-8"), words, 6)
    params = {
        "textDocument": {"uri": editor.open(program)},
        "position": {"line": line, "character": character},
        "newName": name,
    }

    assert reason in editor.answer("textDocument/rename", params)["error"]["message"]
    editor.kill()


def test_a_role_file_of_no_org(editor: Editor, home: Path) -> None:
    path = home / ".claude" / "agents" / "x.md"
    path.parent.mkdir(parents=True)
    path.write_text("---\nname: X\ndescription: a: b\ntool: Read\n---\nWords.\n", encoding="utf-8")
    checked = json.loads(orgrun("check", path, "--json").out)["diagnostics"]

    uri = editor.open(path)
    found = editor.findings(uri)

    assert checked
    assert [one["code"] for one in found] == [one["code"] for one in checked]
    at = found[0]["range"]["start"]
    assert "## What it does" in editor.at("hover", uri, (at["line"], at["character"]))["contents"]["value"]


@pytest.mark.parametrize("path", ["README.md", "docs/page.md", "notes.txt"])
def test_other_files_are_left_alone(editor: Editor, home: Path, program: Path, path: str) -> None:
    uri = editor.open(home / path, "---\nlayout: post\n---\n# Words\n")
    editor.findings(editor.open(program))

    assert uri not in editor.diagnostics
    assert editor.at("hover", uri, (1, 2)) is None
    assert editor.at("completion", uri, (1, 2)) == []
    assert editor.ask("textDocument/documentSymbol", {"textDocument": {"uri": uri}}) == []


def test_a_key_is_answered_at_once(editor: Editor, program: Path) -> None:
    text = program.read_text(encoding="utf-8")
    uri = editor.open(program)
    editor.findings(uri)
    times = []
    for version in range(2, 12):
        begin = time.monotonic()
        editor.change(uri, text + "x" * version, version)
        editor.findings(uri, version)
        times.append(time.monotonic() - begin)

    assert sorted(times)[len(times) // 2] < 10 * ANSWER_S


def test_a_burst_of_keys_ends_in_the_last_text(editor: Editor, program: Path) -> None:
    text = program.read_text(encoding="utf-8")
    uri = editor.open(program)
    for version in range(2, 202):
        editor.change(uri, text.replace("format: orgruntime/1", f"format: v{version}"), version)
    editor.change(uri, text, 202)

    assert editor.findings(uri, 202) == []
