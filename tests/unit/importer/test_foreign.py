"""Foreign organizations as a whole: nothing is lost, nothing is run, and the draft is an org but for its questions."""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path

import foreign_folders as given
import pytest

from orgruntime.api.adopting import import_foreign
from orgruntime.api.errors import UserError
from orgruntime.compiler import compile_org
from orgruntime.diagnostics.diagnostic import Severity
from orgruntime.importer.effective import ForeignReport
from orgruntime.importer.foreign_text import render
from orgruntime.importer.kinds import kind_of

NAMES = ("PAPER_DESK", "ROUND_TABLE", "REVIEW_BOARD", "GLASS_LAB", "SHIPYARD", "HOSTILE")
HONEST = NAMES[:-1]


def laid(name: str, tmp_path: Path) -> Path:
    folder = tmp_path / name.lower()
    folder.mkdir()
    return given.write_hostile(folder) if name == "HOSTILE" else given.write(folder, getattr(given, name))


def brought(name: str, tmp_path: Path, *, write: bool = True) -> ForeignReport:
    folder = laid(name, tmp_path)
    return import_foreign(folder, kind_of(folder), None, write=write).report


def state(folder: Path) -> dict[str, tuple[str, int]]:
    """Path → content (where a link leads, for a link) and mode."""
    found = {}
    for name in sorted(given.files_below(folder)):
        path = folder / name
        mode = path.lstat().st_mode
        if path.is_symlink():
            found[name] = (os.readlink(path), mode)
        else:
            found[name] = (hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "", mode)
    return found


@pytest.mark.parametrize("name", NAMES)
def test_every_file_has_one_fate_and_every_role_is_stored_with_its_bytes(name: str, tmp_path: Path) -> None:
    report = brought(name, tmp_path)
    folder, org = tmp_path / name.lower(), report.into
    assert org is not None
    fates = [file.path for file in report.foreign.files if not file.path.endswith("/")]
    roots = {"PAPER_DESK": ".claude/", "REVIEW_BOARD": "."}
    there = {path for path in given.files_below(folder) if path.startswith(roots.get(name, ""))}
    there.discard(".claude/settings.json")

    assert sorted(fates) == sorted(there)
    kept = [file for file in report.foreign.files if file.stored]
    assert len(kept) == len(report.rows) == len(list((org / "roles").rglob("*.md"))) - (name == "ROUND_TABLE")
    for file in kept:
        assert (org / str(file.stored)).read_bytes() == (folder / file.path).read_bytes()
        assert hashlib.sha256((folder / file.path).read_bytes()).hexdigest() == file.sha256
    assert all(file.why for file in report.foreign.files)


@pytest.mark.parametrize("name", NAMES)
def test_every_hint_is_adopted_or_left_out_with_a_reason(name: str, tmp_path: Path) -> None:
    report = brought(name, tmp_path)
    used = [hint for one in report.adopted.handoffs for hint in one.hints]

    assert len(used) + len(report.adopted.left_out) == len(report.foreign.hints)
    assert all(one.why for one in report.adopted.left_out)
    for hint in report.foreign.hints:
        line = (tmp_path / name.lower() / hint.file).read_text(encoding="utf-8-sig").splitlines()[hint.line - 1]
        assert not hint.slug or hint.origin == "includes:" or hint.name.strip("*`@:") in line.replace("-", " ") + line


@pytest.mark.parametrize("name", NAMES)
def test_the_folder_is_not_touched_and_nothing_in_it_is_run(name: str, tmp_path: Path) -> None:
    folder = laid(name, tmp_path)
    before = state(folder)

    import_foreign(folder, kind_of(folder), None, write=True)

    assert state(folder) == before
    assert not any((tmp_path / made).exists() for made in ("ran", "hooked", "heated"))


@pytest.mark.parametrize("name", NAMES)
def test_the_draft_compiles_once_its_questions_are_answered(name: str, tmp_path: Path) -> None:
    report = brought(name, tmp_path)
    assert report.faults == ()
    assert report.into is not None
    program = report.into / "program.md"
    text = program.read_text()

    assert sorted(faults(report.into)) == ["`objective` is missing", "`workspace` is missing"]
    (tmp_path / "my-code").mkdir()
    (tmp_path / "my-code" / "train.py").write_text("print('---\\nval_loss: 1')\n")
    program.write_text(answered(text))
    assert faults(report.into) == []


def answered(text: str) -> str:
    """As a person would: the questions deleted, the forms below them taken as they are."""
    head, rest = text.split("\n---\n", 1)
    lines, is_form = [], False
    for line in head.splitlines():
        if line.startswith("# ? "):
            is_form = True
            continue
        is_form = is_form and line.startswith("# ")
        lines.append(line.removeprefix("# ") if is_form else line)
    return "\n".join([*lines, "---", rest])


