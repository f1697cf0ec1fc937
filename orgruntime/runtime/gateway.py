"""Stands for the gateway until it is merged."""

from __future__ import annotations

from orgruntime.model.amounts import Amounts


class GatewayError(Exception):
    """No model answered, and none will now: one sentence."""

    def __init__(self, message: str, spent: Amounts) -> None:
        super().__init__(message)
        self.spent = spent
        """On the attempts that were made."""
