"""Runs in which a language model thinks, from the command line: real Ray, real HTTP, a scripted model."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from cli_cases import Said, assert_one_sentence, orgrun, orgrun_process
from thinking_cases import events, number_of, steadfast, transcript, write_org
from warm import Orgrun

from orgruntime.ledger.audit import audit
from orgruntime.ledger.store import Ledger
from orgruntime.model.dialogue import Usage
from orgruntime.testing.messages_script import Asked, Says
from orgruntime.testing.messages_server import MessagesServer, Traits

KEY = "not-of-a-known-shape-4711"
END = b"the run has ended"


class Thought(NamedTuple):
    """A finished run."""

    home: Path
    said: Said
    total: Usage
    """As the server counted."""
    followed: list[bytes]
    """What `orgrun logs -f thinker` printed while the run went on, and afterwards."""

    @property
    def runs(self) -> Path:
        return self.home / ".orgrun" / "runs"

    @property
    def run(self) -> Path:
        return self.runs / "r1"


@pytest.fixture(scope="module")
def thought(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Thought]:
    home = tmp_path_factory.mktemp("thought")
    followed: list[bytes] = []

    def thinks(asked: Asked) -> Says:
        """The run does not end before its follower has shown some of it, however late that one comes."""
        deadline = time.monotonic() + 60 * (number_of(asked) == 5 and not asked.turn)
        while not is_followed(followed) and time.monotonic() < deadline:
            time.sleep(0.05)
        return steadfast(asked)

    with MessagesServer(thinks, traits=Traits(key=KEY)) as server:
        org = write_org(home, server.url, budget="trials: 44, usd: 50")
        program = org / "program.md"
        program.write_text(program.read_text().replace("{model: scripted", "{model: scripted, key_env: THE_KEY"))
        run = home / ".orgrun" / "runs" / "r1"
        follower = threading.Thread(target=follow, args=(run, followed))
        follower.start()
        env = {"THE_KEY": KEY}
        said = orgrun_process("run", org, "--seed", "1", "--run-id", "r1", "--cpus", "2", cwd=home, env=env)
        followed.append(END)
        follower.join(60)
        yield Thought(home, said, server.total, followed)


def is_followed(lines: list[bytes]) -> bool:
    return sum(b"Read file_path=train.py" in line for line in lines) > 2


def follow(run: Path, lines: list[bytes]) -> None:
    while not (run / "steps").exists():
        if END in lines:
            return
        time.sleep(0.1)
    follower = Orgrun("logs", "-f", "r1", "thinker", "--runs", run.parent, stdout=subprocess.PIPE)
    assert follower.stdout is not None
    with follower.stdout:
        for line in follower.stdout:
            lines.append(line)
    follower.wait(60)


@pytest.mark.ray
@pytest.mark.slow(90)
def test_an_org_runs_on_a_language_model(thought: Thought) -> None:
    assert thought.said.code == 0, thought.said.err
    assert audit(thought.run / "ledger.db") == []
    with Ledger.open_readonly(thought.run / "ledger.db") as ledger:
        proposals = ledger.proposals()
        assert len(proposals) >= 4
        assert {proposal.species for proposal in proposals} == {"scripted"}
        assert all(ledger.verdict(proposal.id) for proposal in proposals[:3])


@pytest.mark.ray
def test_the_same_folder_runs_on_a_search_algorithm_with_nothing_changed_but_the_model(thought: Thought) -> None:
    words = ("--seed", "1", "--run-id", "r2", "--cpus", "2", "--model", "thinker=search/tpe", "--budget", "trials=30")
    said = orgrun_process("run", "org", *words, cwd=thought.home)
    assert said.code == 0, said.err
    with Ledger.open_readonly(thought.runs / "r2" / "ledger.db") as ledger:
        assert {proposal.species for proposal in ledger.proposals()} == {"search/tpe"}
    assert not (thought.runs / "r2" / "steps").exists()


@pytest.mark.ray
def test_the_same_folder_runs_on_claude_with_nothing_changed_but_the_model(thought: Thought) -> None:
    """The client, its prices and its habits are Claude's; what answers is the script, as a proxy between would."""
    words = ("--seed", "1", "--run-id", "r3", "--cpus", "2", "--model", "thinker=claude-haiku-5-5")
    words = (*words, "--budget", "trials=30", "--budget", "usd=50")
    assert_one_sentence(orgrun_process("run", "org", *words, cwd=thought.home), 2, "ANTHROPIC_API_KEY")
    with MessagesServer(steadfast, traits=Traits(key=KEY)) as server:
        env = {"ANTHROPIC_API_KEY": KEY, "ANTHROPIC_BASE_URL": server.url}
        said = orgrun_process("run", "org", *words, cwd=thought.home, env=env)
    assert said.code == 0, said.err
    assert {asked.body["model"] for asked in server.asked} == {"claude-haiku-5-5"}
    with Ledger.open_readonly(thought.runs / "r3" / "ledger.db") as ledger:
        assert {proposal.species for proposal in ledger.proposals()} == {"claude-haiku-5-5"}
        assert ledger.amounts().spent.usd_micro > 0


