"""`orgrun check`: every fault of orgs and role files."""

from __future__ import annotations

import gc
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orgruntime.cli.group import FINDINGS, Verb
from orgruntime.cli.options import models_option, verb

if TYPE_CHECKING:
    from orgruntime.api.checking import Checked

EXAMPLES = """\
orgrun check my-lab
orgrun check ~/.claude/agents         a folder of role files
orgrun check my-lab --format concise
orgrun check my-lab --model researcher=search/tpe
"""
FORMATS = ("full", "concise", "json")


@click.command("check", cls=Verb, examples=EXAMPLES)
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--format", "form", type=click.Choice(FORMATS), default="full", show_default=True, help="How to say it.")
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option("--strict", is_flag=True, help="Exit 1 for warnings as well.")
@models_option
@verb
def command(paths: tuple[Path, ...], form: str, as_json: bool, strict: bool, models: dict[str, str]) -> int:
    """Compile orgs, or read role files and folders of them, and list every fault at once.

    A PATH is an org (a folder with program.md), a role file, or a folder of role files. Exit code 0: no errors.
    """
    found = _checked(paths, models)
    _print(found, "json" if as_json else form)
    return FINDINGS if found.has_errors or (strict and found.has_warnings) else 0


def _checked(paths: tuple[Path, ...], models: dict[str, str]) -> Checked:
    # What is imported and compiled here lives to the end of the process; collecting it is 3 % of its time.
    gc.disable()
    try:
        from orgruntime.api.checking import check_paths

        return check_paths(paths, models)
    finally:
        gc.enable()


def _print(found: Checked, form: str) -> None:
    from orgruntime.diagnostics.render import as_json as json_object
    from orgruntime.diagnostics.render import summary

    if form == "json":
        files = [{"path": f.path, "kind": f.kind, "slug": f.slug, "why": f.why} for f in found.files]
        click.echo(json.dumps(json_object(files, found.diagnostics), indent=1, ensure_ascii=False))
    else:
        colour = sys.stdout.isatty() and _wants_colour()
        click.echo(_said(found, form, colour), nl=False, color=True if colour else None)
        click.echo(f"{found.counted}: {summary(found.diagnostics)}")


def _said(found: Checked, form: str, colour: bool) -> str:
    """The findings. In full, what is only said for information takes one line each, after the faults."""
    from orgruntime.diagnostics.diagnostic import Severity
    from orgruntime.diagnostics.render import concise, full

    if form == "concise":
        return concise(found.diagnostics)
    faults = [one for one in found.diagnostics if one.severity is not Severity.INFO]
    infos = [one for one in found.diagnostics if one.severity is Severity.INFO]
    blocks = (full(faults, found.texts, colour=colour), concise(infos))
    return "".join(f"{block}\n" for block in blocks if block)


def _wants_colour() -> bool:
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
