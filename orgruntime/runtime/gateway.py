"""Stands for the gateway until it is merged."""

from __future__ import annotations


class GatewayError(Exception):
    """Every model of the chain failed, or a budget refuses the next call: one sentence."""