@pytest.mark.ray
def test_the_ledger_holds_what_the_server_counted(thought: Thought) -> None:
    with Ledger.open_readonly(thought.run / "ledger.db") as ledger:
        spent, reserved = ledger.amounts().spent, ledger.amounts().reserved
    assert spent.tokens == thought.total.tokens > 0
    used = thought.total
    prompt = used.input + used.cache_read + used.cache_write
    assert abs(spent.usd_micro - (prompt + 5 * used.output)) <= 100, "a rounding of each call"
    assert reserved.tokens == 0


@pytest.mark.ray
def test_most_of_what_a_model_reads_is_read_from_its_cache(thought: Thought) -> None:
    used = thought.total
    assert used.cache_read >= 0.8 * (used.input + used.cache_read + used.cache_write)


@pytest.mark.ray
def test_status_says_what_became_of_calls_and_what_a_cache_held(thought: Thought) -> None:
    said = orgrun("status", "r1", "--runs", thought.runs)
    (line,) = [line for line in said.out.splitlines() if line.startswith("model ")]
    assert "scripted: " in line
    (used,) = json.loads(orgrun("status", "r1", "--runs", thought.runs, "--json").out)["models"]
    total = thought.total
    assert used["cached"] == total.cache_read / (total.input + total.cache_read + total.cache_write)
    assert f"{used['cached']:.0%} of the input from its cache" in line
    assert (used["model"], used["failed"]) == ("scripted", {})
    assert used["calls"] == used["attempts"] > 0


@pytest.mark.ray
def test_the_transcript_of_a_role_is_printed(thought: Thought) -> None:
    said = orgrun("logs", "r1", "thinker", "--runs", thought.runs)
    assert said.code == 0, said.err
    for words in (
        "thinker#0 q1.0  begins, thinker",
        "→ Read file_path=train.py",
        "✓ hand_off_proposal",
        "ends: proposal",
    ):
        assert words in said.out
    desk = orgrun("logs", "r1", "thinker#1", "-n", "5", "--runs", thought.runs).out.splitlines()
    assert len(desk) == 5
    assert all("thinker#1 " in line for line in desk)
    first = json.loads(orgrun("logs", "r1", "thinker", "--json", "--runs", thought.runs).out.splitlines()[0])
    assert (first["kind"], first["step"]) == ("begin", "q1.0")
    assert_one_sentence(orgrun("logs", "r1", "thinkr", "--runs", thought.runs), 2, "did you mean thinker?")


@pytest.mark.ray
def test_a_role_is_followed_while_it_thinks(thought: Thought) -> None:
    live = thought.followed[: thought.followed.index(END)]
    assert any(b"thinker#0 q1.0  begins" in line for line in live)
    assert is_followed(live)
    every = orgrun("logs", "r1", "thinker", "--runs", thought.runs).out.splitlines()
    assert len([line for line in thought.followed if line != END]) == len(every), "to its end, each line once"


@pytest.mark.ray
def test_no_file_of_a_run_holds_the_key(thought: Thought) -> None:
    files = [path for path in thought.run.rglob("*") if path.is_file()]
    assert files
    assert [path for path in files if KEY.encode() in path.read_bytes()] == []


@pytest.mark.ray
def test_every_step_has_a_transcript_that_ends(thought: Thought) -> None:
    steps = events(thought.run, "record-step")
    thinking = [step["subject"].replace("/", ".") for step in steps if step["role"] == "thinker"]
    for name in thinking:
        assert [line["kind"] for line in transcript(thought.run, name)][-1] == "end"
