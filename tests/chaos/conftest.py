from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from chaos_run import ChaosRun


@pytest.fixture
def run(tmp_path: Path) -> Iterator[ChaosRun]:
    """One run, not started; whatever is left of it at the end of the test is killed."""
    made = ChaosRun(tmp_path)
    yield made
    made.clean_up()
