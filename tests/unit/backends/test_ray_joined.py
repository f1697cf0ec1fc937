"""The executor on a running cluster, in a process of its own: Ray does not survive a change of the authentication mode
within a process, and the clusters that other tests start have another one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CASES = Path(__file__).with_name("joined_cases.py")
pytestmark = [pytest.mark.ray, pytest.mark.slow(85), pytest.mark.timeout(800)]


def test_every_case_of_a_joined_cluster() -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(CASES)]
    env = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    assert " passed" in done.stdout
