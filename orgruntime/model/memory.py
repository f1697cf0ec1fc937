"""The org's shared memory: findings, each with the evidence that it rests on.

Invariant: a finding that names no evidence says of itself that it is a hunch.
"""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from orgruntime.model.base import Noun
from orgruntime.model.ids import FindingId, InquiryId, RoleSlug

LONGEST_FINDING = 600
"""Characters: a finding is a sentence or three, and all of them together are read before each step."""
MOST_FINDINGS = 60
"""Active at once."""


class FindingState(StrEnum):
    ACTIVE = "active"
    SUPERSEDED = "superseded"
    """Another finding says it better."""
    PRUNED = "pruned"


class Finding(Noun):
    id: FindingId
    text: str = Field(min_length=1, max_length=LONGEST_FINDING)
    """Of its author: untrusted, and data wherever it is shown."""
    evidence: tuple[str, ...] = ()
    """Ids of the ledger: `p…` proposals, `c…` certifications, `trial N`, `memo N`. Empty: a hunch."""
    role: RoleSlug
    inquiry: InquiryId
    state: FindingState = FindingState.ACTIVE
    superseded_by: FindingId | None = None
    reason: str = ""
    """Why it is not active any more."""

    @property
    def is_hunch(self) -> bool:
        return not self.evidence
