"""Our own hints and diagrams in an import: `org.hands_off_to`, payloads that roles say, arrows of Mermaid."""

from __future__ import annotations

from pathlib import Path

import foreign_folders
import pytest

from orgruntime.api.adopting import import_foreign
from orgruntime.importer.agents import read_agents
from orgruntime.importer.effective import ForeignReport
from orgruntime.importer.kinds import Kind

LEAD = "---\nname: Lead\norg: {hands_off_to: [programmer, tester], produces: [idea, memo]}\n---\n\nYou lead.\n"
CODER = "---\nname: Coder\norg: {consumes: [idea], was: [programmer]}\n---\n\nYou code.\n"
TESTER = "---\nname: Tester\norg: {consumes: [memo]}\n---\n\nYou test.\n"
ROLES = {"lead.md": LEAD, "coder.md": CODER, "tester.md": TESTER}


def brought(files: dict[str, str], tmp_path: Path) -> ForeignReport:
    foreign_folders.write(tmp_path / "agents", files)
    return import_foreign(tmp_path / "agents", Kind.AGENTS, tmp_path / "org", write=True).report


def program_of(report: ForeignReport) -> str:
    assert report.into is not None
    return (report.into / "program.md").read_text()


def arrows(text: str, tmp_path: Path) -> list[tuple[str, str | None, bool, int]]:
    readme = f"# Flow\n\n```mermaid\n{text}\n```\n"
    foreign_folders.write(tmp_path, {**ROLES, "README.md": readme})
    hints = [hint for hint in read_agents(tmp_path).hints if hint.origin == "a Mermaid diagram"]
    return [(hint.role, hint.slug or hint.name, hint.incoming, hint.line) for hint in hints]


def test_our_own_hints_make_handoffs_of_the_draft(tmp_path: Path) -> None:
    report = brought({name: ROLES[name] for name in ("coder.md", "tester.md")} | {
        "lead.md": LEAD.replace("[programmer, tester]", "[programmer]"),
    }, tmp_path)  # fmt: skip

    assert [(one.source, one.target, one.way) for one in report.adopted.handoffs] == [("lead", "coder", "hands")]
    assert report.adopted.left_out == ()
    assert "1. [Lead](roles/lead.md) → [Coder](roles/coder.md): `idea`\n" in program_of(report)
    assert report.faults == ()


def test_a_payload_that_a_role_does_not_speak_of_is_written_into_its_row(tmp_path: Path) -> None:
    report = brought(ROLES, tmp_path)

    text = program_of(report)
    assert "| [Lead](roles/lead.md) | agent | idea, memo, from_lead |  |" in text
    assert "| [Coder](roles/coder.md) | agent |  | idea, from_lead |" in text
    assert report.faults == ()


def test_a_hint_of_ours_to_nobody_is_refused_with_its_place(tmp_path: Path) -> None:
    report = brought({**ROLES, "lead.md": LEAD.replace("tester", "testr")}, tmp_path)

    refused = [(file.path, file.why) for file in report.foreign.files if file.fate == "refused"]
    assert refused == [("lead.md", "line 3: no role is called `testr` (ORG204)")]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("graph TD\nLead --> Coder", [("lead", "coder", False, 5)]),
        ('flowchart LR\nA["Lead<br/>chooses"] -->|idea| B(coder) --> C{{Tester}}',
         [("lead", "coder", False, 5), ("coder", "tester", False, 5)]),
        ("flowchart TD; A[Lead] --> B[Coder] & C[Tester]", [("lead", "coder", False, 4), ("lead", "tester", False, 4)]),
        ("graph TD\nlead -- says --> coder\ncoder ==> tester\ncoder -.-> lead",
         [("lead", "coder", False, 5), ("coder", "tester", False, 6), ("coder", "lead", False, 7)]),
        ("graph TD\nX[Customer] --> Lead\nLead --> Y[Archive]",
         [("lead", "Customer", True, 5), ("lead", "Archive", False, 6)]),
        ("graph TD\nX --> Y\nlead --- coder", []),
        ("sequenceDiagram\nlead->>coder: hello", []),
        ("graph TD\nsubgraph lead\nend\nclassDef x fill:#f9f\nlead:::x --> coder:::x", [("lead", "coder", False, 8)]),
    ],
)  # fmt: skip
def test_arrows_of_a_diagram(text: str, found: list[tuple[str, str | None, bool, int]], tmp_path: Path) -> None:
    assert arrows(text, tmp_path) == found


def test_a_file_whose_diagram_was_read_says_so(tmp_path: Path) -> None:
    foreign_folders.write(
        tmp_path, {**ROLES, "README.md": "```mermaid\ngraph TD\nlead --> tester\n```\n", "NOTES.md": "#"}
    )
    fates = {file.path: (file.fate, file.why) for file in read_agents(tmp_path).files}

    assert fates["README.md"][0] == "read"
    assert "diagram" in fates["README.md"][1]
    assert fates["NOTES.md"][0] == "left"
