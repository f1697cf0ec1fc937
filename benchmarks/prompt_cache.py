"""Claim: of what a model reads in a step of twenty calls, at least 80 % lies in the prefix that a server keeps.

    python benchmarks/prompt_cache.py                                # the recorded step of a researcher
    python benchmarks/prompt_cache.py RUN/steps/q3.1.jsonl …         # any step of any run
    python benchmarks/prompt_cache.py --record FILE                  # records that step anew (a minute)

A step's record holds all that was asked of its model: the step is played again through the graph of the role, with the
recorded answers, and the requests that the client makes of it are counted as a server counts them, by their marks for
the cache: a token a byte, at least 1,024 tokens, 20 blocks back. The recorded step is one of the researcher of
orgs/microgpt-claude, its model a script that reads, searches and edits the example and then proposes.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from orgruntime.backends.anthropic_request import body_of, capabilities_of
from orgruntime.backends.desk_tools import Ran
from orgruntime.backends.role_graph import play
from orgruntime.backends.worktree import Changes
from orgruntime.model.dialogue import ModelCall, ToolResult, ToolUse, Usage
from orgruntime.model.manifest import ModelSpec
from orgruntime.model.step import Answer, Ask, AskKind, StepRequest
from orgruntime.runtime.transcripts import Line, read_lines
from orgruntime.testing.messages_bill import Counter
from orgruntime.testing.messages_script import Asked, Says, uses
from orgruntime.testing.messages_server import MessagesServer

ROOT = Path(__file__).parents[1]
RECORDED = ROOT / "tests" / "unit" / "backends" / "recorded_step.jsonl"
FLOOR = 1024


class Played:
    """A recorded step, played again. `calls` are those of its model."""

    def __init__(self, path: Path) -> None:
        lines, _ = read_lines(path)
        self._lines: dict[tuple[str, int], Line] = {(line["kind"], line["k"]): line for line in lines}
        self.request = StepRequest.model_validate(self._lines["begin", 0]["request"])
        self.calls: list[ModelCall] = []
        play(self.request, self._answer, self)

    def use(self, use: ToolUse) -> Ran:
        raise AssertionError("a recorded tool does not run again")

    def apply(self, changes: Changes) -> None:
        """Nothing is looked at."""

    def files(self) -> dict[str, str]:
        return {}

    def _answer(self, ask: Ask) -> Answer:
        if ask.kind is AskKind.MODEL:
            assert ask.call is not None
            bench = self.request.bench
            assert bench is not None
            self.calls.append(ask.call.model_copy(update={"system": bench.system, "tools": bench.tools}))
        line = self._lines.get((ask.kind.value, ask.n))
        if line is None:
            return Answer(over="the record ends here")
        answer = Answer.model_validate(line["answer"])
        if not answer.run:
            return answer
        did = self._lines.get((AskKind.DID.value, ask.n))
        return Answer(result=ToolResult.model_validate(did["result"])) if did else Answer(over="cut off")


def usages(calls: list[ModelCall], counter: Counter | None = None) -> Iterator[Usage]:
    """What a server charges for each, in order. `counter`: with the cache of earlier steps."""
    model = ModelSpec(name="m", species="claude-opus-5-5")
    counter = counter or Counter(1, FLOOR)
    for call in calls:
        yield counter.charge(body_of(model, call, capabilities_of(model)))


def share_kept(found: list[Usage]) -> float:
    """Of the input, what was read from the cache."""
    return sum(one.cache_read for one in found) / sum(one.tokens - one.output for one in found)


def researcher(asked: Asked) -> Says:
    """A director with one idea, and a researcher that takes twenty calls for it."""
    if "hand_off_idea" in asked.tools:
        return uses("hand_off_idea", {"text": "Does the last layer profit from a learning rate of its own?"})
    turn = asked.turn
    if turn < len(ACTS):
        name, given = ACTS[turn]
        return uses(name, given, id=f"toolu_{turn:02}")
    return uses("hand_off_proposal", PROPOSED, id="toolu_end")


PROPOSED = {
    "hypothesis": "A clipped gradient lets LEARNING_RATE stand higher early on; refuted if the loss stays the same.",
    "expected_gain": 0.01, "risk": "explore", "cost": "none",
}  # fmt: skip
ACTS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("Glob", {"pattern": "*.py"}),
    ("Read", {"file_path": "train.py", "limit": 120}),
    ("Read", {"file_path": "train.py", "offset": 121, "limit": 120}),
    ("Read", {"file_path": "train.py", "offset": 241}),
    ("Ledger", {"what": "best"}),
    ("Ledger", {"what": "failed"}),
    ("Grep", {"pattern": "learning_rate|LEARNING_RATE", "output_mode": "content"}),
    ("Read", {"file_path": "prepare.py", "limit": 80}),
    ("Grep", {"pattern": "def ", "path": "prepare.py", "output_mode": "content"}),
    ("Notebook", {"action": "read"}),
    ("Grep", {"pattern": "class Adam", "output_mode": "content", "-A": 22}),
    ("Edit", {"file_path": "train.py", "old_string": "WEIGHT_DECAY = 0.1 ", "new_string": "WEIGHT_DECAY = 0.05 "}),
    ("Grep", {"pattern": "WEIGHT_DECAY", "output_mode": "content", "-C": 3}),
    ("Edit", {"file_path": "train.py", "old_string": "WEIGHT_DECAY = 0.05 ", "new_string": "WEIGHT_DECAY = 0.1 "}),
    ("Edit", {"file_path": "train.py", "old_string": "INIT_SCALE = 0.02 ", "new_string": "INIT_SCALE = 0.03 "}),
    ("Read", {"file_path": "train.py", "offset": 20, "limit": 25}),
    ("Grep", {"pattern": "INIT_SCALE", "output_mode": "content"}),
    ("Ledger", {"what": "near", "text": "a wider initialisation"}),
    ("Read", {"file_path": "train.py", "offset": 250, "limit": 50}),
)


def record(target: Path) -> None:
    with tempfile.TemporaryDirectory() as folder, MessagesServer(researcher) as server:
        home = Path(folder)
        for name in ("orgs", "roles", "examples"):
            shutil.copytree(ROOT / name, home / name)
        program = home / "orgs" / "microgpt-claude" / "program.md"
        entry = f'{{model: scripted, base_url: "{server.url}", context: 200000, max_output: 4000}}'
        lines = program.read_text().splitlines()
        names = ("  thinker:", "  worker:", "  clerk:")
        lines = [f"{line.partition(':')[0]}: {entry}" if line.startswith(names) else line for line in lines]
        program.write_text("\n".join(lines) + "\n")
        words = [sys.executable, "-m", "orgruntime.cli.main", "run", str(program.parent), "--seed", "1"]
        words += ["--run-id", "r1", "--runs", str(home / "runs"), "--model", "researcher=worker"]
        driver = subprocess.Popen(words, start_new_session=True)
        done: list[str] = []
        while driver.poll() is None and not done:
            time.sleep(0.5)
            steps = [path.read_text() for path in (home / "runs" / "r1" / "steps").glob("*.1.jsonl")]
            done = [step for step in steps if '"how":"proposal"' in step]
        os.killpg(driver.pid, signal.SIGINT)
        driver.wait()
        target.write_text(done[0])


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("steps", nargs="*", type=Path, default=[RECORDED])
    options.add_argument("--record", type=Path)
    given = options.parse_args()
    if given.record:
        record(given.record)
        return
    for path in given.steps:
        calls = Played(path).calls
        found = list(usages(calls))
        whole = sum(one.tokens - one.output for one in found)
        print(f"{path.name}: {len(calls)} calls, {whole:,} input tokens, {share_kept(found):.1%} read from the cache")


if __name__ == "__main__":
    main()
