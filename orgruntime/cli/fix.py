"""`orgrun fix`: mends what can be mended without changing what a file means."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orgruntime.cli.group import FINDINGS, Verb
from orgruntime.cli.options import json_option, verb

if TYPE_CHECKING:
    from orgruntime.api.fixing import Fixed

EXAMPLES = """\
orgrun fix my-lab
orgrun fix ~/.claude/agents --diff    what would be changed
orgrun fix roles --unsafe             slips in the names of keys as well
"""


@click.command("fix", cls=Verb, examples=EXAMPLES)
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--diff", is_flag=True, help="Print what would be changed, and change nothing.")
@click.option("--unsafe", is_flag=True, help="Put in fixes that may change what a file means.")
@json_option
@verb
def command(paths: tuple[Path, ...], diff: bool, unsafe: bool, as_json: bool) -> int:
    """Mend orgs and role files: quotes that are missing, byte-order marks, misplaced front matter.

    Comments, the order of keys and line ends stay as they are. Exit code 1: errors are left, or, with --diff, there is
    something to change.
    """
    from orgruntime.api.fixing import as_diff, fix_paths
    from orgruntime.diagnostics.diagnostic import Severity

    fixed = fix_paths(paths, unsafe=unsafe, write=not diff)
    if as_json:
        click.echo(json.dumps(_object(fixed, diff), indent=1, ensure_ascii=False))
    elif diff:
        _show(as_diff(fixed))
    else:
        _say(fixed)
    has_errors = any(one.severity is Severity.ERROR for one in fixed.left)
    return FINDINGS if has_errors or (diff and fixed.files) else 0


def _object(fixed: Fixed, diff: bool) -> dict[str, object]:
    from orgruntime.diagnostics.render import as_json

    files = [
        {"path": file.path, "written": not diff, "mended": as_json([], file.mended)["diagnostics"]}
        for file in fixed.files
    ]
    return {"files": files, "left": as_json([], fixed.left)["diagnostics"]}


def _show(diff: str) -> None:
    """To a terminal nothing goes that could move its cursor; to a file or a program the bytes of the patch."""
    from orgruntime.diagnostics.render import printable

    if sys.stdout.isatty():
        diff = "".join(f"{printable(line)}\n" for line in diff.split("\n")[:-1])
    click.echo(diff, nl=False)


def _say(fixed: Fixed) -> None:
    from orgruntime.diagnostics.render import printable

    for file in fixed.files:
        click.echo(printable(file.path))
        for found in file.mended:
            assert found.fix is not None
            click.echo(f"  line {found.span.line}: {printable(found.fix.title)} ({found.code})")
    count = len(fixed.files)
    done = f"{count} file{'s' * (count != 1)} fixed" if count else "nothing to fix"
    more = f", {fixed.unsafe} of them with --unsafe" if fixed.unsafe else ""
    left = f"; {len(fixed.left)} left, see `orgrun check`{more}" if fixed.left else ""
    click.echo(done + left)
