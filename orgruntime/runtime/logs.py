"""What trials printed, one file an attempt, for people and for later agents.

Knows a folder. The text is untrusted: it is stored as it came (capped by the executor) and cleaned where it is shown.
"""

from __future__ import annotations

from collections.abc import Iterable
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

    def write(self, outcomes: Iterable[TrialOutcome]) -> None:
        """In the loop, not in a thread: each file would take the interpreter from the loop several times, which costs
        it more than the file does."""
        if not self._made:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._made = True
        for one in outcomes:
            head = f"# {one.attempt}: {one.ending.value}, exit {one.exit_code}, {one.wall_s:.2f} s\n"
            if one.detail:
                head += f"# {' '.join(one.detail.split())}\n"
            with open(f"{self._folder}/{one.attempt}.log", "wb") as file:
                file.write((head + one.output).encode("utf-8", "replace"))
