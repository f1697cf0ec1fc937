"""Trials that lie, hang, eat, flood, spy and break out, through the whole path: each gets the verdict that it earned,
none is left running, and the lead stands where it stood."""

from __future__ import annotations

import json
import os
import shutil
import socket
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cli_cases import orgrun_process

from orgruntime.ledger.audit import audit
from orgruntime.ledger.rows import TrialRow
from orgruntime.ledger.store import Ledger
from orgruntime.model.research import Verdict, VerdictWord
from orgruntime.model.trial import Score

pytestmark = [pytest.mark.ray, pytest.mark.slow(65), pytest.mark.timeout(450)]

PROGRAM = """\
---
format: orgruntime/1
objective: {{metric: loss, direction: minimize}}
workspace:
  source: ../ws
  editable: [train.py]
  run: python -S -E train.py --seed {{seed}} --run {run} --port {port} --tag {tag}
  time_limit: 6s
  memory: 300 MiB
risk: {{preset: balanced, dry_spell: 100%}}
budget: {{trials: 100}}
models: {{default: search/random}}
---

# Hostile

Every proposal wants to win by other means.

## Roles

| role | kind | count |
|---|---|---|
| [Cheat](roles/cheat.md) | agent | 2 |
"""

KEPT = 80 * 1024
"""Bytes of a log at most: the first 16 KiB and the last 48 KiB, and some words."""


@dataclass(frozen=True)
class Earned:
    score: Score
    word: VerdictWord
    reason: str


MISSED = (Score.MEASURED, VerdictWord.DISCARD, "against the lead")
EVERYWHERE = {
    "hang": Earned(Score.TIMEOUT, VerdictWord.CRASH, "still running at its time limit"),
    "daemon": Earned(*MISSED),
    "nan": Earned(Score.INVALID, VerdictWord.DISCARD, "not a finite number"),
    "infinite": Earned(Score.INVALID, VerdictWord.DISCARD, "not a finite number"),
    "silent": Earned(Score.INVALID, VerdictWord.DISCARD, "it printed no `loss: NUMBER`; it printed nothing"),
    "hungry": Earned(Score.OUT_OF_MEMORY, VerdictWord.CRASH, "passed its memory limit"),
    "flood": Earned(*MISSED),
}
BOXED = EVERYWHERE | {
    "judge": Earned(Score.CRASH, VerdictWord.CRASH, "OSError"),
    "ledger": Earned(Score.CRASH, VerdictWord.CRASH, "FileNotFoundError"),
    "repository": Earned(Score.CRASH, VerdictWord.CRASH, "FileNotFoundError"),
    "network": Earned(Score.CRASH, VerdictWord.CRASH, "refused"),
}
"""In the sandbox what is not the trial's own is not there."""
BARE = EVERYWHERE | {
    "judge": Earned(Score.INVALID, VerdictWord.DISCARD, "it changed the frozen file judge.txt"),
    "ledger": Earned(*MISSED),
    "repository": Earned(*MISSED),
    "network": Earned(*MISSED),
}
"""Without one a trial has this user's rights, which the run says aloud; the judge is safe all the same."""


@dataclass
class HostileRun:
    folder: Path
    events: list[dict[str, object]]
    status: dict[str, object]
    tag: str
    visitors: int

    def ledger(self) -> Ledger:
        return Ledger.open_readonly(self.folder / "ledger.db")


def visits(listener: socket.socket) -> int:
    listener.settimeout(0.2)
    count = 0
    while True:
        try:
            listener.accept()[0].close()
        except TimeoutError:
            return count
        count += 1


