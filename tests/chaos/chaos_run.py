"""An org, a driver process and the questions that every killed run must answer. For the tests of this folder.

A run's folder, every command of its trials and the file that its driver prints to carry a tag, and so does the
environment of its driver; a process that shows the tag in its command line, its environment or its open files was
started by the run, whoever adopted it.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import pygit2

from orgruntime.api.folders import RunFolder
from orgruntime.ledger.audit import audit
from orgruntime.ledger.rows import TrialState
from orgruntime.ledger.store import Ledger, LedgerError
from orgruntime.model.status import RunState
from orgruntime.model.trial import Score
from orgruntime.scheduler.evidence import replay

sys.path.insert(0, str(Path(__file__).parents[1]))

from warm import Orgrun

Driver = Orgrun | subprocess.Popen[bytes]

PROGRAM = """\
---
format: orgruntime/1
objective: {{metric: loss, direction: minimize}}
workspace:
  source: ../ws
  editable: [train.py]
  run: python -S -E train.py --seed {{seed}} --tag {tag}
  time_limit: 20s
risk: {{preset: balanced, dry_spell: 100%}}
budget: {{trials: {trials}, cpu_hours: 1}}
models: {{default: search/random}}
{network}---

# Chaos

Make loss small.

## Roles

| role | kind | count | resources |
|---|---|---|---|
| [Seeker](roles/seeker.md) | agent | {desks} | |
| [Trainer](roles/trainer.md) | experiment | | nodes: {nodes} |
| [Referee](roles/referee.md) | verifier | | nodes: {nodes} |
"""

TRAIN = """\
import random, sys, time
A = 0.5  # 0.0 .. 1.0
B = 0.5  # 0.0 .. 1.0
seed = sys.argv[sys.argv.index("--seed") + 1]
luck = random.Random(seed)
time.sleep({sleep} * (0.5 + luck.random()) * (4 if A == B == 0.5 else 1))
print("---")
print(f"loss: {{(A - 0.8) ** 2 + (B - 0.2) ** 2 + 1 + random.Random(f'{{seed}} {{A}} {{B}}').gauss(0, 0.01):.6f}}")
"""
"""The base takes four times as long: the noise floor and a certification, which measure it, last for seconds, so that
whoever looks late still finds the run in them."""

SOON = 120.0
"""Seconds that anything may take which takes one or two."""


def until(what: Callable[[], object], limit_s: float = SOON, every_s: float = 0.1) -> bool:
    """Whether `what` came true in time."""
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        if what():
            return True
        time.sleep(every_s)
    return bool(what())


def tagged(*marks: str) -> dict[int, str]:
    """Process id → command line, of every process that shows a mark, but the one that asks."""
    found = {}
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) != os.getpid():
            shown = _shown(Path("/proc", name))
            if any(mark in words for words in shown for mark in marks):
                found[int(name)] = shown[0].replace("\0", " ").strip()[:200]
    return found


def _shown(process: Path) -> list[str]:
    """Command, environment and open files: a process may write a title over the first two."""
    shown = [""]
    with contextlib.suppress(OSError):
        shown = [(process / what).read_text(errors="replace") for what in ("cmdline", "environ")]
        shown += [os.readlink(handle) for handle in (process / "fd").iterdir()]
    return shown


@dataclass
class ChaosRun:
    """One run of one org, driven by processes that the test may kill."""

    place: Path
    trials: int = 70
    desks: int = 1
    """Each driver starts its own, more than a second of work for one."""
    nodes: int = 1
    """That each trial spans."""
    sleep: float = 0.3
    train: str = TRAIN
    joins: Mapping[str, str] = field(default_factory=dict)
    """The environment of drivers that join a cluster, RAY_ADDRESS with it. Empty: each starts its own."""
    tag: str = field(default_factory=lambda: f"chaos{uuid.uuid4().hex[:10]}")
    driver: Driver | None = None
    driven: int = 0
    drivers: list[Driver] = field(default_factory=list)

    def __post_init__(self) -> None:
        # Ray's sockets need a short path, and what a killed driver leaves there must not stay on the machine.
        self.temporary = Path(tempfile.mkdtemp(prefix="oc-", dir="/tmp"))
        self.runs = self.place / self.tag
        (self.place / "org/roles").mkdir(parents=True)
        (self.place / "ws").mkdir()
        network = "network: [trainer, referee]\n" if self.nodes > 1 else ""
        program = PROGRAM.format(tag=self.tag, trials=self.trials, desks=self.desks, nodes=self.nodes, network=network)
        (self.place / "org/program.md").write_text(program)
        for name, does in (("seeker", "propose settings"), ("trainer", "measure"), ("referee", "certify")):
            (self.place / f"org/roles/{name}.md").write_text(f"---\nname: {name}\n---\n\nYou {does}.\n")
        (self.place / "ws/train.py").write_text(self.train.format(sleep=self.sleep))

    @property
    def folder(self) -> RunFolder:
        return RunFolder(self.runs / "r")

    def go(self, *, fresh: bool = False) -> Driver:
        """Starts the run, or resumes it where there is something to resume. `fresh`: by a Python that has to import."""
        if self.folder.ledger_file.exists():
            words = ["resume", "r"]
        else:
            words = ["run", str(self.place / "org"), "--run-id", "r", "--seed", "5"]
        words += ["--json", "--runs", str(self.runs)]
        words += ["--address", self.joins["RAY_ADDRESS"], "--wait", "3m"] if self.joins else []
        self.driven += 1
        with self.said().open("wb") as out:
            self.driver = self._fresh(words, out) if fresh else self._warm(words, out)
        self.drivers.append(self.driver)
        return self.driver

    def _warm(self, words: list[str], out: IO[bytes]) -> Driver:
        return Orgrun(*words, stdout=out, stderr=subprocess.STDOUT, env=self.environment(), session=True)

    def _fresh(self, words: list[str], out: IO[bytes]) -> Driver:
        command = [sys.executable, "-m", "orgruntime.cli.main", *words]
        return subprocess.Popen(
            command, stdout=out, stderr=subprocess.STDOUT, env=self.environment(), start_new_session=True
        )

    def environment(self) -> dict[str, str]:
        return {**os.environ, "CHAOS_TAG": self.tag, "TMPDIR": str(self.temporary), **self.joins}

    def said(self, number: int | None = None) -> Path:
        """What a driver prints to. Its name shows the tag: a driver has this file open, whatever its command line."""
        return self.place / f"{self.tag}-{number or self.driven}.out"

    def output(self) -> str:
        return self.said().read_text(errors="replace")

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Only the driver."""
        assert self.driver is not None
        with contextlib.suppress(ProcessLookupError):
            self.driver.send_signal(number)
        if number == signal.SIGKILL:
            self.driver.wait(SOON)

    def wait(self, limit_s: float = 180.0) -> int:
        assert self.driver is not None
        return self.driver.wait(limit_s)

    def ended(self) -> bool:
        return self.driver is None or self.driver.poll() is not None

    @contextlib.contextmanager
    def ledger(self) -> Iterator[Ledger | None]:
        try:
            ledger = Ledger.open_readonly(self.folder.ledger_file)
        except LedgerError:
            yield None
            return
        with ledger:
            yield ledger

    def settled(self) -> int:
        with self.ledger() as ledger:
            return 0 if ledger is None else ledger.settled_trials()

    def running(self) -> int:
        with self.ledger() as ledger:
            return 0 if ledger is None else len(ledger.running_attempts())

    def certifying(self) -> bool:
        with self.ledger() as ledger:
            return ledger is not None and ledger.open_certification() is not None

    def measured_noise(self) -> bool:
        with self.ledger() as ledger:
            return ledger is not None and ledger.noise() is not None

    def reach(self, phase: str) -> None:
        """Waits until the driver is in a phase of the run."""
        settled = self.settled()
        phases: dict[str, Callable[[], object]] = {
            "noise": lambda: not self.measured_noise(),
            "working": lambda: self.settled() > settled,
            "screening": lambda: self.measured_noise() and not self.certifying(),
            "certifying": self.certifying,
        }

        def there() -> object:
            if phase in ("starting", "cluster"):
                return phase == "starting" or "starting a local Ray" in self.output()
            # What an earlier driver left running is settled before the cluster is said to be ready.
            return "the cluster is ready" in self.output() and self.running() and phases[phase]()

        reached = until(lambda: there() or self.ended())
        assert reached, f"the run never came to be {phase}\n{self.output()[-3000:]}"
        assert not self.ended(), f"the run ended before it came to be {phase}\n{self.output()[-3000:]}"

    def processes(self, word: str = "") -> dict[int, str]:
        return {pid: words for pid, words in tagged(self.tag, str(self.temporary)).items() if word in words}

    def remains(self) -> list[str]:
        """What the run left in the machine's temporary folder."""
        return sorted(path.name for path in self.temporary.iterdir())

    def gone(self) -> bool:
        return not self.processes()

    def clean_up(self) -> None:
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        until(self.gone, 20)
        for driver in self.drivers:
            driver.wait(SOON)
        shutil.rmtree(self.temporary, ignore_errors=True)

    def last_line(self) -> dict[str, object]:
        """The status that ends `--json`."""
        return dict(json.loads(self.output().strip().splitlines()[-1]))


