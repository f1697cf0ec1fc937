"""The frame of the command: verbs that are imported when they are called, help with examples, faults as one sentence.

Works on click alone and knows no verb. Invariant: whatever a verb raises, the process ends with one of the codes
0 (clean), 1 (findings or a failed run), 2 (misuse, or a bug), 130 (interrupted), and shows a traceback only where
one was asked for.
"""

from __future__ import annotations

import errno
import importlib
import keyword
import os
import sys
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from typing import Any, TypeVar

import click

from orgruntime.api.errors import UserError
from orgruntime.diagnostics.nearest import nearest

FINDINGS, MISUSE, INTERRUPTED, CLOSED_PIPE = 1, 2, 130, 141
ISSUES = "https://github.com/orgruntime/orgruntime/issues"
DEBUG = "ORGRUN_DEBUG"

_Decorated = TypeVar("_Decorated", bound=Callable[..., Any] | click.Command)

debug_option = click.option(
    "--debug", is_flag=True, expose_value=False, help=f"Show tracebacks, as {DEBUG}=1 does.", hidden=True
)


class _WithExamples(click.Command):
    """A command whose help ends with examples, printed as they are."""

    examples: str = ""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        if self.examples:
            with formatter.section("Examples"):
                formatter.write("".join(f"  {line}\n" if line else "\n" for line in self.examples.splitlines()))


class Verb(_WithExamples):
    """A verb. Returns its exit code; None is 0."""

    def __init__(self, *args: Any, examples: str = "", **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self.examples = examples


class LazyGroup(click.Group):
    """The group. `verbs`: name → one line; verb `x` is `command` of `orgruntime.cli.x`."""

    def __init__(
        self,
        *args: Any,
        verbs: Mapping[str, str] | None = None,
        sections: Mapping[str, Sequence[str]] | None = None,
        examples: str = "",
        **attributes: Any,
    ) -> None:
        super().__init__(*args, **attributes)
        self.verbs = dict(verbs or {})
        self.sections = dict(sections or {})
        self.examples = examples

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.verbs)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.verbs:
            return None
        # A verb that is a word of Python lives in a module with an underscore: `import_`.
        module = f"{cmd_name}_" if keyword.iskeyword(cmd_name) else cmd_name
        command = importlib.import_module(f"orgruntime.cli.{module}").command
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0] if args else ""
        if name and not name.startswith("-") and name not in self.verbs:
            near = nearest(name, self.verbs)
            hint = f"did you mean `{near}`?" if near else "`orgrun --help` lists the commands"
            ctx.fail(f"there is no command `{name}`; {hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, names in self.sections.items():
            with formatter.section(title):
                formatter.write_dl([(name, self.verbs[name]) for name in names])

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Examples"):
            formatter.write("".join(f"  {line}\n" for line in self.examples.splitlines()))

    def main(self, args: Sequence[str] | None = None, *rest: Any, **extra: Any) -> Any:
        """Runs one command and exits with its code."""
        words = list(sys.argv[1:] if args is None else args)
        extra["standalone_mode"] = False
        extra.setdefault("prog_name", "orgrun")
        sys.exit(_code_of(lambda: super(LazyGroup, self).main(words, *rest, **extra), _wants_traceback(words)))


def _wants_traceback(words: Sequence[str], environ: MutableMapping[str, str] = os.environ) -> bool:
    return "--debug" in words or environ.get(DEBUG, "") not in ("", "0")


def _code_of(call: Callable[[], Any], debug: bool) -> int:
    try:
        code = call()
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except (KeyboardInterrupt, click.Abort):
        _say("interrupted", False)
        return INTERRUPTED
    except Exception as error:
        return _failed(error, debug)


def _failed(error: Exception, debug: bool) -> int:
    if isinstance(error, click.ClickException):
        return _refused(error)
    if isinstance(error, UserError):
        _say(f"error: {error}", debug)
        return error.code
    if isinstance(error, OSError) and error.errno == errno.EPIPE:
        # Nobody reads on: the interpreter's last flush must not complain either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CLOSED_PIPE
    return _bug(error, debug)


def _refused(error: click.ClickException) -> int:
    """A wrong command line, in one sentence."""
    message = error.format_message().rstrip(".")
    context = getattr(error, "ctx", None)
    where = f" (see `{context.command_path} --help`)" if context is not None else ""
    _say(f"error: {message[:1].lower()}{message[1:]}{where}", False)
    return MISUSE


def _bug(error: Exception, debug: bool) -> int:
    kind = f"{type(error).__name__}: {error}".splitlines()[0][:300]
    hint = "" if debug else f" with what `{DEBUG}=1` shows"
    _say(f"this is a bug of orgruntime ({kind}); please report it at {ISSUES}{hint}", debug)
    return MISUSE


def _say(text: str, debug: bool) -> None:
    if debug and sys.exc_info()[0] is not None:
        import traceback

        click.echo(traceback.format_exc(), err=True, nl=False)
    click.echo(f"orgrun: {text}", err=True)
