"""One run with all that a step may wait for: a person, a tool server, a model that is slow; interrupted and resumed.

Two desks. The first inquiry asks a person, the second uses a tool server, the third is in the middle of a model's
answer when Ctrl-C comes; every later one declines.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from cli_cases import Said, orgrun, orgrun_process
from thinking_cases import TRAIN, declines, done_by, events, inquiry_of, proposes, transcript, write_org
from warm import Orgrun

from orgruntime.ledger.audit import audit
from orgruntime.ledger.store import Ledger, NotARun
from orgruntime.model.people import QuestionState
from orgruntime.testing.messages_bill import Bill
from orgruntime.testing.messages_script import Asked, Fault, Says, text, uses
from orgruntime.testing.messages_server import MessagesServer

pytestmark = [pytest.mark.ray, pytest.mark.slow(55), pytest.mark.timeout(450)]

SERVER = """\
import json, sys
TOOL = {"name": "find", "description": "Finds a paper.", "inputSchema": {"type": "object"}}
INFO = {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}, "serverInfo": {"name": "s", "version": "1"}}
for line in sys.stdin:
    asked = json.loads(line)
    if "id" not in asked:
        continue
    answer = {"jsonrpc": "2.0", "id": asked["id"]}
    if asked["method"] == "initialize":
        answer["result"] = INFO
    elif asked["method"] == "tools/list":
        answer["result"] = {"tools": [TOOL]}
    elif asked["method"] == "tools/call":
        answer["result"] = {"content": [{"type": "text", "text": "found: " + asked["params"]["arguments"]["about"]}]}
    else:
        answer["error"] = {"code": -32601, "message": "no such method"}
    print(json.dumps(answer), flush=True)
