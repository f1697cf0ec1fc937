"""Verbs that are carried out on the head of a cluster, and the words about a run that was let go of there.

Knows click and the use cases. Invariant: what is asked there are the words that were typed here, without where.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from orgruntime.api.errors import UserError
from orgruntime.cli.group import INTERRUPTED
from orgruntime.diagnostics.render import printable
from orgruntime.model.status import RunStatus

if TYPE_CHECKING:
    from orgruntime.api.far_jobs import FarOptions
    from orgruntime.api.running import View

_OURS = ("address", "runs", "debug")


def asked_there(address: str) -> int:
    """The verb that click is calling, on the head; prints what it prints, returns its exit code."""
    from orgruntime.api.far import far_verb

    ctx = click.get_current_context()
    refuse_no_server(address)

    def out(line: str, is_error: bool) -> None:
        click.echo(printable(line), err=is_error)

    return far_verb(address, words_of(ctx), far_runs(ctx), out)


def refuse_no_server(address: str) -> None:
    """Raises UsageError for an address that is no job server's."""
    from orgruntime.api.far_jobs import is_far

    if not is_far(address):
        raise click.UsageError(
            f"--address {address}: a run on a cluster's head is reached through its job server, as in "
            "http://HEAD:8265; on the head itself leave --address out and name its folder with --runs"
        )


def words_of(ctx: click.Context) -> list[str]:
    """The verb with what was typed after it, the place of the run left out."""
    options, arguments = [], []
    for param in ctx.command.params:
        if param.name in _OURS or ctx.get_parameter_source(str(param.name)) is not ParameterSource.COMMANDLINE:
            continue
        value = ctx.params.get(str(param.name))
        if isinstance(param, click.Argument):
            arguments += [str(value)]
        elif isinstance(param, click.Option) and param.is_flag:
            options += [param.opts[-1]] if value else []
        else:
            options += [param.opts[-1], str(value)]
    return [str(ctx.command.name), *options, *(["--", *arguments] if arguments else [])]


def far_runs(ctx: click.Context) -> str | None:
    """A folder on the head, where one was named: ORGRUN_RUNS of this machine means this machine."""
    named = ctx.get_parameter_source("runs") is ParameterSource.COMMANDLINE
    return str(ctx.params["runs"]) if named else None


def driven_there(cluster: Mapping[str, Any], as_json: bool, drive: Callable[[FarOptions, View], RunStatus]) -> int:
    """`drive` with what the options say of the place, and a view; returns the exit code."""
    from orgruntime.api.far import LetGo
    from orgruntime.api.far_jobs import FarOptions
    from orgruntime.cli.closing import show_closing
    from orgruntime.cli.views import cluster_choice, run_view

    choice = cluster_choice(cluster)
    address = str(choice.address)
    runs, detach = far_runs(click.get_current_context()), bool(cluster["detach"])
    far = FarOptions(address, runs, detach, choice.sandbox, choice.wait_s)
    try:
        with run_view(as_json) as view:
            status = drive(far, view)
    except LetGo as left:
        _say_left(left.run, far.where, as_json)
        return 0 if detach else INTERRUPTED
    return show_closing(status, runs, as_json, address)


def refuse_detach(cluster: Mapping[str, Any]) -> None:
    """Raises UserError for a run on this machine."""
    if cluster["detach"]:
        raise UserError(
            "--detach lets go of a run on a cluster's head, which needs --address http://HEAD:8265; a run on this "
            "machine lives in this process: start it in the background (`nohup orgrun run … &`) instead"
        )


def _say_left(run: str, rest: str, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"run": run, "left": True}))
        return
    click.echo(f"{run} goes on without us")
    for label, words in (("look", "status"), ("follow", "logs -f"), ("stop", "stop"), ("report", "report")):
        click.echo(f"  {label:<8} orgrun {words} {run}{rest}")
