"""An item of `## Workflow` that does not fit the grammar, at the word where the reading stopped."""

from __future__ import annotations

from orgruntime.diagnostics.codes import WORKFLOW_SYNTAX
from orgruntime.diagnostics.diagnostic import Fault
from orgruntime.diagnostics.nearest import did_you_mean

CODE = WORKFLOW_SYNTAX

_GRAMMAR = "the workflow's grammar is closed: `orgrun explain ORG124` shows it"
_PAYLOAD = "write a colon and the name of a payload in backticks: ``: `note` ``"
_ROLE = "write a role as `[Researcher](roles/researcher.md)`"


def outside_the_list() -> Fault:
    message = "this line looks like a handoff and is none, because it is no item of the list"
    return Fault(CODE, message, "begin the line with `1. `, after an empty line")


def no_source(found: str) -> Fault:
    return Fault(CODE, f"a handoff begins with a link to a role, and here stands {found}", _ROLE)


def no_verb(found: str, word: str) -> Fault:
    message = f"behind the first role must stand `→`, `asks` or `every`, and here stands {found}"
    return Fault(CODE, message, did_you_mean(word, ("every", "asks")))


def no_target(found: str, verb: str) -> Fault:
    return Fault(CODE, f"behind `{verb}` must stand a link to a role, and here stands {found}", _ROLE)


def no_payload(found: str, word: str) -> Fault:
    """`word`: what stands there, where it may be the payload's name without its marks."""
    help = f"write it in backticks: ``: `{word}` ``" if word.isidentifier() else _PAYLOAD
    return Fault(CODE, f"the payload that is handed over is missing: here stands {found}", help)


def not_understood(found: str) -> Fault:
    return Fault(CODE, f"{found} is not understood here", _GRAMMAR)


def second_condition(word: str) -> Fault:
    message = f"`{word}` comes too late: a handoff has one condition and one bound"
    return Fault(CODE, message, "write a second item for a second condition")


def no_clause(found: str, word: str) -> Fault:
    message = f"{found} begins no clause"
    return Fault(CODE, message, did_you_mean(word, ("when", "otherwise", "at most")))


def no_condition(found: str, word: str) -> Fault:
    """`word`: behind which a word is missing, `when` or `is`."""
    message = f"behind `{word}` must stand a word, and here stands {found}"
    return Fault(CODE, message, "write, for example, `when promising` or `when size is small`")


def no_bound(found: str) -> Fault:
    return Fault(
        CODE, f"a bound is `at most N times`, and here stands {found}", "write, for example, `at most 3 times`"
    )


def bad_number(why: str, help: str) -> Fault:
    return Fault(CODE, why, help)


def too_large(text: str, most: int) -> Fault:
    return Fault(CODE, f"`{text}` is above {most}", "write a smaller number")


def no_period(why: str) -> Fault:
    return Fault(CODE, why, "write `every 20 trials` or `every 2h`")
