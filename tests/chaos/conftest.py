from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from chaos_run import ChaosRun

# `make test-cluster` alone comes there: two nodes that start and stop take the machine for minutes.
collect_ignore = [] if os.environ.get("SWITCH_NODES") else ["test_nodes_lost.py"]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[ChaosRun]:
    """One run, not started; whatever is left of it at the end of the test is killed."""
    made = ChaosRun(tmp_path)
    yield made
    made.clean_up()
