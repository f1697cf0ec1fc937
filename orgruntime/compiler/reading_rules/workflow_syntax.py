"""An item of `## Workflow` that does not fit the grammar, at the word where the reading stopped."""

from __future__ import annotations

from orgruntime.diagnostics.codes import WORKFLOW_SYNTAX
from orgruntime.diagnostics.diagnostic import Fault
from orgruntime.diagnostics.nearest import nearest

CODE = WORKFLOW_SYNTAX

_GRAMMAR = "the workflow's grammar is closed: `orgrun explain ORG124` shows it"
_PAYLOAD = "write a colon and the name of a payload in backticks: ``: `note` ``"
_CLAUSES = {
    "if": "when", "where": "when", "on": "when", "unless": "otherwise", "else": "otherwise", "default": "otherwise",
    "max": "at most", "maximum": "at most", "up": "at most", "limit": "at most", "only": "when",
}  # fmt: skip
"""What people write for the word that begins a clause."""
_PERIODS = {
    "minute": "1m", "hour": "1h", "day": "1d", "night": "1d", "week": "7d", "month": "30d",
}  # fmt: skip
_ARROWS = ("→", "⟶", "⇒", "->", "-->", "=>")
_BACKWARDS = ("←", "⟵", "⇐", "<-", "<--", "<=", "↔", "<->")
_TURNED = "write the role that hands off first, then `→`, then the one that takes"
_ONE_EACH = (
    "write an item for each handoff, with what it carries: one from the first role to the second, one from there on"
)
_ROLE = "write a role as `[Researcher](roles/researcher.md)`"


def outside_the_list() -> Fault:
    message = "this line looks like a handoff and is none, because it is no item of the list"
    return Fault(CODE, message, "begin the line with `1. `, after an empty line")


def no_source(found: str) -> Fault:
    return Fault(CODE, f"an item begins with a link to a role, not with {found}", _ROLE)


def no_verb(found: str, word: str) -> Fault:
    if found.strip("`") in _BACKWARDS:
        return Fault(CODE, f"a handoff leads from left to right, and {found} points the other way", _TURNED)
    near = nearest(word, ("every", "asks"))
    help = "write `→` to hand work on, `asks` to call a role and wait for its answer, `every` for a schedule"
    message = f"after the first role comes `→`, `asks` or `every`, not {found}"
    return Fault(CODE, message, f"did you mean `{near}`?" if near else help)


def no_target(found: str, verb: str) -> Fault:
    return Fault(CODE, f"after `{verb}` comes a link to a role, not {found}", _ROLE)


def no_payload(found: str, word: str) -> Fault:
    """`word`: what stands there, where it may be the payload's name without its marks."""
    if word.isidentifier():
        message = f"what is handed off (the payload) stands in backticks, and `{word}` does not"
        return Fault(CODE, message, f"write ``: `{word}` ``")
    if found.strip("`") in _ARROWS:
        return Fault(CODE, "an item leads from one role to one other, and here follows a third", _ONE_EACH)
    return Fault(CODE, f"what is handed off (the payload) is missing: here stands {found}", _PAYLOAD)


def not_understood(found: str) -> Fault:
    return Fault(CODE, f"{found} is not understood here", _GRAMMAR)


def second_condition(word: str) -> Fault:
    message = f"`{word}` comes too late: a handoff has one condition and one bound"
    return Fault(CODE, message, "write a second item for a second condition")


def no_clause(found: str, word: str) -> Fault:
    if word.casefold() in ("and", "or"):
        return second_condition(word)
    near = _CLAUSES.get(word.casefold()) or nearest(word, ("when", "otherwise", "at most"))
    help = "after the payload may come `when …`, `otherwise` and `at most N times`, with commas between"
    return Fault(CODE, f"{found} is not understood here", f"did you mean `{near}`?" if near else help)


def nested_list() -> Fault:
    message = "a list inside of an item is not read: an item is one handoff"
    return Fault(CODE, message, "write each handoff as an item of its own, at the depth of the first")


def no_condition(found: str, word: str) -> Fault:
    """`word`: behind which a word is missing, `when` or `is`."""
    message = f"after `{word}` comes a word, not {found}"
    return Fault(CODE, message, "write, for example, `when promising` or `when size is small`")


def no_bound(found: str) -> Fault:
    return Fault(
        CODE, f"a bound is written `at most N times`, not with {found}", "write, for example, `at most 3 times`"
    )


def bad_number(why: str, help: str) -> Fault:
    return Fault(CODE, why, help)


def too_large(text: str, most: int) -> Fault:
    return Fault(CODE, f"`{text}` is more than {most:,}, the most that may stand here", "write a smaller number")


def no_period(text: str, why: str) -> Fault:
    period = _PERIODS.get(text.casefold())
    return Fault(CODE, why, f"write `every {period}`" if period else "write `every 20 trials` or `every 2h`")
