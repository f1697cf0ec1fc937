"""Writes of what language models did not get: uses of tools that were refused, steps that came to no end.

Knows names and sentences, not tools. Invariant: a failed step is recorded as failed, with its reason, in the
transaction that ends it; nothing stands in its place.
"""

from __future__ import annotations

from orgruntime.ledger.journal import Journal
from orgruntime.model.ids import InquiryId, RoleSlug


class AgentWrites(Journal):
    """The part of a transaction that records refusals and failures."""

    def refuse_tool(self, inquiry: InquiryId, visit: int, role: RoleSlug, tool: str, reason: str) -> None:
        """A role asked for what it may not do."""
        self._count("steps.refusals")
        self._event("refuse-tool", f"{inquiry}/{visit}", {"role": role, "tool": tool, "reason": reason})

    def fail_step(self, inquiry: InquiryId, visit: int, desk: str, model: str, reason: str) -> None:
        """A step of a language model that was to hand something off, and did not."""
        self._count("steps.failed")
        self._event("fail-step", f"{inquiry}/{visit}", {"desk": desk, "model": model, "reason": reason})
