"""The models of a role whose shares, or whose choice, cannot be shared out."""

from __future__ import annotations

from orgruntime.diagnostics.codes import BAD_PANEL
from orgruntime.diagnostics.diagnostic import Fault

CODE = BAD_PANEL


def no_way_to_choose(text: str, known: str) -> Fault:
    return Fault(CODE, f"`{text}` is not a way to choose", f"did you mean `{known}`?")


def no_models() -> Fault:
    return Fault(CODE, "there is no model to choose from", "name two models or more before it")


def too_many(count: int, most: int) -> Fault:
    return Fault(CODE, f"a role has at most {most} models, and these are {count}", "name fewer")


def no_model(text: str, name: str) -> Fault:
    help = f"write `{name} 20%` for a share, and a comma between two models"
    return Fault(CODE, f"`{text}` is neither a model nor a model with its share", help)


def no_share(name: str, text: str, share: float) -> Fault:
    help = f"write `{name} {text}%`" if 1 < share <= 100 else "write a share above 0 % and of at most 100 %"
    return Fault(CODE, f"`{text}` is not a share of the role's steps", help)


def shares_and_choice(choice: str) -> Fault:
    message = "a panel has shares or is chosen by results, not both"
    return Fault(CODE, message, f"take out the shares, or `{choice}`")


def only_one(name: str, choice: str) -> Fault:
    message = f"`{name}` is the only model, so there is nothing to choose"
    return Fault(CODE, message, f"name a second model, or take out `{choice}`")


def wrong_sum(share: float) -> Fault:
    help = "let them sum to 100 %" + ("" if share > 1 else ", or leave one model without a number: it gets the rest")
    return Fault(CODE, f"the shares sum to {share * 100:.4g} %", help)


def nothing_left(name: str) -> Fault:
    message = f"the shares sum to 100 % and leave nothing for `{name}`"
    return Fault(CODE, message, "lower another share, or take the model out")


def two_fallbacks(name: str) -> Fault:
    help = f"keep one; what stands in for it is its own `fallback`, in the entry of `models:`, such as `{name}`"
    return Fault(CODE, "a role has one fallback", help)


def twice(name: str) -> Fault:
    return Fault(CODE, f"`{name}` is in the panel twice", "name it once")