def sound(run: ChaosRun) -> list[str]:
    """What must hold of a run that no driver drives, whatever happened to its drivers. [] when it does."""
    faults = audit(run.folder.ledger_file)
    with Ledger.open_readonly(run.folder.ledger_file) as ledger:
        books = ledger.amounts()
        if books.spent.trials > run.trials:
            faults.append(f"{books.spent.trials} trials are spent of {run.trials}")
        if books.reserved.trials or books.reserved.cpu_ms:
            faults.append(f"still reserved: {books.reserved}")
        if ledger.running_attempts():
            faults.append(f"attempts still run: {ledger.running_attempts()}")
        return [*faults, *_repeats(ledger), *_certificates(ledger), *_branches(run, ledger), *_ends(run, ledger)]


def _repeats(ledger: Ledger) -> Iterator[str]:
    settled: set[str] = set()
    for event in ledger.events(limit=1_000_000):
        key = event.subject.rpartition(".")[0]
        if event.kind == "reserve" and key in settled:
            yield f"trial {key} was started again after its result was there"
        if event.kind == "settle" and "score" in event.body:
            if key in settled:
                yield f"trial {key} was settled twice"
            settled.add(key)


def _certificates(ledger: Ledger) -> Iterator[str]:
    for champion in ledger.champion_history():
        if (paper := champion.certificate) is not None:
            again = replay(paper.pairs, paper.delta, paper.scale)
            if abs(again - paper.e_value) > 1e-9 * again:
                yield f"certificate {paper.id} says e-value {paper.e_value}, its pairs say {again}"


def _branches(run: ChaosRun, ledger: Ledger) -> Iterator[str]:
    repository = pygit2.Repository(str(run.folder.git_dir))
    for name, row in (("lead", ledger.lead()), ("champion", ledger.champion())):
        at = str(repository.references[f"refs/heads/{name}"].target)
        if row is not None and row.commit != at:
            yield f"the branch {name} stands at {at}, the ledger says {row.commit}"


def _ends(run: ChaosRun, ledger: Ledger) -> Iterator[str]:
    if ledger.run().state is not RunState.FINISHED:
        return
    yield from (f"inquiry {row.id} is open though the run is over" for row in ledger.open_inquiries())
    if run.folder.graph_file.exists():
        yield "the threads of inquiries are kept though the run is over"


def unblamed(run: ChaosRun) -> None:
    """Finished, and no death of a machine or a process counted against a trial."""
    with run.ledger() as ledger:
        assert ledger is not None
        assert ledger.run().state is RunState.FINISHED
        for row in ledger.trials():
            assert (row.state, row.score) == (TrialState.DONE, Score.MEASURED), row
    assert sound(run) == []