def faults(org: Path) -> list[str]:
    return [one.message for one in compile_org(org).diagnostics if one.severity is Severity.ERROR]


@pytest.mark.parametrize("name", NAMES)
def test_what_is_called_effective_is_what_the_compiler_makes_of_the_answered_draft(name: str, tmp_path: Path) -> None:
    report = brought(name, tmp_path)
    assert report.into is not None
    (tmp_path / "my-code").mkdir()
    (tmp_path / "my-code" / "train.py").write_text("")
    program = report.into / "program.md"
    program.write_text(answered(program.read_text()))
    manifest = compile_org(report.into).manifest
    assert manifest is not None

    for row in report.rows:
        role = next(one for one in manifest.roles if one.slug == row.slug)
        assert row.effective is not None
        assert (row.effective.model, row.effective.tools, row.effective.kind) == (role.species, role.tools, role.kind)
        assert len(row.effective.handoffs) == len(manifest.graph.edges_from(role.slug))


def test_the_workflow_of_the_paper_desk(tmp_path: Path) -> None:
    report = brought("PAPER_DESK", tmp_path)

    assert flow(report) == [
        "desk-editor asks fact-checker",
        "desk-editor asks copy-chief",
        "desk-editor hands reporter",
        "fact-checker hands copy-chief",
        "reporter asks fact-checker",
        "reporter asks archive-keeper",
    ]
    assert left(report) == {"Night Editor": "desk-editor", "photo desk": "desk-editor"}
    assert [notice.what.split()[0] for notice in report.foreign.notices] == ["a", "can", "`hooks:`"]
    assert {"ORG104", "ORG105", "ORG109"} <= {one.code for one in report.foreign.remarks}


def test_the_workflow_of_the_round_table(tmp_path: Path) -> None:
    report = brought("ROUND_TABLE", tmp_path)

    assert flow(report) == [
        "host asks sauce",
        "host asks roast",
        "roast asks salt",
        "roast hands sauce 3",
        "sauce hands roast",
        "salt asks sauce 3",
    ]
    assert left(report) == {"Tasting Team": None, "Sauce Cok": "sauce"}
    assert report.into is not None
    assert "roles/drafted-trainer.md" in report.files
    assert "[Host](roles/host.md) → [Trainer](roles/drafted-trainer.md): `proposal`" in program_of(report)
    refused = [(file.path, file.why) for file in report.foreign.files if file.fate == "refused"]
    assert refused == [("tasters/broken.md", "line 1: the front matter begins here and is never closed (ORG106)")]


def test_the_workflow_of_the_review_board(tmp_path: Path) -> None:
    report = brought("REVIEW_BOARD", tmp_path)

    assert flow(report) == [
        "builder hands reviewer",
        "planner hands builder 3",
        "planner asks reader",
        "reviewer hands planner",
        "mender asks builder",
    ]
    assert set(left(report)) == {"lawyer", "", "*", "test-*"}
    assert [file.path for file in report.foreign.files if file.fate == "refused"] == [".opencode/agents/reader.md"]
    planner = next(row for row in report.rows if row.slug == "planner")
    assert planner.declared.model == ("GPT-5 (copilot)", "Claude Sonnet 4.5 (copilot)")
    assert planner.effective is not None
    assert planner.effective.model == ("claude-opus-5-5",)


def test_the_workflow_of_the_company_of_four(tmp_path: Path) -> None:
    report = brought("GLASS_LAB", tmp_path)

    assert flow(report) == ["head asks melter", "melter asks breaker", "melter asks scribe"]
    assert left(report) == {
        "hed": "head",
        "Board of Directors": None,
        "../../agents/polisher/AGENTS.md": None,
        "https://example.org/other/agents/guest/AGENTS.md": None,
    }
    covered = [one.hint.name for one in report.adopted.left_out if one.is_covered]
    assert covered == ["Principal Investigator"]
    said = {notice.what for notice in report.foreign.notices}
    assert "settings for `ghost`, and there is no such role" in said
    assert "`../../agents/polisher/AGENTS.md` is named and is not there" in said
    assert "the skill `paperclip` is named here and by 1 more, and is not there" in said
    assert "the words link to `../../README.md`, which stays behind" in said
    assert "the words link to `law.md`, which is not there" in said
    assert any(what.startswith("its words are elsewhere") for what in said)
    head = next(row for row in report.rows if row.slug == "head")
    assert head.declared.model == ("claude-opus-4-6",)
    assert head.declared.limits == ("budgetMonthlyCents: 5000",)
    assert "Find a glass that bends; Say why it bends" in program_of(report)
    assert "This is not a workflow" not in program_of(report)


