"""What an org gets that does not say otherwise. Nothing is added in silence."""

from __future__ import annotations

from orgruntime.diagnostics.codes import DEFAULT_ADDED
from orgruntime.diagnostics.diagnostic import Fault

CODE = DEFAULT_ADDED


def role(kind: str, slug: str, does: str) -> Fault:
    message = f"no role is of kind `{kind}`, so a built-in one is added: `{slug}` {does} on 1 CPU"
    return Fault(CODE, message, f"nothing has to be done; a row of kind `{kind}` in `## Roles` takes its place")


def handoff(source: str, target: str, payload: str, when: str | None) -> Fault:
    words = f", when {when}" if when else ""
    message = f"a handoff that no item of `## Workflow` makes is added: {source} → {target}: `{payload}`{words}"
    return Fault(CODE, message, "nothing has to be done; a handoff of your own takes its place")


def whole_program(slug: str) -> Fault:
    message = f"no roles are named, so the words of the program are the prompt of one agent, `{slug}`"
    return Fault(CODE, message, "nothing has to be done; role files and a table `## Roles` take its place")
