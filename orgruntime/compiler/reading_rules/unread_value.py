"""A value of a role file or of a payload's schema, or a part of it, that has a shape which is not read."""

from __future__ import annotations

from orgruntime.diagnostics.codes import UNREAD_VALUE
from orgruntime.diagnostics.diagnostic import Fault
from orgruntime.diagnostics.pattern import pattern

CODE = UNREAD_VALUE

_NAME = pattern(r"[A-Za-z_*][\w*./-]*(?:\([^)]*\))?")
_LONGEST = 60
"""Characters of a name that is parted in a remedy."""


def no_text(key: str, kind: str) -> Fault:
    return Fault(CODE, f"`{key}` must be text, and this is {kind}, which is not read", "write it as words")


def part(key: str) -> Fault:
    message = f"this part of `{key}` is no name, and is not read"
    return Fault(CODE, message, f"write a list of names, such as `{_example(key)}`")


def no_name(text: str, key: str) -> Fault:
    message = f"`{text[:40]}` is not a name in `{key}`: a comma, a bracket, a quote or a dash is missing or astray"
    names = _NAME.findall(text) if len(text) <= _LONGEST else []
    named = f"{key.rpartition('.')[2]}: [{', '.join(names)}]"
    meant = f"`{named}`, if these are meant" if len(names) > 1 else f"a list such as `{_example(key)}`"
    return Fault(CODE, message, f"write {meant}")


def _example(key: str) -> str:
    return "[opus, sonnet]" if key == "model" else "[Read, Grep]"


def undecided(text: str, key: str) -> Fault:
    message = f"`{text[:40]}` in `{key}` is neither allowed nor denied"
    return Fault(CODE, message, "write `true`, `false`, `allow`, `ask` or `deny`")


def comment(words: str, key: str) -> Fault:
    message = f"`{words[:40]}` is a comment to YAML and is not read as part of `{key}`"
    return Fault(CODE, message, "put the whole value in quotes, or a space behind the `#`")


def keyword(name: str, what: str) -> Fault:
    message = f"the keyword `{name}` of `{what}` is not enforced when a payload is handed off"
    return Fault(CODE, message, "take it out, or say it in the `description`, which the role reads")


def second_hints() -> Fault:
    return Fault(CODE, "`metadata.org` is not read, because there is `org` as well", "keep one of the two")
