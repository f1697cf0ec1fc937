"""Imports on disk: what is written, what is never touched, what is asked. Nothing is run here."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from orgruntime.api.errors import UserError
from orgruntime.api.histories import read_history
from orgruntime.api.importing import (
    IMPORTS,
    ImportOptions,
    drafted,
    import_bare,
    import_for_run,
    import_path,
    is_bare,
    read_record,
    refuse_open_questions,
)
from orgruntime.api.planning import plan_org
from orgruntime.compiler import compile_org
from orgruntime.importer.bare_facts import Topic
from orgruntime.model.history import PastWord
from orgruntime.model.manifest import Direction

PROGRAM = """\
# Small lab

Edit `train.py`; never touch `judge.py`. The goal is the lowest `loss`. Each run takes exactly 5 seconds.

    python train.py > run.log 2>&1

Log each run in `results.tsv`.
"""
TRAIN = 'from judge import score\nprint(f"loss: {score(0.1)}")\n'
JUDGE = "def score(rate):\n    return (rate - 0.3) ** 2\n"
LOG = "commit\tloss\tstatus\tdescription\nbase\t0.04\tkeep\tas it is\nx\t0.0\tcrash\trate of 9\n"


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "lab"
    folder.mkdir()
    for name, text in {"program.md": PROGRAM, "train.py": TRAIN, "judge.py": JUDGE, "results.tsv": LOG}.items():
        (folder / name).write_text(text)
    return folder


def contents(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def quiet(line: str) -> None:
    """Hears nothing."""


def without_direction(lab: Path) -> None:
    (lab / "program.md").write_text(PROGRAM.replace("the lowest `loss`", "a good `loss`"))


def test_the_draft_lies_beside_and_the_original_is_as_it_was(lab: Path) -> None:
    before = contents(lab)
    made = import_bare(Path("lab"), ImportOptions(), quiet)
    assert made.is_settled
    assert made.into == Path("lab-org")
    assert contents(lab) == before
    assert set(contents(Path("lab-org"))) == {"program.md", "roles/researcher.md", "history.jsonl", "import.json"}
    manifest = compile_org(Path("lab-org")).manifest
    assert manifest is not None
    assert manifest.workspace.source == str(lab)
    assert manifest.workspace.time_limit_s == 10.0


def test_the_program_is_the_prompt_word_by_word(lab: Path) -> None:
    import_bare(lab, ImportOptions(), quiet)
    assert (lab.parent / "lab-org" / "roles" / "researcher.md").read_text().endswith(PROGRAM)


def test_the_folder_that_one_is_in(lab: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(lab)
    made = import_bare(Path(), ImportOptions(), quiet)
    assert made.into.resolve() == lab.parent / "lab-org"


def test_the_file_itself_can_be_named(lab: Path) -> None:
    (lab / "program.md").rename(lab / "program_2.md")
    assert import_bare(lab / "program_2.md", ImportOptions(), quiet).is_settled


def test_the_record_tells_every_fact_with_its_place(lab: Path) -> None:
    made = import_bare(lab, ImportOptions(), quiet).as_json()
    assert made["kind"] == "bare"
    assert made["questions"] == []
    facts = {fact["topic"]: fact for fact in made["facts"]}
    assert facts["run"]["values"] == ["python train.py"]
    assert facts["run"]["evidence"][0] == {"file": "program.md", "line": 5, "quote": "python train.py > run.log 2>&1"}
    assert all(fact["evidence"] for fact in made["facts"])
    assert made["history"] == [{"file": "results.tsv", "rows": 2, "column": "loss"}]
    assert read_record(lab.parent / "lab-org")["facts"] == made["facts"]


def test_an_earlier_log_becomes_history(lab: Path) -> None:
    into = import_bare(lab, ImportOptions(), quiet).into
    assert [(row.metric, row.word) for row in read_history(into)] == [(0.04, PastWord.KEEP), (None, PastWord.CRASH)]
    assert read_history(lab) == ()


def test_a_history_that_is_none_is_named_with_its_line(lab: Path) -> None:
    into = import_bare(lab, ImportOptions(), quiet).into
    (into / "history.jsonl").write_text('{"file": "r", "line": 2}\n{"file": "r", "line": "x"}\n')
    with pytest.raises(UserError, match=r"history\.jsonl:2 is no row of a history \(line: "):
        read_history(into)


def test_an_import_may_be_done_again_until_somebody_edits_it(lab: Path) -> None:
    into = import_bare(lab, ImportOptions(), quiet).into
    without_direction(lab)
    assert not import_bare(lab, ImportOptions(), quiet).is_settled
    assert "# ? direction: is `loss` better" in (into / "program.md").read_text()
    (into / "program.md").write_text("mine")
    with pytest.raises(UserError, match="edited since; choose another place with --into"):
        import_bare(lab, ImportOptions(), quiet)
    assert (into / "program.md").read_text() == "mine"


def test_a_place_with_files_of_others_is_left_alone(lab: Path) -> None:
    (lab.parent / "here").mkdir()
    (lab.parent / "here" / "notes.txt").write_text("x")
    with pytest.raises(UserError, match="no import wrote"):
        import_bare(lab, ImportOptions(into=Path("here")), quiet)
    with pytest.raises(UserError, match="is a file"):
        import_bare(lab, ImportOptions(into=Path("here/notes.txt")), quiet)


def test_no_draft_inside_the_original(lab: Path) -> None:
    before = contents(lab)
    with pytest.raises(UserError, match="stays as it is; choose another with --into"):
        import_bare(lab, ImportOptions(into=lab / "org"), quiet)
    assert contents(lab) == before


def test_a_direction_from_the_command_line_settles_it(lab: Path) -> None:
    without_direction(lab)
    assert not import_bare(lab, ImportOptions(), quiet).is_settled
    assert import_bare(lab, ImportOptions(direction=Direction.MAXIMIZE), quiet).is_settled
    manifest = compile_org(Path("lab-org")).manifest
    assert manifest is not None
    assert manifest.objective.direction is Direction.MAXIMIZE


def test_a_draft_with_questions_is_neither_proved_nor_run(lab: Path) -> None:
    without_direction(lab)
    with pytest.raises(UserError, match="a draft with open questions cannot be proved") as refused:
        import_bare(lab, ImportOptions(prove=True), quiet)
    assert refused.value.code == 1
    with pytest.raises(UserError, match="is `loss` better when it is lower or higher"):
        import_for_run(lab, quiet)
    with pytest.raises(UserError, match="has open questions"):
        refuse_open_questions(IMPORTS / "lab")


def test_a_remark_of_an_author_is_no_question_of_a_draft(tmp_path: Path) -> None:
    (tmp_path / "program.md").write_text("---\nformat: orgruntime/1\n# ? is 5 enough\n---\n")
    refuse_open_questions(tmp_path)


def test_a_run_uses_the_answers_that_were_given(lab: Path) -> None:
    without_direction(lab)
    with pytest.raises(UserError):
        import_for_run(lab, quiet)
    program = IMPORTS / "lab" / "program.md"
    lines = program.read_text().split("\n")
    at = next(number for number, line in enumerate(lines) if line.startswith("  # ? direction"))
    lines[at] = "  direction: minimize"
    program.write_text("\n".join(lines))
    heard: list[str] = []
    assert import_for_run(lab, heard.append) == IMPORTS / "lab"
    assert "its edited draft" in heard[0]
    (lab / "program.md").write_text(PROGRAM + "\nMore words.\n")
    with pytest.raises(UserError, match="has changed since"):
        import_for_run(lab, quiet)


def test_a_run_reads_the_program_again_where_nobody_edited_the_draft(lab: Path) -> None:
    assert import_for_run(lab, quiet) == IMPORTS / "lab"
    (lab / "program.md").write_text(PROGRAM.replace("exactly 5 seconds", "exactly 7 seconds"))
    import_for_run(lab, quiet)
    assert "time_limit: 14s" in (IMPORTS / "lab" / "program.md").read_text()


def test_a_proof_survives_being_imported_again(lab: Path) -> None:
    into = import_for_run(lab, quiet)
    record = json.loads((into / "import.json").read_text())
    (into / "import.json").write_text(json.dumps(record | {"proof": {"tree": "t"}}))
    import_for_run(lab, quiet)
    assert read_record(into)["proof"] == {"tree": "t"}


def test_front_matter_of_somebody_else_makes_no_org(lab: Path) -> None:
    (lab / "program.md").write_text(f"---\nname: lab\ndescription: get the highest loss\n---\n{PROGRAM}")
    assert is_bare(lab)
    (only,) = compile_org(lab).diagnostics
    assert (only.code, "`orgrun import` drafts it" in only.help) == ("ORG107", True)
    made = import_bare(lab, ImportOptions(), quiet)
    assert made.program.findings.value(Topic.DIRECTION) == "minimize"
    assert made.as_json()["facts"][0]["evidence"][0]["line"] == 9
    prompt = (lab.parent / "lab-org" / "roles" / "researcher.md").read_text()
    assert prompt.endswith(PROGRAM)
    assert "the highest loss" not in prompt


def test_a_plan_of_a_bare_program_is_that_of_its_draft(lab: Path) -> None:
    org = drafted(lab, quiet)
    assert org == IMPORTS / "lab"
    manifest, plan = plan_org(org, {}, {"trials": "5"}, None)
    assert manifest.objective.metric == "loss"
    assert {role.slug for role in plan.roles} == {"researcher", "trainer", "referee"}
    assert drafted(org, quiet) == org
    without_direction(lab)
    with pytest.raises(UserError, match="leaves questions open"):
        drafted(lab, quiet)
    with pytest.raises(UserError, match="has open questions"):
        drafted(org, quiet)


def test_a_draft_is_checked_at_its_questions(lab: Path) -> None:
    without_direction(lab)
    into = import_bare(lab, ImportOptions(), quiet).into
    lines = (into / "program.md").read_text().split("\n")
    (missing,) = [one for one in compile_org(into).diagnostics if one.code == "ORG115"]
    assert missing.message == "`objective.direction` is missing"
    assert lines[missing.span.line - 1].startswith("  # ? direction: ")
    assert "answer this question" in missing.help


def test_how_many_there_are_in_words(lab: Path) -> None:
    without_direction(lab)
    assert import_bare(lab, ImportOptions(), quiet).lines()[0].endswith(" facts, 1 question")


def test_what_is_bare_and_what_is_not(lab: Path) -> None:
    assert is_bare(lab)
    assert is_bare(lab / "program.md")
    assert not is_bare(lab / "train.py")
    assert not is_bare(lab / "nowhere")
    assert not is_bare(import_bare(lab, ImportOptions(), quiet).into)


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"program.md": "---\nformat: orgruntime/1\n---\n"}, "is an org already"),
        ({"notes.txt": "x"}, "nothing that can be imported"),
        ({"program.md": "   \n"}, "`program.md` is empty"),
        ({"program.md": "x " * 200_000}, "a program is words, not data"),
    ],
)
def test_what_cannot_be_imported_is_told_why(tmp_path: Path, files: dict[str, str], words: str) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(UserError, match=words):
        import_path(tmp_path, ImportOptions(into=tmp_path.with_name("out")), quiet)


def test_a_program_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "program.md").write_bytes(b"# A\n\xff\xfe\n")
    with pytest.raises(UserError, match="not UTF-8"):
        import_path(tmp_path, ImportOptions(), quiet)
