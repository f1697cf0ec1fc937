"""A small org on disk, to be changed by tests."""

from __future__ import annotations

from pathlib import Path

import pytest

PROGRAM = """---
format: orgruntime/1
objective: {metric: val_loss, direction: minimize}
workspace:
  source: ../lab
  editable: [train.py]
  run: python train.py --seed {seed}
  time_limit: 60s
budget: {trials: 100}
models: {default: search/tpe}
---

# Small lab

Lower the loss.

## Roles

| role | kind |
|---|---|
| [Researcher](roles/researcher.md) | agent |
| [Trainer](roles/trainer.md) | experiment |
| [Referee](roles/referee.md) | verifier |

## Workflow

1. [Researcher](roles/researcher.md) → [Trainer](roles/trainer.md): `proposal`
2. [Trainer](roles/trainer.md) → [Referee](roles/referee.md): `result`, when promising
"""


@pytest.fixture
def program_text() -> str:
    return PROGRAM


@pytest.fixture
def org(tmp_path: Path) -> Path:
    folder = tmp_path / "repo" / "org"
    (folder / "roles").mkdir(parents=True)
    (tmp_path / "repo" / ".git").mkdir()
    (tmp_path / "repo" / "lab").mkdir()
    (tmp_path / "repo" / "lab" / "train.py").write_text("print('---')\nprint('val_loss: 1.0')\n")
    (folder / "program.md").write_text(PROGRAM)
    for name in ("researcher", "trainer", "referee"):
        (folder / "roles" / f"{name}.md").write_text(f"---\nname: {name.title()}\n---\n\nWords.\n")
    return folder
