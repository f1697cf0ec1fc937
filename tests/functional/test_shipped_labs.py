"""The shipped orgs of language models as they stand, on a task of no cost: a scripted server, real Ray, real trials.

Only the addresses of their models and the files under research are changed. Their models are what such models were
reported to be: most changes are luck, what somebody else has measured is proposed again, and two things come in one.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from cli_cases import Said, orgrun_process
from thinking_cases import declines, done_by, number_of

from orgruntime.ledger.audit import audit
from orgruntime.ledger.store import Ledger
from orgruntime.testing.messages_script import Asked, Says, uses
from orgruntime.testing.messages_server import MessagesServer

pytestmark = [pytest.mark.ray, pytest.mark.slow(130), pytest.mark.timeout(450)]

ROOT = Path(__file__).parents[2]
GAIN, LUCK_SD = 0.1, 0.01
TRAIN = f"""\
import random, sys

STEP = 0.0  # 0.0 .. 1.0
LUCK = 0  # 0 .. 1000
words = dict(zip(sys.argv[1::2], sys.argv[2::2]))
luck = random.Random(str((words, STEP, LUCK))).gauss(0, {LUCK_SD})
print("---")
print(f"val_loss: {{2 - {2 * GAIN} * min(STEP, 0.5) + luck:.6f}}")
"""
LEADERS, MAKERS, READERS, MEMORY = ("Director", "Chief"), ("Researcher", "Junior", "Solo"), ("Critic",), ("Scribe",)


def script(asked: Asked) -> Says:
    role = re.search(r"# Your role: (\w+)", str([block["text"] for block in asked.body["system"]]))
    assert role is not None
    if role[1] in LEADERS:
        return uses("hand_off_idea", {"text": f"Does step {number_of(asked)} help?"})
    if role[1] in READERS:
        return uses("hand_off_note", {"text": "Which part of it would it be?"})
    if role[1] in MEMORY:
        return remembers(asked)
    assert role[1] in MAKERS, role[1]
    return makes(asked)


def makes(asked: Asked) -> Says:
    """One good step, once; then a repetition, a bundle, and luck."""
    n, done = number_of(asked), done_by(asked)
    if "is the same code as" in str(asked.body["messages"][-1]):
        return declines("it was measured already")
    if "Read" not in done:
        return uses("Read", {"file_path": "train.py"})
    if "Notebook" not in done and any(tool["name"] == "Notebook" for tool in asked.body["tools"]):
        return uses("Notebook", {"action": "add", "text": f"step {n} looks good", "hunch": True})
    if "Edit" not in done:
        is_now = dict(re.findall(r"(STEP|LUCK) = (\S+)", str(asked.body["messages"])))
        step, luck = {0: ("0.0", 1), 1: (is_now["STEP"], n), 2: ("0.5", 0), 3: ("0.5", n)}[n % 4]
        old, new = lines(is_now["STEP"], is_now["LUCK"]), lines(step, luck)
        return uses("Edit", {"file_path": "train.py", "old_string": old, "new_string": new})
    return uses(
        "hand_off_proposal", {"hypothesis": f"step {n}", "expected_gain": 0.1, "risk": "exploit", "cost": "nothing"}
    )


def lines(step: object, luck: object) -> str:
    return f"STEP = {step}  # 0.0 .. 1.0\nLUCK = {luck}  #"


def remembers(asked: Asked) -> Says:
    """Two findings become one, and the memo says so."""
    done = done_by(asked)
    found = list(dict.fromkeys(re.findall(r"\bf\d+\b", str(asked.body["system"]) + str(asked.body["messages"]))))
    if "Notebook" not in done and len(found) >= 2:
        return uses("Notebook", {"action": "supersede", "ids": found[:2], "text": "both were luck", "hunch": True})
    return uses("hand_off_memo", {"text": "Nothing is certain yet."})


class Lab(NamedTuple):
    name: str
    said: Said
    run: Path


@pytest.fixture(scope="module", params=["eight-solos", "chief-and-juniors", "microgpt-claude"])
def lab(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    home = tmp_path_factory.mktemp("lab")
    for name in (f"orgs/{request.param}", "roles"):
        shutil.copytree(ROOT / name, home / name)
    (home / "examples" / "microgpt").mkdir(parents=True)
    (home / "examples" / "microgpt" / "train.py").write_text(TRAIN)
    program = home / "orgs" / request.param / "program.md"
    with MessagesServer(script) as server:
        entry = f'{{model: scripted, base_url: "{server.url}", context: 200000, max_output: 2000}}'
        text = re.sub(
            r"^  (\w+): (claude|\{model: claude).*$", rf"  \1: {entry}", program.read_text(), flags=re.MULTILINE
        )
        program.write_text(text)
        words = ("run", program.parent, "--seed", "1", "--run-id", "r1", "--cpus", "2", "--budget", "trials=40")
        said = orgrun_process(*words, cwd=home, timeout=400)
        yield Lab(request.param, said, home / ".orgrun" / "runs" / "r1")


def test_it_runs_and_its_books_are_sound(lab: Lab) -> None:
    assert lab.said.code == 0, lab.said.out + lab.said.err
    assert audit(lab.run / "ledger.db") == []


def test_what_was_measured_is_not_measured_again(lab: Lab) -> None:
    """The repetition is refused with the earlier result, to the one who proposed it."""
    told = [line for path in (lab.run / "steps").glob("*.jsonl") for line in path.read_text().splitlines()]
    assert any("is the same code as pq" in line and "against the lead" in line for line in told)
    with Ledger.open_readonly(lab.run / "ledger.db") as ledger:
        assert len({one.tree for one in ledger.proposals()}) > 3


def test_luck_is_not_sold_as_a_gain(lab: Lab) -> None:
    """Half of the steps change nothing: what is certified is the one good step, at its true size."""
    found = [json.loads(path.read_text()) for path in (lab.run / "certificates").glob("*.json")]
    assert found
    assert all(one["gain_interval"][0] < GAIN < one["gain_interval"][1] for one in found), found


def test_a_stand_up_makes_one_finding_of_two(lab: Lab) -> None:
    with Ledger.open_readonly(lab.run / "ledger.db") as ledger:
        findings = {one.id: one for one in ledger.findings(active=False)}
        memos = ledger.memos()
    merged = [one for one in findings.values() if one.text == "both were luck"]
    has_scribe = lab.name == "microgpt-claude"
    assert (bool(memos), bool(merged)) == (has_scribe, has_scribe)
    assert sum(one.superseded_by in {new.id for new in merged} for one in findings.values()) == 2 * len(merged)
