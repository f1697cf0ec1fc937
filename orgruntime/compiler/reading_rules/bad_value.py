"""A value that is not understood where it stands."""

from __future__ import annotations

from orgruntime.diagnostics.codes import BAD_VALUE
from orgruntime.diagnostics.diagnostic import Fault

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
    return Fault(CODE, f"`{path}.{name}` has no value", f"write `{name}: VALUE`")


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
