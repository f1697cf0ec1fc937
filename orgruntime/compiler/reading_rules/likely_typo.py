"""A word that is allowed where it stands, and is almost surely a slip."""

from __future__ import annotations

from orgruntime.diagnostics.codes import LIKELY_TYPO
from orgruntime.diagnostics.diagnostic import Fault
from orgruntime.diagnostics.fixes import Fix

CODE = LIKELY_TYPO


def key(name: str, near: str, fix: Fix) -> Fault:
    return Fault(CODE, f"the key `{name}` is not read", f"did you mean `{near}`?", fix)


def tool(name: str, near: str) -> Fault:
    return Fault(CODE, f"no tool that is known here is called `{name}`", f"did you mean `{near}`?")


def model(name: str, near: str) -> Fault:
    message = f"`models:` has no `{name}`, so it is taken as the name of a model"
    return Fault(CODE, message, f"did you mean `{near}`?")


def alias(name: str, now: str) -> Fault:
    return Fault(CODE, f"`{name}` is the name of a family of models, and no server answers to it", f"write `{now}`")


def no_model(name: str, near: str) -> Fault:
    help = (
        f"did you mean `{near}`?"
        if near
        else "write a Claude model, such as `claude-opus-5-5`, or an entry of `models:`"
    )
    return Fault(CODE, f"no model that is known here is called `{name}`", help)


def wished_model(name: str, near: str) -> Fault:
    return Fault(
        CODE, f"the role asks for a model `{name}`, and none is known here by that name", f"did you mean `{near}`?"
    )


def address_with_version(address: str) -> Fault:
    message = f"the client adds `/v1/messages` to `{address}` by itself"
    return Fault(CODE, message, "leave `/v1` out")


def program(name: str, near: str) -> Fault:
    return Fault(CODE, f"no program that is known here is called `{name}`", f"did you mean `{near}`?")


def module(name: str, near: str | None) -> Fault:
    message = f"the workspace has no module `{name}`, and none of that name is known here"
    help = "check its name; nothing has to be done if it is installed where trials run"
    return Fault(CODE, message, f"did you mean `{near}`?" if near else help)


def section(title: str, near: str) -> Fault:
    message = f"the section `{title}` is read as words for the agents, and its links make no handoffs"
    return Fault(CODE, message, f"did you mean `## {near.capitalize()}`?")


def level(title: str, found: int) -> Fault:
    message = f"the heading `{title}` is of level {found}, so that what stands below it is words for the agents"
    return Fault(CODE, message, f"write `## {title}`")


def no_items() -> Fault:
    message = "no list of handoffs stands in this section, so that it makes none"
    help = "write each as an item: ``1. [Researcher](roles/researcher.md) → [Trainer](roles/trainer.md): `proposal` ``"
    return Fault(CODE, message, help)


def keys_without_fence() -> Fault:
    message = "these keys are not read, because no line `---` stands above them"
    return Fault(CODE, message, "put a line `---` before the first key and another one after the last")
