"""`orgrun check`: every fault of orgs and role files."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from orgruntime.cli.findings import coloured, said
from orgruntime.cli.group import FINDINGS, Verb
from orgruntime.cli.options import Pairs, merged, models_option, verb

if TYPE_CHECKING:
    from orgruntime.api.checking import Checked
    from orgruntime.api.remembering import Store

EXAMPLES = """\
orgrun check my-lab
orgrun check ~/.claude/agents                       a folder of role files
orgrun check my-lab --watch                         again at every change, until Ctrl-C
orgrun check my-lab --format github                 annotations in a workflow of GitHub Actions
orgrun check my-lab --format sarif > orgrun.sarif   for code scanning
orgrun check my-lab --severity ORG401=error --ignore 'roles/old/*=ORG114,ORG211'
orgrun check my-lab --baseline known.json --write-baseline   accept what is there; then, failing on what is new:
orgrun check my-lab --baseline known.json
"""
FORMATS = ("full", "concise", "json", "sarif", "github")


def _listed(ctx: click.Context, param: click.Parameter, pairs: tuple[dict[str, str], ...]) -> dict[str, list[str]]:
    """`GLOB=CODE,CODE`, of one glob also more than once."""
    found: dict[str, list[str]] = {}
    for pair in pairs:
        for pattern, words in pair.items():
            found.setdefault(pattern, []).extend(word.strip() for word in words.split(",") if word.strip())
    return found


def _judging_options(function: Callable[..., Any]) -> Callable[..., Any]:
    severity, ignore = Pairs("--severity ORG210=off"), Pairs("--ignore 'roles/old/*=ORG114'")
    for option in (
        click.option("--isolated", is_flag=True, help="Read no .orgrun.toml."),
        click.option("--write-baseline", is_flag=True, help="Accept all errors and warnings of now in --baseline."),
        click.option(
            "--baseline",
            type=click.Path(path_type=Path, dir_okay=False),
            metavar="FILE",
            help="Known findings: only new ones are shown and fail.",
        ),
        click.option(
            "--ignore", "ignores", multiple=True, type=ignore, callback=_listed, metavar="GLOB=CODE,…",
            help="Do not report these rules in these files; * is every rule.",
        ),
        click.option(
            "--severity", "severities", multiple=True, type=severity, callback=merged, metavar="CODE=LEVEL",
            help="error, warning, info or off for a rule, by code or name.",
        ),
    ):  # fmt: skip
        function = option(function)
    return function


class Request(NamedTuple):
    """One call of the verb."""

    paths: tuple[Path, ...]
    form: str
    strict: bool
    models: dict[str, str]
    severities: dict[str, str]
    ignores: dict[str, list[str]]
    isolated: bool
    baseline: Path | None
    write_baseline: bool
    cache: bool


@click.command("check", cls=Verb, examples=EXAMPLES)
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--format", "form", type=click.Choice(FORMATS), default="full", show_default=True, help="How to say it.")
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option("--strict", is_flag=True, help="Exit 1 for warnings as well.")
@click.option("--watch", is_flag=True, help="Check again whenever something changes, until Ctrl-C.")
@_judging_options
@click.option(
    "--cache/--no-cache", default=True, help="Read again only what has changed since the last time (default)."
)
@models_option
@verb
def command(form: str, as_json: bool, watch: bool, **words: Any) -> int:
    """Compile orgs, or read role files and folders of them, and list every fault at once.

    A PATH is an org (a folder with program.md), a role file, or a folder of role files. Exit code 0: no errors;
    1: errors; 2: misuse; 130: --watch was interrupted. A file .orgrun.toml beside the org sets rules for good.
    """
    request = Request(form="json" if as_json else form, **words)
    if request.write_baseline and request.baseline is None:
        raise click.UsageError("--write-baseline needs a file: add e.g. `--baseline known.json`")
    if watch:
        return _watch(request)
    checked = _checked(request)
    if request.write_baseline:
        return _accept(checked, request)
    click.echo(said(checked, request.form, coloured()), nl=False, color=True if coloured() else None)
    failed = checked.has_errors or (request.strict and checked.has_warnings)
    return FINDINGS if failed else 0


def _checked(request: Request, store: Store | None = None) -> Checked:
    # What is imported and compiled here lives to the end of the process; collecting it is 3 % of its time.
    gc.disable()
    try:
        from orgruntime.api.checking import check_paths
        from orgruntime.api.remembering import Store
        from orgruntime.api.settings import Asked

        asked = Asked(request.severities, request.ignores, request.isolated)
        with (store or Store(request.paths, on_disk=request.cache)).in_use():
            checked = check_paths(request.paths, request.models, asked=asked)
        if request.baseline is None or request.write_baseline:
            return checked
        from orgruntime.api.baselines import against_baseline

        return against_baseline(checked, request.baseline)
    finally:
        gc.enable()


def _accept(checked: Checked, request: Request) -> int:
    from orgruntime.api.baselines import write_baseline

    assert request.baseline is not None
    number = write_baseline(checked, request.baseline)
    click.echo(f"{request.baseline} accepts {number} finding{'s' * (number != 1)}: give it as `--baseline` from now on")
    return 0


def _watch(request: Request) -> int:
    """Shows the findings, and again whenever they or the files change. Ends by Ctrl-C alone."""
    from orgruntime.api.errors import UserError
    from orgruntime.api.remembering import Store
    from orgruntime.api.watching import watch

    if request.form == "sarif" or request.write_baseline:
        raise click.UsageError("--watch goes with the formats full, concise, json and github, and writes no baseline")

    store = Store(request.paths, on_disk=request.cache)

    def look() -> str:
        try:
            return said(_checked(request, store), request.form, coloured(), one_line=True)
        except UserError as error:
            return f"orgrun: error: {error}\n"

    beside = () if request.baseline is None else (request.baseline,)
    for number, text in enumerate(watch(request.paths, look, beside)):
        if request.form != "json" and number:
            click.echo(f"--- {datetime.now().astimezone():%H:%M:%S}: something has changed")
        click.echo(text, nl=False, color=True if coloured() else None)
        sys.stdout.flush()
    return 0
