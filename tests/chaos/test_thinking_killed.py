"""kill -9 of the driver while language models think: at most the calls under way are asked again, and no tool works
twice."""

from __future__ import annotations

import os
import signal
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from chaos_run import until

from orgruntime.ledger.audit import audit
from orgruntime.ledger.store import Ledger
from orgruntime.runtime.transcripts import read_lines
from orgruntime.testing.messages_script import Asked, Says
from orgruntime.testing.messages_server import MessagesServer

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "functional"))

from thinking_cases import done_by, number_of, proposes, steadfast, uses, write_org
from warm import Orgrun

DESKS = 2
KILLS = 2
EFFECTS = ("RunTrial", "Notebook")
"""Tools that do something outside the worktree."""


def with_effects(asked: Asked) -> Says:
    """As `steadfast`, with a probe and a finding: effects outside the worktree. Slow enough to be killed in."""
    done = done_by(asked)
    says = steadfast(asked)
    if "Bash" in done and "RunTrial" not in done:
        says = uses("RunTrial")
    elif "RunTrial" in done and "Notebook" not in done:
        says = uses("Notebook", {"action": "add", "text": f"finding of step {number_of(asked)}", "hunch": True})
    elif "Notebook" in done:
        says = proposes(f"step {number_of(asked)} helps")
    return Says(says.content, delay_s=0.4)


def effects(lines: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """(`asked` or `done`, tool) of each use of a step that reaches beyond its worktree, in order."""
    found = []
    for line in lines:
        answer = line.get("answer") or {}
        if line["kind"] == "model":
            blocks = (answer.get("reply") or {}).get("content", ())
            found += [("asked", block["name"]) for block in blocks if block.get("name") in EFFECTS]
        elif line["kind"] == "may" and line["use"]["name"] in EFFECTS and _served(answer):
            found.append(("done", line["use"]["name"]))
    return found


def _served(answer: dict[str, Any]) -> bool:
    result = answer.get("result")
    return result is not None and not result.get("is_error")


def under_way(run: Path) -> set[str]:
    """Steps that have asked for an effect and have no answer yet."""
    return {step for step, found in open_steps(run).items() if found and found[-1][0] == "asked"}


def done(run: Path) -> set[str]:
    """Steps that go on after an effect."""
    return {step for step, found in open_steps(run).items() if any(kind == "done" for kind, _ in found)}


def open_steps(run: Path) -> dict[str, list[tuple[str, str]]]:
    """Of the steps that have not ended."""
    found = {path.stem: read_lines(path)[0] for path in (run / "steps").glob("*.jsonl")}
    return {step: effects(lines) for step, lines in found.items() if all(line["kind"] != "end" for line in lines)}


def kill(driver: Orgrun, home: Path, there: Callable[[], object]) -> None:
    """The driver, where it stands: it is put to sleep first and looked at again, so that it is killed there however
    late this process is."""

    def asleep() -> bool:
        if not there():
            return False
        driver.send_signal(signal.SIGSTOP)
        stat = Path(f"/proc/{driver.pid}/stat")
        assert until(lambda: stat.read_text().rpartition(")")[2].split()[0] == "T", every_s=0.01)
        if there():
            return True
        driver.send_signal(signal.SIGCONT)
        return False

    assert until(asleep), _log(home)
    os.kill(driver.pid, signal.SIGKILL)
    driver.wait()


def drive(home: Path, *words: object) -> Orgrun:
    with (home / "driver.log").open("ab") as log:
        environment = {**os.environ, "TMPDIR": str(temporary(home))}
        return Orgrun(*words, cwd=home, stdout=log, stderr=log, session=True, env=environment)


def temporary(home: Path) -> Path:
    """The drivers' temporary folder. Its path is too long for a cluster's, which goes elsewhere and is cleaned up."""
    folder = home / "temporary"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.mark.ray
@pytest.mark.slow(100)
@pytest.mark.timeout(600)
def test_a_killed_driver_repeats_at_most_the_calls_under_way_and_no_effect_of_a_tool(tmp_path: Path) -> None:
    with MessagesServer(with_effects) as server:
        org = write_org(tmp_path, server.url, count=DESKS, budget="trials: 44, usd: 50")
        run = tmp_path / ".orgrun" / "runs" / "r1"
        driver = drive(tmp_path, "run", org, "--seed", "1", "--run-id", "r1", "--cpus", "2")
        cut: list[set[str]] = []
        for wanted in (under_way, done):
            # A step that was cut there already does not count again.
            before = set[str]().union(*cut)
            kill(driver, tmp_path, lambda wanted=wanted, before=before: wanted(run) - before)
            cut.append(under_way(run) | done(run))
            assert os.listdir(temporary(tmp_path)) == [], "nothing is made where no guardian removes it"
            driver = drive(tmp_path, "resume", "r1", "--cpus", "2")
        assert driver.wait(timeout=300) == 0, _log(tmp_path)
        asked, total = server.asked, server.total
    assert len(cut) == KILLS
    assert all(cut), "each kill cut a step that had begun or ended something outside its worktree"
    again = Counter(one.digest for one in asked)
    repeated = sum(count - 1 for count in again.values())
    assert repeated <= KILLS * DESKS, "one call for each desk that was cut"
    assert audit(run / "ledger.db") == []
    with Ledger.open_readonly(run / "ledger.db") as ledger:
        spent = ledger.amounts().spent
        assert spent.tokens >= total.tokens, "a call that was cut off is charged in full"
        assert ledger.amounts().reserved.tokens == 0
        findings = [one.text for one in ledger.findings(active=False)]
        probes = [row for row in ledger.trials() if row.purpose == "probe"]
    assert len(findings) == len(set(findings)) > 0, "no finding was written twice"
    assert len(probes) == len({row.key for row in probes}) > 0
    for path in (run / "steps").glob("*.jsonl"):
        lines, _ = read_lines(path)
        served = Counter(use for kind, use in effects(lines) if kind == "done")
        assert set(served.values()) <= {1}, f"{path.name}: {served}"
        uses_of = Counter((line["kind"], line["k"]) for line in lines)
        assert max(uses_of.values()) == 1, f"{path.name} answers a question twice"


def _log(home: Path) -> str:
    return (home / "driver.log").read_text(errors="replace")[-4000:]