def test_the_workflow_of_the_company_of_twelve(tmp_path: Path) -> None:
    report = brought("SHIPYARD", tmp_path)

    assert sorted(flow(report)) == [
        "architect asks drafter",
        "architect asks weigher",
        "drafter hands foreman",
        "fitter hands painter",
        "foreman asks architect 3",
        "foreman asks fitter",
        "foreman asks painter",
        "foreman asks welder",
        "owner asks architect",
        "owner asks foreman",
        "owner asks purser",
        "painter hands welder",
        "purser asks buyer",
        "purser asks clerk",
        "purser asks seller",
        "seller asks buyer",
        "weigher hands drafter",
        "welder hands fitter 3",
    ]
    assert left(report) == {"Nobody else": None}


def flow(report: ForeignReport) -> list[str]:
    bounds = {one: f" {one.at_most}" if one.at_most else "" for one in report.adopted.handoffs}
    return [f"{one.source} {one.way} {one.target}{bound}" for one, bound in bounds.items()]


def left(report: ForeignReport) -> dict[str, str | None]:
    return {one.hint.name: one.nearest for one in report.adopted.lost}


def program_of(report: ForeignReport) -> str:
    assert report.into is not None
    return (report.into / "program.md").read_text()


def test_foreign_words_cannot_write_the_draft(tmp_path: Path) -> None:
    report = brought("HOSTILE", tmp_path)
    text = program_of(report)

    assert text.count("\n---\n") == 1
    assert re.findall(r"^## .*$", text, re.MULTILINE) == ["## Roles", "## Workflow", "## Payloads"]
    assert re.findall(r"^# \? (\w+)", text, re.MULTILINE) == ["Which", "Which", "How"]
    assert "sk-" not in text
    assert "outside" not in json.dumps(report.as_json())
    assert "\u202e" not in text
    assert "roles/drafted-trainer.md" in report.files


def test_the_record_beside_the_draft_holds_everything(tmp_path: Path) -> None:
    report = brought("GLASS_LAB", tmp_path)
    assert report.into is not None
    record = json.loads((report.into / "import.json").read_text())

    assert record == report.as_json()
    counts = record["counts"]
    assert counts["found"] == counts["role"] + counts["read"] + counts["refused"] + counts["left"] == 14
    assert counts["hints"] == counts["adopted"] + counts["left_out"] == 10


def test_listing_writes_nothing(tmp_path: Path) -> None:
    report = brought("SHIPYARD", tmp_path, write=False)

    assert report.into is None
    assert report.is_settled
    assert sorted(path.name for path in tmp_path.iterdir()) == ["shipyard"]


def test_a_second_import_never_writes_over_the_first(tmp_path: Path) -> None:
    folder = laid("SHIPYARD", tmp_path)
    import_foreign(folder, kind_of(folder), None, write=True)
    before = state(tmp_path / "shipyard-org")

    with pytest.raises(UserError, match="is not empty; choose a new folder with --into"):
        import_foreign(folder, kind_of(folder), None, write=True)

    assert state(tmp_path / "shipyard-org") == before


def test_the_draft_never_lands_in_the_folder_itself(tmp_path: Path) -> None:
    folder = laid("SHIPYARD", tmp_path)

    with pytest.raises(UserError, match="is inside"):
        import_foreign(folder, kind_of(folder), folder / "org", write=True)


def test_a_folder_whose_roles_are_all_refused_says_why(tmp_path: Path) -> None:
    folder = given.write(tmp_path / "lab", {"one.md": "---\nname: One\n---\n"})

    with pytest.raises(
        UserError, match=r"no role that can be taken over; 1 refused, the first one.md: line 4: .*no words"
    ):
        import_foreign(folder, kind_of(folder), None, write=True)
    assert [path.name for path in tmp_path.iterdir()] == ["lab"]


@pytest.mark.parametrize("name", HONEST)
def test_an_import_is_repeatable(name: str, tmp_path: Path) -> None:
    folder = laid(name, tmp_path)
    texts = []
    for into in ("one", "two"):
        import_foreign(folder, kind_of(folder), tmp_path / into, write=True)
        texts.append((tmp_path / into / "program.md").read_bytes())

    assert texts[0] == texts[1]


def test_a_cell_of_many_handoffs_ends_at_a_whole_name_with_the_number_of_the_rest(tmp_path: Path) -> None:
    names = [f"specialist-{number}" for number in range(9)]
    files = {name: f"---\nname: {name}\ndescription: Knows.\n---\n\nHelp.\n" for name in names}
    files["lead"] = f"---\nname: lead\ndescription: Leads.\nagents: [{', '.join(names)}]\n---\n\nLead.\n"
    for name, text in files.items():
        (tmp_path / f"{name}.md").write_text(text)
    lines = render(import_foreign(tmp_path, kind_of(tmp_path), None, write=False).report).split("\n")
    row = [line for line in lines if line.startswith("  lead ")][-1]
    assert "9 hints → asks specialist-0 and 8 more" in row
