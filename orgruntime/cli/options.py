"""Options that several verbs share, spelled once. Knows click; what a value means is the api's to say."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from orgruntime.cli.group import debug_option

Function = TypeVar("Function", bound=Callable[..., Any])
RUNS = ".orgrun/runs"


class Pairs(click.ParamType[dict[str, str]]):
    """One `KEY=VALUE` word."""

    name = "KEY=VALUE"

    def __init__(self, example: str) -> None:
        self.example = example

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dict[str, str]:
        if isinstance(value, dict):
            return value
        key, sign, rest = str(value).partition("=")
        if not sign or not key.strip() or not rest.strip():
            self.fail(f"`{value}` is no KEY=VALUE; write e.g. {self.example}", param, ctx)
        return {key.strip(): rest.strip()}


class Seconds(click.ParamType[float]):
    """A duration in the words of a program: `90s`, `15m`, `2h`."""

    name = "DURATION"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        from orgruntime.compiler.words import Unclear, duration

        try:
            return duration(str(value))
        except Unclear as error:
            self.fail(f"{error.fault}; {error.help or 'write e.g. `15m`'}", param, ctx)


def merged(ctx: click.Context, param: click.Parameter, values: tuple[dict[str, str], ...]) -> dict[str, str]:
    return {key: value for pair in values for key, value in pair.items()}


def verb(function: Function) -> Function:
    """What every verb takes."""
    return debug_option(function)


def models_option(function: Function) -> Function:
    return click.option(
        "--model",
        "models",
        multiple=True,
        type=Pairs("--model researcher=search/tpe"),
        callback=merged,
        metavar="ROLE=SPECIES",
        help="Put another species (or several, with commas) behind a role.",
    )(function)


def budget_option(function: Function) -> Function:
    return click.option(
        "--budget",
        multiple=True,
        type=Pairs("--budget trials=100"),
        callback=merged,
        metavar="KEY=VALUE",
        help="A bound in the words of `budget:`: trials, gpu_hours, cpu_hours, tokens, usd, wall_clock.",
    )(function)


def runs_option(function: Function) -> Function:
    return click.option(
        "--runs",
        type=click.Path(path_type=Path, file_okay=False),
        default=RUNS,
        envvar="ORGRUN_RUNS",
        show_default=True,
        help="Where runs live; ORGRUN_RUNS sets it as well.",
    )(function)


def json_option(function: Function) -> Function:
    return click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")(function)


def address_option(function: Function) -> Function:
    return click.option(
        "--address",
        metavar="ADDRESS",
        help="A running Ray cluster: `auto` or host:port on a machine of it, http://HEAD:8265 from elsewhere. "
        "Without it: a local Ray.",
    )(function)


def detach_option(function: Function) -> Function:
    return click.option("--detach", is_flag=True, help="With --address http://…: let go of the run once it has begun.")(
        function
    )


def far_option(function: Function) -> Function:
    """For verbs about a run that say the same on the head of a cluster, where its folder may lie."""

    @functools.wraps(function)
    def here_or_there(*args: Any, address: str | None, **asked: Any) -> Any:
        if address is None:
            return function(*args, **asked)
        from orgruntime.cli.far import asked_there

        return asked_there(address)

    return far_address_option(here_or_there)  # type: ignore[return-value]  # Wraps it.


def far_address_option(function: Function) -> Function:
    return click.option(
        "--address", metavar="URL", help="The run lies on the head of a Ray cluster: http://HEAD:8265, its job server."
    )(function)


def local_cluster_options(function: Function) -> Function:
    """The size of an embedded cluster, and its sandbox."""
    for option in (
        click.option("--no-sandbox", is_flag=True, help="Run trials with this user's rights."),
        click.option("--gpus", type=click.FloatRange(min=0), help="Simulate so many logical GPUs in the local Ray."),
        click.option("--cpus", type=click.FloatRange(min=0, min_open=True), help="Logical CPUs of the local Ray."),
    ):
        function = option(function)
    return function


def wait_option(function: Function) -> Function:
    return click.option(
        "--wait",
        "wait_s",
        type=Seconds(),
        default=0.0,
        metavar="DURATION",
        help="With --address: wait so long for nodes that can hold the trials, as of a cluster that grows by demand.",
    )(function)


def cluster_options(function: Function) -> Function:
    return address_option(wait_option(local_cluster_options(function)))
