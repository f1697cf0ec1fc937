"""Names of things, as NewTypes, so that a commit is never passed where a tree is meant."""

from __future__ import annotations

from typing import NewType

RunId = NewType("RunId", str)
RoleSlug = NewType("RoleSlug", str)
"""The path of a role file below its folder, without `.md`: `roles/referee.md` is `referee`."""
IdeaId = NewType("IdeaId", str)
InquiryId = NewType("InquiryId", str)
"""Also the id of the inquiry's thread in the graph engine."""
PayloadId = NewType("PayloadId", str)
ProposalId = NewType("ProposalId", str)
TrialKey = NewType("TrialKey", str)
"""Content address of a trial: sha256 over everything that can change its result."""
AttemptId = NewType("AttemptId", str)
"""`<trial key>.<n>`: the n-th try at a trial, counted from 1."""
CertificationId = NewType("CertificationId", str)
FindingId = NewType("FindingId", str)
QuestionId = NewType("QuestionId", str)
CommitId = NewType("CommitId", str)
"""40 hexadecimal digits."""
TreeId = NewType("TreeId", str)
"""40 hexadecimal digits; two commits with the same tree are the same code."""
