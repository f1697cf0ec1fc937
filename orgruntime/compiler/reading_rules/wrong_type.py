"""A value of another shape than its key takes."""

from __future__ import annotations

from collections.abc import Sequence

from orgruntime.compiler.keys import BUDGET, meant
from orgruntime.diagnostics.codes import WRONG_TYPE
from orgruntime.diagnostics.diagnostic import Fault
from orgruntime.orgfile.misread import glued

CODE = WRONG_TYPE

_COMMANDS = ("run", "setup", "verify")
_LONGEST, _LONGEST_NAME = 80, 40
"""Characters of words, and of a model's name, that a remedy repeats: what is longer may be a key."""
_SHAPES = {
    "one value": "write `{key}: VALUE`",
    "a list": "write `{key}: [FIRST, SECOND]`",
    "a mapping": "write its keys below it, indented, or as `{key}: {{KEY: VALUE}}`",
}


def shape(path: str, wanted: str, found: str, example: str, words: Sequence[str] = ()) -> Fault:
    """`wanted`: one of the shapes above; `found`: what stands there, in words; `words`: the words themselves."""
    key = path.rpartition(".")[2]
    help = f"write `{key}: {example}`" if example and wanted != "one value" else _SHAPES[wanted].format(key=key)
    return Fault(CODE, f"`{path}` must be {wanted}, not {found}", _exact(path, key, wanted, words) or help)


def _exact(path: str, key: str, wanted: str, words: Sequence[str]) -> str:
    """The remedy with the author's words in it, where they say what is meant."""
    text = " ".join(words)
    if not text or len(text) > _LONGEST or "`" in text:
        return ""
    if wanted == "one value":
        return f"write `{key}: {text}`" if key in _COMMANDS else ""
    if wanted != "a mapping":
        return ""
    if path == "models":
        return f"write `models: {{default: {text}}}`" if len(text.split()) == 1 and len(text) <= _LONGEST_NAME else ""
    if path == "workspace":
        return f"write below it, indented: `source: {text}`, `editable: [FILES]`, `run: COMMAND`, `time_limit: 15m`"
    return {"objective": _objective, "budget": _budget}.get(path, lambda _: "")(text)


def _objective(text: str) -> str:
    """`minimize val_loss`, in either order."""
    directions = {word: meant(word.casefold()) or word.casefold() for word in text.split()}
    said = next((one for one in directions.values() if one in ("minimize", "maximize")), "minimize")
    rest = [word for word, one in directions.items() if one not in ("minimize", "maximize")]
    metric = rest[0] if len(rest) == 1 else "METRIC"
    return f"write `objective: {{metric: {metric}, direction: {said}}}`"


def _budget(text: str) -> str:
    """`100 trials`."""
    number, _, word = text.partition(" ")
    name = next((one for one in (word, f"{word}s", meant(word) or "") if one in BUDGET), "")
    name = name or ("wall_clock" if not word and not number.isdigit() else "trials" if not word else "")
    return f"write `budget: {{{name}: {number}}}`" if name else "write `budget: {trials: 100}`, say"


def no_blank(path: str, wanted: str, text: str) -> Fault | None:
    """Of a mapping that was written without a blank behind its colon, which makes it one word."""
    parts = glued(text)
    if parts is None:
        return None
    message = f"`{path}` must be {wanted}, and `{text}` is one word"
    return Fault(CODE, message, f"write a blank behind the colon: `{parts[0]}: {parts[1]}`")


def item(path: str, found: str) -> Fault:
    message = f"`{path}` is a list of words, and this item is {found}"
    return Fault(CODE, message, "write each item as one word, or in quotes")


def hints(found: str) -> Fault:
    return Fault(CODE, f"`org` must be a mapping, not {found}", "write `org: {kind: agent}`, say")
