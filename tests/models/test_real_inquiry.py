"""One folder, four kinds of species, nothing changed but `--model`: a search algorithm, a script, Claude's client, and
a real small model, which hands a proposal on, or its step is on record as one that came to nothing. Whichever serves,
the books are sound, and nothing was invented."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import FIGURES

from orgruntime.ledger.audit import audit
from orgruntime.ledger.rows import StepRow
from orgruntime.ledger.store import Ledger, NotARun
from orgruntime.model.ids import InquiryId
from orgruntime.testing.messages_server import MessagesServer

sys.path.insert(0, str(Path(__file__).parents[1] / "functional"))

from thinking_cases import steadfast, write_org

pytestmark = [pytest.mark.models, pytest.mark.ray, pytest.mark.timeout(1200)]

LONGEST_S = 900.0


@pytest.fixture(scope="module")
def home(address: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Holds the folder `org`, the same bytes before and after whatever runs it."""
    home = tmp_path_factory.mktemp("one")
    small = f'small: {{model: smollm2, base_url: "{address}", context: 8k, max_output: 200, concurrency: 1}}'
    with MessagesServer(steadfast) as server:
        org = write_org(home, server.url, count=1, budget="trials: 30, tokens: 5M, usd: 50, wall_clock: 1h", more=small)
        before = digest(org)
        yield home
        assert digest(org) == before


@pytest.mark.parametrize("species", ["search/tpe", "thinker", "claude-haiku-5-5"])
def test_it_runs_on(home: Path, species: str) -> None:
    name = species.replace("/", "-")
    words = ("run", "org", "--seed", "1", "--run-id", name, "--cpus", "2", "--model", f"thinker={species}")
    with MessagesServer(steadfast) as proxy:
        env = {"ANTHROPIC_API_KEY": "any", "ANTHROPIC_BASE_URL": proxy.url}
        orgrun(home, *words, env=env).check_returncode()
        assert len(proxy.asked) >= 5 or not species.startswith("claude")
    ledger = home / ".orgrun" / "runs" / name / "ledger.db"
    assert audit(ledger) == []
    with Ledger.open_readonly(ledger) as found:
        assert {row.species for row in found.proposals()} == {"scripted" if species == "thinker" else species}


def test_an_inquiry_ends_as_what_it_was(home: Path) -> None:
    ledger = home / ".orgrun" / "runs" / "real" / "ledger.db"
    words = ("run", "org", "--seed", "1", "--run-id", "real", "--cpus", "1", "--model", "thinker=small")
    run = subprocess.Popen(command(*words), cwd=home)
    try:
        step = wait_for_step(ledger, run)
        orgrun(home, "stop", "real").check_returncode()
        assert run.wait(120) in (0, 1)
    finally:
        if run.poll() is None:
            run.terminate()
            run.wait(120)
    assert audit(ledger) == []
    with Ledger.open_readonly(ledger) as found:
        asked = found.models()[0]
        assert asked.usage.output > 0
        assert step.spent.tokens > 0
        assert found.amounts().reserved.tokens == 0
        proposals = found.database.rows("SELECT count(*) FROM proposals")[0][0]
        assert bool(proposals) == (step.payload is not None)
    how = f"handed on a {step.type}" if step.payload else "a failed decision, on record"
    FIGURES.append(("an inquiry of a small org", f"{how}; {asked.calls} calls, {step.spent.tokens} tokens in the step"))
    for capability, words in asked.lacks.items():
        FIGURES.append((f"  found out: {capability}", words))


def wait_for_step(path: Path, run: subprocess.Popen[bytes]) -> StepRow:
    """The first step of the first inquiry, once it is on record."""
    ends = time.monotonic() + LONGEST_S
    while time.monotonic() < ends:
        assert run.poll() is None, "the run ended before its first step"
        try:
            with Ledger.open_readonly(path) as ledger:
                step = ledger.step(InquiryId("q1"), 0)
            if step is not None:
                return step
        except NotARun:
            pass  # not begun yet
        time.sleep(1)
    raise AssertionError(f"no step within {LONGEST_S:g} s")


def digest(folder: Path) -> str:
    found = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        found.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return found.hexdigest()


def orgrun(home: Path, *words: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **(env or {})}
    return subprocess.run(command(*words), cwd=home, timeout=300, check=False, env=environment)


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "orgruntime.cli.main", *words]
