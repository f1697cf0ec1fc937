"""An org whose scientist is a real small model: it hands a proposal on, or its step is on record as one that came to
nothing. Either way the books are sound, and nothing was invented."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import FIGURES

from orgruntime.ledger.audit import audit
from orgruntime.ledger.rows import StepRow
from orgruntime.ledger.store import Ledger, NotARun
from orgruntime.model.ids import InquiryId

pytestmark = [pytest.mark.models, pytest.mark.ray, pytest.mark.timeout(1200)]

BUDGET = ("trials=60", "tokens=200k", "wall_clock=1h")
LONGEST_S = 900.0


def test_an_inquiry_ends_as_what_it_was(address: str, tmp_path: Path) -> None:
    orgrun(tmp_path, "init", "lab").check_returncode()
    program = tmp_path / "lab" / "program.md"
    text = program.read_text()
    entry = f'{{model: smollm2, base_url: "{address}", context: 8k, max_output: 200, concurrency: 1}}'
    # The role is served by search/tpe: the folder declares the model, and `--model` alone makes it think.
    program.write_text(text.replace("---\n\n#", f"models:\n  small: {entry}\n---\n\n#", 1))
    assert "| search/tpe |" in program.read_text()
    orgrun(tmp_path, "check", "lab").check_returncode()
    ledger = tmp_path / ".orgrun" / "runs" / "r1" / "ledger.db"
    words = ["run", "lab", "--seed", "1", "--run-id", "r1", "--cpus", "1", "--model", "scientist=small"]
    words += [word for bound in BUDGET for word in ("--budget", bound)]
    run = subprocess.Popen(command(*words), cwd=tmp_path)
    try:
        step = wait_for_step(ledger, run)
        orgrun(tmp_path, "stop", "r1").check_returncode()
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


def orgrun(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*words), cwd=home, capture_output=True, text=True, timeout=300, check=False)


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "orgruntime.cli.main", *words]
