"""What trials printed, one file an attempt, for people and for later agents.

Knows a folder. The text is untrusted: it is stored as it came (capped by the executor) and cleaned where it is shown.
"""

from __future__ import annotations

from pathlib import Path

from orgruntime.model.ids import AttemptId
from orgruntime.model.trial import TrialOutcome


class TrialLogs:
    """Files `<attempt>.log` below `folder`, which is made on first use."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made = False

    def path(self, attempt: AttemptId) -> Path:
        return self._folder / f"{attempt}.log"

    def write(self, outcome: TrialOutcome) -> None:
        if not self._made:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._made = True
        head = f"# {outcome.attempt}: {outcome.ending.value}, exit {outcome.exit_code}, {outcome.wall_s:.2f} s\n"
        with open(f"{self._folder}/{outcome.attempt}.log", "wb") as file:
            file.write((head + outcome.output).encode("utf-8", "replace"))
