from __future__ import annotations

from pathlib import Path

import pytest

from orgruntime.api.templates import write_template


@pytest.fixture
def org(tmp_path: Path) -> Path:
    """A small org that has no faults."""
    write_template(tmp_path / "lab", "solo")
    return tmp_path / "lab"
