"""A shipped org of language models as it stands, from a note to a finding: a scripted server, real Ray, real trials.

Only the addresses of its models are changed. Two claims of the notes are read, tested and written down; then the reader
has none any more.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from cli_cases import Said, orgrun_process
from thinking_cases import brief_of, declines, done_by, number_of, transcript

from orgruntime.ledger.audit import audit
from orgruntime.ledger.store import Ledger
from orgruntime.model.ids import InquiryId
from orgruntime.testing.messages_script import Asked, Says, uses
from orgruntime.testing.messages_server import MessagesServer

pytestmark = [pytest.mark.ray, pytest.mark.slow(55), pytest.mark.timeout(450)]

ROOT = Path(__file__).parents[2]
CLAIMS = {
    1: ("notes/label-smoothing.md", "SMOOTHING = 0.0 ", "SMOOTHING = 0.3 "),
    2: ("notes/small-batches.md", "BATCH = 64 ", "BATCH = 256 "),
}


def script(asked: Asked) -> Says:
    n, done = number_of(asked), done_by(asked)
    role = re.search(r"# Your role: (\w+)", str([block["text"] for block in asked.body["system"]]))
    assert role is not None
    if n not in CLAIMS or "stand-up" in brief_of(asked):
        return declines("no claim is left")
    return {"Reader": reads, "Tester": builds, "Editor": edits}[role[1]](n, done)


def reads(n: int, done: set[str]) -> Says:
    note, _, new = CLAIMS[n]
    if "Read" not in done:
        return uses("Read", {"file_path": note})
    claim = {"source": note, "text": f"as {note} has it", "prediction": f"{new.strip()} lowers val_loss"}
    return uses("hand_off_claim", {**claim, "refuted_by": "a higher val_loss"})


def builds(n: int, done: set[str]) -> Says:
    note, old, new = CLAIMS[n]
    if "Edit" not in done:
        return uses("Edit", {"file_path": "train.py", "old_string": old, "new_string": new})
    stated = {"hypothesis": f"{note}: {new.strip()}", "expected_gain": 0.01, "risk": "explore", "cost": "none"}
    return uses("hand_off_proposal", stated)


def edits(n: int, done: set[str]) -> Says:
    note, _, new = CLAIMS[n]
    if "Notebook" in done:
        return declines("it does not hold here")
    text = f"{new.strip()}: does not hold here ({note})"
    return uses("Notebook", {"action": "add", "text": text, "evidence": [f"pq{n}.1"]})


class Lab(NamedTuple):
    said: Said
    run: Path


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    home = tmp_path_factory.mktemp("papers")
    for name in ("orgs/paper-lab", "examples/claims", "roles"):
        shutil.copytree(ROOT / name, home / name)
    program = home / "orgs" / "paper-lab" / "program.md"
    with MessagesServer(script) as server:
        entry = f'{{model: scripted, base_url: "{server.url}", context: 200000, max_output: 2000}}'
        text = re.sub(r"^  (reader|builder): claude.*$", rf"  \1: {entry}", program.read_text(), flags=re.MULTILINE)
        program.write_text(text)
        words = ("run", program.parent, "--seed", "1", "--run-id", "r1", "--cpus", "2", "--budget", "trials=60")
        said = orgrun_process(*words, cwd=home, timeout=400)
        yield Lab(said, home / ".orgrun" / "runs" / "r1")


def test_a_note_becomes_a_claim_a_trial_and_a_finding_with_its_evidence(lab: Lab) -> None:
    assert lab.said.code == 0, lab.said.out + lab.said.err
    assert audit(lab.run / "ledger.db") == []
    with Ledger.open_readonly(lab.run / "ledger.db") as ledger:
        steps = [(row.role, row.type) for row in ledger.steps(InquiryId("q1"))]
        assert steps == [("reader", "claim"), ("tester", "proposal"), ("trainer", "result"), ("editor", "")]
        findings = {one.text: one.evidence for one in ledger.findings()}
        verdicts = {one.id: ledger.verdict(one.id) for one in ledger.proposals()}
    assert findings == {
        "SMOOTHING = 0.3: does not hold here (notes/label-smoothing.md)": ("pq1.1",),
        "BATCH = 256: does not hold here (notes/small-batches.md)": ("pq2.1",),
    }
    assert all(verdict is not None and verdict.word.value == "discard" for verdict in verdicts.values())


def test_a_note_is_read_as_data_at_the_desk(lab: Lab) -> None:
    read = next(line for line in transcript(lab.run, "q1.0") if line["kind"] == "did")
    assert "abel smoothing" in read["result"]["text"]
