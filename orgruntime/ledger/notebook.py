"""The org's shared memory in the ledger: findings, and what took their place.

Knows findings and their evidence; does not know who may prune them. Invariants: a finding's words and evidence never
change; what is closed stays, with the reason; the same source writes one finding, however often it is asked.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from orgruntime.ledger.database import Database
from orgruntime.ledger.errors import LedgerError
from orgruntime.ledger.journal import Journal
from orgruntime.ledger.views import View
from orgruntime.model.ids import FindingId, InquiryId, RoleSlug
from orgruntime.model.memory import Finding, FindingState

_TRIAL, _MEMO = re.compile(r"(?:trial\s*)?(\d{1,9})"), re.compile(r"(?:memo\s*|m)(\d{1,9})")


class NotebookWrites(Journal):
    """The part of a transaction that writes the notebook."""

    def add_finding(
        self, text: str, evidence: Sequence[str], *, role: RoleSlug, inquiry: InquiryId, source: str
    ) -> FindingId:
        """Ids count up from `f1`. `source`: what writes it, `<inquiry>.<visit>.<n>`. Raises LedgerError for a source
        that has written one."""
        self._count("findings.total")
        id = FindingId(f"f{self._counted('findings.total')}")
        self._db.write(
            "INSERT INTO findings(id, text, evidence, role, inquiry, source) VALUES(?, ?, ?, ?, ?, ?)",
            id, text, self._spelled(list(evidence)), role, inquiry, source,
        )  # fmt: skip
        self._count(f"findings.{FindingState.ACTIVE}")
        body = {"text": text, "evidence": list(evidence), "role": role, "inquiry": inquiry}
        self._event("add-finding", id, body)
        return id

    def close_finding(
        self, id: FindingId, state: FindingState, *, by: FindingId | None, role: RoleSlug, reason: str
    ) -> bool:
        """Supersedes (`by` another one) or prunes. False, with nothing written, when it is not active.

        Raises LedgerError for an unknown one.
        """
        closed = self._db.write(
            "UPDATE findings SET state = ?, superseded_by = ?, reason = ? WHERE id = ? AND state = 'active'",
            state, by, reason, id,
        )  # fmt: skip
        if not closed:
            if not self._db.row("SELECT 1 FROM findings WHERE id = ?", id):
                raise LedgerError(f"There is no finding {id!r}.")
            return False
        self._count(f"findings.{FindingState.ACTIVE}", -1)
        self._count(f"findings.{state}")
        self._event("close-finding", id, {"state": state, "by": by, "role": role, "reason": reason})
        return True


class NotebookView(View):
    """Reads of the notebook. Empty in a ledger that is older than the table."""

    def findings(self, *, active: bool = True) -> list[Finding]:
        """The active ones, or all of them, oldest first."""
        if not self._has("findings"):
            return []
        where = "WHERE state = 'active'" if active else ""
        return [_finding(row) for row in self._rows(f"SELECT * FROM findings {where} ORDER BY n")]

    def finding(self, id: str) -> Finding | None:
        row = self._row("SELECT * FROM findings WHERE id = ?", id) if self._has("findings") else None
        return _finding(row) if row else None

    def finding_of(self, source: str) -> Finding | None:
        """What a source has written."""
        row = self._row("SELECT * FROM findings WHERE source = ?", source) if self._has("findings") else None
        return _finding(row) if row else None

    def finding_counts(self) -> dict[str, int]:
        """Every state, and `total`."""
        return {state: self._counted(f"findings.{state}") for state in ("total", *FindingState)}

    def evidence_named(self, name: str) -> str | None:
        """The name of a piece of evidence as findings spell it, whoever spelled it how; None where the ledger has no
        such proposal, settled trial, closed certification or memo."""
        return evidence_named(self._db, name)


def evidence_named(db: Database, name: str) -> str | None:
    """See `NotebookView.evidence_named`."""
    word = " ".join(name.split()).strip("`")[:80]
    if db.row("SELECT 1 FROM proposals WHERE id = ?", word):
        return word
    if db.row("SELECT 1 FROM certifications WHERE id = ? AND state != 'running'", word):
        return word
    row = db.row("SELECT number FROM trials WHERE key = ? AND number IS NOT NULL", word.partition(".")[0])
    if row is None and (found := _TRIAL.fullmatch(word)):
        row = db.row("SELECT number FROM trials WHERE number = ?", int(found[1]))
    if row is not None:
        return f"trial {row['number']}"
    memo = _MEMO.fullmatch(word)
    if memo and db.row("SELECT 1 FROM memos WHERE n = ?", int(memo[1])):
        return f"memo {int(memo[1])}"
    return None


def _finding(row: Any) -> Finding:
    return Finding(
        id=row["id"], text=row["text"], evidence=tuple(json.loads(row["evidence"])), role=row["role"],
        inquiry=row["inquiry"], state=FindingState(row["state"]), superseded_by=row["superseded_by"],
        reason=row["reason"],
    )  # fmt: skip
