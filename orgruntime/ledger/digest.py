"""The ledger's facts for a memo, as lines ready to print. Reads the verdicts since a trial number, nothing older."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

from orgruntime.ledger.agent_views import AgentViews
from orgruntime.ledger.call_views import CallViews
from orgruntime.ledger.history import HistoryView
from orgruntime.ledger.notebook import NotebookView
from orgruntime.ledger.panels import PanelView
from orgruntime.ledger.questions import QuestionView
from orgruntime.ledger.rows import SpendRow
from orgruntime.ledger.science_views import ScienceViews
from orgruntime.ledger.tried import TriedView
from orgruntime.ledger.views import RunViews
from orgruntime.model.research import VerdictWord
from orgruntime.model.step import Digest

MOST_LINES = 10

_NUMBER = re.compile(r"[-+]?\d[\d.,]*(?:e[-+]?\d+)?")
_SINCE = (
    "SELECT v.word, v.reason, v.gain, p.id, p.role, p.species, p.body FROM verdicts v"
    " JOIN proposals p ON p.id = v.proposal WHERE v.at_trial > ? ORDER BY v.at_trial, p.n"
)


class DigestView(
    RunViews, ScienceViews, HistoryView, PanelView, NotebookView, QuestionView, TriedView, CallViews, AgentViews
):
    """What gained, what failed and why, where the money went."""

    def digest(self, since_trials: int = 0) -> Digest:
        """Facts of the verdicts given after `since_trials` trials were settled; spend is of the whole run."""
        rows = self._rows(_SINCE, since_trials)
        return Digest(
            trials=max(self.settled_trials() - since_trials, 0),
            verdicts=dict(Counter(row["word"] for row in rows)),
            gained=_gained([row for row in rows if row["word"] == VerdictWord.KEEP]),
            failed=_failed([row for row in rows if row["word"] != VerdictWord.KEEP]),
            spend=tuple(_spent(row) for row in self.spend_by()[:MOST_LINES]),
        )


def _gained(rows: list[Any]) -> tuple[str, ...]:
    best = sorted(rows, key=lambda row: -(row["gain"] or 0.0))[:MOST_LINES]
    return tuple(
        f"{row['id']} by {row['role']} ({row['species']}), gain {row['gain'] or 0.0:.6g}: {_hypothesis(row)}"
        for row in best
    )


def _failed(rows: list[Any]) -> tuple[str, ...]:
    """Reasons that differ in their numbers only are one reason; the newest one's numbers are shown."""
    groups: dict[str, list[Any]] = {}
    for row in rows:
        groups.setdefault(f"{row['word']}: {_NUMBER.sub('#', row['reason'])}", []).append(row)
    largest = sorted(groups.values(), key=len, reverse=True)[:MOST_LINES]
    return tuple(f"{len(group)} × {group[-1]['word']}: {group[-1]['reason']}" for group in largest)


def _hypothesis(row: Any) -> str:
    return " ".join(str(json.loads(row["body"])["hypothesis"]).split())


def _spent(row: SpendRow) -> str:
    amounts = row.amounts
    parts = [f"{amounts.trials} trials"]
    if amounts.gpu_ms:
        parts.append(f"{amounts.gpu_ms / 1000:.1f} GPU-seconds")
    if amounts.cpu_ms:
        parts.append(f"{amounts.cpu_ms / 1000:.1f} CPU-seconds")
    if amounts.tokens:
        parts.append(f"{amounts.tokens} tokens")
    if amounts.usd_micro:
        parts.append(f"{amounts.usd_micro / 1e6:.2f} dollars")
    return f"{row.role} ({row.species}): {', '.join(parts)}, kept gain {row.gain:.6g}"