"""
DECLARED = "mcp_servers: {papers: {command: [python, tools/papers.py]}}\n---\n\n# Thinking lab"
TOOLS = "Read, Write, AskHuman, mcp__papers__find"
STALLED = text("word " * 400, fault=Fault.STALLED)
"""Half of it comes at once, the rest never: what the server charged has arrived long before Ctrl-C."""


def script(asked: Asked) -> Says:
    inquiry, done = inquiry_of(asked), done_by(asked)
    if inquiry not in ("q1", "q2", "q3"):
        return declines("no more")
    if inquiry == "q1" and "AskHuman" not in done:
        return uses("AskHuman", {"text": "North or south?", "choices": ["north", "south"]})
    if inquiry == "q2" and "mcp__papers__find" not in done:
        return uses("mcp__papers__find", {"about": "width"})
    if inquiry == "q3" and not asked.again and not asked.turn:
        return STALLED
    if "Write" not in done:
        content = TRAIN.format(sleep=0.0).replace("A = 0.5", f"A = 0.4{inquiry[1:]}")
        return uses("Write", {"file_path": "train.py", "content": content})
    return proposes(f"{inquiry} after {'north' if '(north)' in str(asked.body['messages']) else 'nobody'}")


class Interrupted(NamedTuple):
    home: Path
    before: dict[str, str]
    """Inquiry → verdict, while the question was still open."""
    answered: Said
    code: int
    state: tuple[str, str, int]
    """State, reason and reserved tokens after Ctrl-C."""
    resumed: Said
    asked: tuple[Asked, ...]
    bills: tuple[Bill, ...]

    @property
    def run(self) -> Path:
        return self.home / ".orgrun" / "runs" / "r1"


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Interrupted]:
    home = tmp_path_factory.mktemp("waiting")
    with MessagesServer(script) as server:
        org = write_org(home, server.url, count=2, budget="trials: 100, usd: 50", tools=TOOLS)
        program = org / "program.md"
        program.write_text(program.read_text().replace("---\n\n# Thinking lab", DECLARED))
        (org / "tools").mkdir()
        (org / "tools" / "papers.py").write_text(SERVER)
        runs = home / ".orgrun" / "runs"
        words = ("run", org, "--seed", "1", "--run-id", "r1", "--cpus", "2")
        with (home / "driver.log").open("w") as log:
            driver = Orgrun(*words, cwd=home, stdout=log, stderr=log, session=True)
        try:
            wait_for(driver, lambda: "q2" in verdicts(runs / "r1") and asks(server, "q3"), home)
            before = verdicts(runs / "r1")
            answered = orgrun("answer", "r1", "h1", "north: it is warmer", "--runs", runs)
            wait_for(driver, lambda: "q1" in verdicts(runs / "r1"), home)
            os.killpg(driver.pid, signal.SIGINT)
            code = driver.wait(60)
        finally:
            if driver.poll() is None:
                driver.kill()
                driver.wait()
        with Ledger.open_readonly(runs / "r1" / "ledger.db") as ledger:
            state = (ledger.run().state.value, ledger.run().reason, ledger.amounts().reserved.tokens)
        resumed = orgrun_process("resume", "r1", "--cpus", "2", cwd=home)
        yield Interrupted(
            home, before, answered, code, state, resumed, tuple(server.asked), tuple(server.bills)
        )  # fmt: skip


def wait_for(driver: Orgrun, arrived: Callable[[], object], home: Path) -> None:
    for _ in range(1200):
        if arrived():
            return
        assert driver.poll() is None, (home / "driver.log").read_text()[-3000:]
        try:
            driver.wait(0.1)
        except subprocess.TimeoutExpired:
            continue
    raise AssertionError((home / "driver.log").read_text()[-3000:])


def asks(server: MessagesServer, inquiry: str) -> bool:
    return any(inquiry_of(asked) == inquiry for asked in server.asked)


def verdicts(run: Path) -> dict[str, str]:
    try:
        with Ledger.open_readonly(run / "ledger.db") as ledger:
            found = {one.inquiry: ledger.verdict(one.id) for one in ledger.proposals()}
    except NotARun:
        return {}
    return {inquiry: verdict.word.value for inquiry, verdict in found.items() if verdict is not None}


def spends(run: Path) -> dict[str, Any]:
    with Ledger.open_readonly(run / "ledger.db") as ledger:
        return {row["id"]: row for row in ledger.database.rows("SELECT * FROM spends")}


def test_others_go_on_while_a_person_is_waited_for(interrupted: Interrupted) -> None:
    assert interrupted.before.keys() == {"q2"}
    assert interrupted.answered.code == 0
    assert interrupted.answered.out == "h1 of r1 is answered\n"


def test_a_person_answers_a_model(interrupted: Interrupted) -> None:
    with Ledger.open_readonly(interrupted.run / "ledger.db") as ledger:
        question = ledger.question("h1")
        said = {one.inquiry: one.hypothesis for one in ledger.proposals()}
    assert question is not None
    assert (question.state, question.role, question.chosen) == (QuestionState.ANSWERED, "thinker", "north")
    assert said == {"q1": "q1 after north", "q2": "q2 after nobody", "q3": "q3 after nobody"}
    words = next(asked.text for asked in interrupted.asked if "answers h1" in asked.text)
    assert "it is warmer" in words


def test_a_tool_of_a_server_is_granted_and_used_once(interrupted: Interrupted) -> None:
    lines = transcript(interrupted.run, "q2.0")
    used = [line for line in lines if (line.get("use") or {}).get("name") == "mcp__papers__find"]
    assert [line["kind"] for line in used] == ["began", "may"]
    assert used[1]["answer"]["result"]["text"] == "found: width"
    assert "mcp__papers__find" in interrupted.asked[0].tools


def test_ctrl_c_in_the_middle_of_an_answer_settles_it(interrupted: Interrupted) -> None:
    assert interrupted.code == 130
    assert interrupted.state == ("stopped", "interrupted", 0)
    assert "Traceback" not in (interrupted.home / "driver.log").read_text()
    first = next(asked.n for asked in interrupted.asked if inquiry_of(asked) == "q3")
    (cut,) = [bill for bill in interrupted.bills if bill.n == first]
    assert cut.outcome == "client gone"
    row = spends(interrupted.run)["q3.0.0#1"]
    assert row["state"] == "settled"
    assert cut.usage.tokens <= row["used_tokens"] < row["cap_tokens"]
    (told,) = [event for event in events(interrupted.run, "settle-spend") if event["subject"] == "q3.0.0#1"]
    assert told["outcome"] == "cancelled"


def test_a_resumed_run_goes_on_with_that_call(interrupted: Interrupted) -> None:
    assert interrupted.resumed.code == 0, interrupted.resumed.err
    assert audit(interrupted.run / "ledger.db") == []
    again = Counter(asked.digest for asked in interrupted.asked)
    twice = {inquiry_of(asked) for asked in interrupted.asked if again[asked.digest] > 1}
    assert sum(count - 1 for count in again.values()) <= 2, "at most the call that each desk was in"
    assert "q3" in twice
    assert twice.isdisjoint({"q1", "q2"})
    assert "q3.0.0#2" in spends(interrupted.run)
    assert verdicts(interrupted.run).keys() == {"q1", "q2", "q3"}
    with Ledger.open_readonly(interrupted.run / "ledger.db") as ledger:
        assert ledger.amounts().reserved.tokens == 0
    assert json.loads(interrupted.run.joinpath("manifest.json").read_text())["servers"][0]["name"] == "papers"
