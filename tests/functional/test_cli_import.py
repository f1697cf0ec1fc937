"""`orgrun import` and `orgrun run` on a bare program, as a person meets them; with a real local Ray."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli_cases import assert_one_sentence, orgrun, orgrun_process

from orgruntime.ledger.audit import audit
from orgruntime.ledger.store import Ledger

PROGRAM = """\
# Curve lab

You may edit `train.py`. `judge.py` is frozen. The goal is the lowest `loss`; each run takes exactly 10 seconds.

    python train.py > run.log 2>&1

Read it with `grep "^loss:" run.log`, and log every run in `results.tsv`.
"""
TRAIN = """\
from judge import score

RATE = 0.1  # 0.01 .. 0.5

print("---")
print(f"loss: {score(RATE):.6f}")
"""
JUDGE = """\
import random


def score(rate):
    return 1 + (rate - 0.3) ** 2 + random.gauss(0, 0.001)
"""
LOG = "commit\tloss\tstatus\tdescription\nbase\t1.04\tkeep\tas it is\nx\t0.000000\tcrash\trate of 9\n"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    lab = tmp_path / "lab"
    lab.mkdir()
    for name, text in {"program.md": PROGRAM, "train.py": TRAIN, "judge.py": JUDGE, "results.tsv": LOG}.items():
        (lab / name).write_text(text)
    return tmp_path


def test_an_import_shows_facts_and_the_next_step(home: Path) -> None:
    said = orgrun_process("import", "lab", cwd=home)
    assert said.code == 0, said.err
    assert "run          python train.py   (stated, program.md:5)" in said.out
    assert "next: `orgrun run lab-org --budget trials=100`" in said.out
    checked = orgrun_process("check", "lab-org", cwd=home)
    assert checked.code == 0, checked.out


def test_questions_are_findings(home: Path) -> None:
    (home / "lab" / "program.md").write_text(PROGRAM.replace("the lowest", "a good"))
    said = orgrun_process("import", "lab", "--json", cwd=home)
    assert said.code == 1
    (question,) = json.loads(said.out)["questions"]
    assert question["topic"] == "direction"
    assert_one_sentence(orgrun_process("run", "lab-org", "--budget", "trials=5", cwd=home), 1, "has open questions")
    assert_one_sentence(orgrun_process("run", "lab", "--budget", "trials=5", cwd=home), 1, "`loss` better", "# ?")
    assert not (home / ".orgrun" / "runs").exists()
    answered = orgrun_process("import", "lab", "--direction", "minimize", cwd=home)
    assert answered.code == 0, answered.err


def test_wrong_words(home: Path) -> None:
    assert_one_sentence(orgrun("import", home / "nowhere"), 2, "nowhere", "does not exist")
    assert_one_sentence(orgrun("import", home / "lab" / "train.py"), 2, "can be imported")
    assert_one_sentence(orgrun("import", home / "lab", "--direction", "down"), 2, "minimize")
    assert_one_sentence(orgrun("import", home / "lab", "--into", home / "lab" / "org"), 2, "--into")


def test_a_run_of_a_bare_program_needs_a_bound(home: Path) -> None:
    said = orgrun_process("run", "lab", cwd=home)
    assert_one_sentence(said, 2, "no finite budget", "--budget trials=100")


@pytest.mark.ray
def test_a_proof_that_fails_says_what_was_printed(home: Path) -> None:
    (home / "lab" / "train.py").write_text(TRAIN + "raise RuntimeError('no data')\n")
    said = orgrun_process("import", "lab", "--prove", "--cpus", "1", cwd=home)
    assert_one_sentence(said, 1, "not proved", "no data", "Correct the draft")


@pytest.mark.ray
@pytest.mark.slow(40)
def test_a_bare_program_is_imported_proved_once_and_run(home: Path) -> None:
    before = {path.name: path.read_bytes() for path in (home / "lab").iterdir()}
    said = orgrun_process(
        "run", "lab", "--budget", "trials=12", "--seed", "1", "--run-id", "r", "--cpus", "2", "--json", cwd=home
    )
    assert said.code == 0, said.err
    *events, status = [json.loads(line) for line in said.out.splitlines()]
    told = "\n".join(event["text"] for event in events)
    assert "is a bare program: it is imported into .orgrun/imports/lab" in told
    assert "measurement 2 of 2" in told
    assert "2 rows of an earlier log are kept as history" in told
    assert status["objective"] == {"metric": "loss", "direction": "minimize"}
    assert {path.name: path.read_bytes() for path in (home / "lab").iterdir()} == before
    again = orgrun_process("import", "lab", "--into", ".orgrun/imports/lab", "--prove", "--json", cwd=home)
    assert again.code == 0, again.err
    metrics = json.loads(again.out)["proof"]["metrics"]
    assert len(metrics) == 2
    assert all(1.0 < metric < 1.1 for metric in metrics)
    assert "measurement" not in again.err, "what was proved is not measured again"
    folder = home / ".orgrun" / "runs" / "r"
    with Ledger.open_readonly(folder / "ledger.db") as ledger:
        assert [row.metric for row in ledger.history()] == [1.04, None]
        assert ledger.settled_trials() == status["trials"]["total"] <= 12
    assert audit(folder / "ledger.db") == []
    page = (folder / "report" / "report.html").read_text()
    assert "Before this run" in page
    assert "rate of 9" in page
    assert "rate of 9" not in (folder / "report" / "results.tsv").read_text()
