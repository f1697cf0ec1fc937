from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from ledger_cases import new_ledger

from orgruntime.ledger.store import Ledger


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """A driven ledger at tmp_path/ledger.db with one idea and one open inquiry; 100 trials, 1000 CPU-seconds."""
    with new_ledger(tmp_path) as ledger:
        yield ledger
