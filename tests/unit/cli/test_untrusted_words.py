"""What is printed of a certificate or a run that came from elsewhere cannot drive the terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from orgruntime.api import control, verifying
from orgruntime.api.control import Listed
from orgruntime.cli import ls, verify

ESCAPE = "\x1b]0;owned\x07"


def test_verify_prints_no_escape_of_a_certificate(monkeypatch: pytest.MonkeyPatch) -> None:
    def hostile(path: Path, *, tell: Any, **_: object) -> verifying.VerifyReport:
        tell(f"FAIL code: {ESCAPE} is not what the run started from")
        return verifying.VerifyReport(f"{path}{ESCAPE}", (), None)

    monkeypatch.setattr(verifying, "verify", hostile)
    said = CliRunner().invoke(verify.command, ["c1.json", "--arithmetic"]).output
    assert "owned" in said
    assert "\x1b" not in said


def test_ls_prints_no_escape_of_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "listed_runs", lambda runs: [Listed("r1", None, f"damaged {ESCAPE}")])
    said = CliRunner().invoke(ls.command, []).output
    assert "owned" in said
    assert "\x1b" not in said
