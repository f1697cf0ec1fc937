"""Reads of what language models did not get: counters.

Knows the counters, decides nothing.
"""

from __future__ import annotations

from orgruntime.ledger.views import View


class AgentViews(View):
    """How often a role was refused, or came to no end."""

    def failed_steps(self) -> int:
        """Steps of language models that came to no end."""
        return self._counted("steps.failed")

    def refusals(self) -> int:
        """Uses of tools that were refused for want of authority."""
        return self._counted("steps.refusals")