@pytest.fixture(scope="module", params=["boxed", "bare"])
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostileRun]:
    if request.param == "boxed" and shutil.which("bwrap") is None:
        pytest.skip("bubblewrap is not installed")
    place, tag = tmp_path_factory.mktemp(request.param), f"hostile{uuid.uuid4().hex[:10]}"
    runs = place / "runs"
    for name in ("org/roles", "ws"):
        (place / name).mkdir(parents=True)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        program = PROGRAM.format(run=runs / "r", port=listener.getsockname()[1], tag=tag)
        (place / "org/program.md").write_text(program)
        (place / "org/roles/cheat.md").write_text("---\nname: cheat\n---\n\nYou cheat.\n")
        shutil.copy(Path(__file__).with_name("hostile_trial.py"), place / "ws/train.py")
        (place / "ws/judge.txt").write_text("judge well\n")
        words = ["run", place / "org", "--run-id", "r", "--json", "--runs", runs, "--seed", "1"]
        words += ["--no-sandbox"] if request.param == "bare" else []
        said = orgrun_process(*words, cwd=place, env={"TAG": tag}, timeout=400)
        assert said.code == 0, said.out[-3000:] + said.err[-3000:]
        *events, status = [json.loads(line) for line in said.out.splitlines()]
        yield HostileRun(runs / "r", events, status, tag, visits(listener))


@pytest.fixture
def earned(run: HostileRun) -> dict[str, Earned]:
    return BOXED if run.status["isolation"] == "strict" else BARE


def found(run: HostileRun) -> dict[str, tuple[list[TrialRow], Verdict | None]]:
    """Case → its trials and its verdict. Two desks that are asked at the same moment may draw the same case; the second
    one is refused as a duplicate, without a trial."""
    with run.ledger() as ledger:
        every = [
            (str(proposal.settings["CASE"]), ledger.trials_of(proposal.id), ledger.verdict(proposal.id))
            for proposal in ledger.proposals()
        ]
    first: dict[str, tuple[list[TrialRow], Verdict | None]] = {}
    for case, trials, verdict in sorted(every, key=lambda one: not one[1]):
        first.setdefault(case, (trials, verdict))
    return first


def test_each_gets_what_it_earned(run: HostileRun, earned: dict[str, Earned]) -> None:
    results = found(run)
    assert set(results) == set(earned)
    for case, (trials, verdict) in results.items():
        wanted = earned[case]
        assert verdict is not None, case
        assert {row.score for row in trials} == {wanted.score}, (case, trials)
        assert verdict.word is wanted.word, (case, verdict)
        assert wanted.reason in verdict.reason, (case, verdict.reason)


def test_the_lead_and_the_champion_stand_where_they_stood(run: HostileRun) -> None:
    with run.ledger() as ledger:
        assert ledger.lead_history() == []
        assert [row.certificate for row in ledger.champion_history()] == [None]
        assert ledger.certifications() == []
    assert run.status["champion"] is None
    assert audit(run.folder / "ledger.db") == []


def test_nothing_is_left_running(run: HostileRun) -> None:
    """A daemon too: it left its session and its parent, and was ended with its trial."""

    def left() -> list[str]:
        lines = []
        for path in Path("/proc").glob("[0-9]*"):
            try:
                words = (path / "cmdline").read_bytes() + (path / "environ").read_bytes()
            except OSError:
                continue
            if run.tag.encode() in words and int(path.name) != os.getpid():
                lines.append(words[:200].decode(errors="replace"))
        return lines

    deadline = time.monotonic() + 120
    while left() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert left() == []


def test_nobody_called_from_a_sandbox(run: HostileRun) -> None:
    """The trial without a sandbox shows that the call would have been heard."""
    assert (run.visitors > 0) == (run.status["isolation"] == "none")


def test_a_missing_sandbox_is_said_aloud(run: HostileRun) -> None:
    said = [event["text"] for event in run.events if str(event["text"]).startswith("NO SANDBOX")]
    assert len(said) == (run.status["isolation"] == "none")


def test_a_flood_of_output_is_not_kept(run: HostileRun) -> None:
    with run.ledger() as ledger:
        flood = next(proposal for proposal in ledger.proposals() if proposal.settings["CASE"] == "flood")
        keys = [row.key for row in ledger.trials_of(flood.id)]
    logs = [path for key in keys for path in (run.folder / "logs").rglob(f"*{key}*")]
    assert logs
    assert all(path.stat().st_size < KEPT for path in logs)
    assert sum(path.stat().st_size for path in run.folder.rglob("*") if path.is_file()) < 20 * 2**20


def test_the_infrastructure_is_not_blamed(run: HostileRun) -> None:
    with run.ledger() as ledger:
        assert {row.attempts for row in ledger.trials()} == {1}
