"""A value that is not understood where it stands."""

from __future__ import annotations

from orgruntime.diagnostics.codes import BAD_VALUE
from orgruntime.diagnostics.diagnostic import Fault
from orgruntime.diagnostics.pattern import pattern

CODE = BAD_VALUE


def empty(path: str) -> Fault:
    return Fault(CODE, f"`{path}` is empty", "give it a value, or delete the key")


def curly(path: str, inner: str) -> Fault:
    message = f"`{path}` stands in curly quotes, which YAML takes for letters"
    return Fault(CODE, message, f'write `"{inner}"`, with straight ones' if len(inner) <= 80 else "write straight ones")


def unclear(path: str, why: str, help: str) -> Fault:
    """`why` completes "`PATH`: …"."""
    return Fault(CODE, f"`{path}`: {why}", help)


def no_address(path: str) -> Fault:
    """What stands there may hold a key, so it is not quoted."""
    return Fault(CODE, f"`{path}` is not an http address", "write `http://HOST:PORT`")


def no_variable(path: str) -> Fault:
    """What stands there may be the key itself, so it is not quoted."""
    message = f"`{path}` is not the name of an environment variable"
    return Fault(
        CODE, message, "name the variable that holds the key, such as `ANTHROPIC_API_KEY`; never the key itself"
    )


def part_again(path: str, name: str) -> Fault:
    return Fault(CODE, f"`{path}.{name}` is given twice", f"write it once, as `{name}: VALUE`")


def part_empty(path: str, name: str) -> Fault:
    """`name`: what stands before the colon, or alone."""
    if meant := _amount(name):
        return Fault(CODE, f"`{name}` in `{path}` is no `name: value`", f"write `{meant}`")
    return Fault(CODE, f"`{path}.{name}` has no value", f"write `{name}: VALUE`")


def _amount(text: str) -> str:
    """`gpus: 2, accelerator: H100` of `2x H100`."""
    if equal := _EQUALS.fullmatch(text):
        return f"{equal[1]}: {equal[2]}"
    found = _AMOUNT.fullmatch(text)
    if found is None:
        return ""
    number, word = found["number"] or found["after"], (found["word"] or found["before"]).casefold()
    if _ACCELERATOR.fullmatch(word):
        return f"gpus: {number}, accelerator: {word.upper()}"
    name = _NAMES.get(word, "")
    return (
        f"memory: {number} {'MiB' if word.startswith('m') else 'GiB'}"
        if name == "memory"
        else f"{name}: {number}" * bool(name)
    )


_EQUALS = pattern(r"([A-Za-z_]+) *= *([^=]+)")
_AMOUNT = pattern(
    r"(?:(?P<number>\d+(?:\.\d+)?) *[x×]? *(?P<word>[A-Za-z][\w-]*)|(?P<before>[A-Za-z]+) +(?P<after>\d+(?:\.\d+)?))"
)
_ACCELERATOR = pattern(r"[abhlvtp]\d{1,3}[a-z]?")
_NAMES = {
    "gpu": "gpus", "gpus": "gpus", "cpu": "cpus", "cpus": "cpus", "core": "cpus", "cores": "cpus", "vcpu": "cpus",
    "vcpus": "cpus", "node": "nodes", "nodes": "nodes", "gb": "memory", "gib": "memory", "g": "memory", "mb": "memory",
    "mib": "memory", "min": "minutes", "minute": "minutes", "minutes": "minutes", "usd": "usd", "dollar": "usd",
    "dollars": "usd", "tokens": "tokens", "files": "files", "lines": "lines",
}  # fmt: skip
"""Words beside a number, and the name of what is meant."""


def contradicts_kind(path: str, human: bool, kind: str) -> Fault:
    says = "is a person" if human else "is no person"
    message = f"`{path}` says that the role {says}, and `kind: {kind}` says otherwise"
    return Fault(CODE, message, f"keep one of the two; `{path}: yes` is the same as `kind: human`")


def no_input_name(path: str) -> Fault:
    return Fault(CODE, f"`{path}` is not the name of an input", "use letters, digits and `_`, such as `topic`")


def choices_and_type(path: str, given: bool) -> Fault:
    if given:
        return Fault(CODE, f"`{path}` is given, and the type is not `choice`", "add `type: choice`")
    return Fault(CODE, f"`{path}` is missing: the type is `choice`", "add `choices: [low, high]`")


def no_model_name(text: str) -> Fault:
    message = f"`{text}` cannot be named in a panel, where blanks and commas part models"
    return Fault(CODE, message, "give the model a name of one word")


def key_in_address(path: str) -> Fault:
    message = f"`{path}` has a key or a password in it, and an org is a folder that others read"
    return Fault(CODE, message, "take it out, revoke it, and name its variable with `key_env:`")


def command_or_address(path: str, *, both: bool) -> Fault:
    if both:
        return Fault(CODE, f"`{path}` has both a `command` and a `url`", "keep one of them")
    return Fault(CODE, f"`{path}` has no address", "add `command:` for a local server, or `url:` for one over HTTP")


def key_of_local_server(path: str) -> Fault:
    message = f"`{path}`: a local server runs in the sandbox of trials and gets no key"
    return Fault(CODE, message, "take it out, or run the server yourself, with a `url`")


def long_server_name(most: int) -> Fault:
    return Fault(CODE, f"the name of a tool server has at most {most} letters", "choose a shorter one")


def no_server_name(text: str, tools: str) -> Fault:
    message = f"`{text}` cannot be the name of a tool server: its tools are called `{tools}`"
    return Fault(CODE, message, "use letters, digits, `-` and single `_`")


def server_command(path: str, fault: str) -> Fault:
    return Fault(CODE, f"`{path}` {fault}", "write its words as a list, such as `[python, tools/papers.py]`")
