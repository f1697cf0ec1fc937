"""What Claude's API refuses of thinking, for the scripted server: which form a model takes, and what goes with it.

Works on the body of a request whose `model` names a Claude model; any other is taken as it is. Written from the API's
own pages, not from what the client here believes.
"""

from __future__ import annotations

import re
from typing import Any

BUDGET_ONLY = re.compile(r"claude-(?:opus|sonnet|haiku)-4(?:-[015])?(?:[-@]20\d{6})?")
EITHER = re.compile(r"claude-(?:opus|sonnet)-4-6(?:[-@]20\d{6})?")
_THOUGHTS = ("thinking", "redacted_thinking")


def thinking_refusal(body: dict[str, Any]) -> str:
    """Why the request is refused; empty where it is not."""
    model, thinking = str(body.get("model")), body.get("thinking")
    if not model.startswith("claude-") or not isinstance(thinking, dict):
        return ""
    kind = thinking.get("type")
    if kind == "adaptive":
        taken = not BUDGET_ONLY.fullmatch(model)
    elif kind == "enabled":
        taken = bool(BUDGET_ONLY.fullmatch(model) or EITHER.fullmatch(model))
    else:
        return "" if kind == "disabled" else f"thinking.type: {kind!r} is not known"
    if not taken:
        return f"thinking.type: {kind} is not supported by {model}"
    if (body.get("tool_choice") or {}).get("type") in ("any", "tool"):
        return "Thinking may not be enabled when tool_choice forces tool use."
    return _budget_refusal(body, thinking) if kind == "enabled" else ""


def _budget_refusal(body: dict[str, Any], thinking: dict[str, Any]) -> str:
    budget = thinking.get("budget_tokens", 0)
    if budget < 1024:
        return "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024"
    if budget >= body["max_tokens"]:
        return "`max_tokens` must be greater than `thinking.budget_tokens`"
    answers = [message["content"] for message in body["messages"] if message["role"] == "assistant"]
    last = answers[-1] if answers else []
    uses = isinstance(last, list) and any(block.get("type") == "tool_use" for block in last)
    if uses and last[0].get("type") not in _THOUGHTS:
        return f"messages: expected `thinking` or `redacted_thinking`, but found `{last[0].get('type')}`"
    return ""
