"""`orgrun fmt`: the workflow list in its normal form, and the diagram drawn from it."""

from __future__ import annotations

from pathlib import Path

import click

from orgruntime.cli.group import FINDINGS, Verb
from orgruntime.cli.options import verb

EXAMPLES = """\
orgrun fmt my-lab
orgrun fmt my-lab --diff          what would change
orgrun fmt orgs/* --check         for CI: exit code 1 where something would
"""


@click.command("fmt", cls=Verb, examples=EXAMPLES)
@click.argument("orgs", metavar="ORG...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--check", is_flag=True, help="Write nothing; exit 1 where something would change.")
@click.option("--diff", is_flag=True, help="Write nothing; print the changes, and exit 1 where there are any.")
@verb
def command(orgs: tuple[Path, ...], check: bool, diff: bool) -> int:
    """Format program.md: one line a handoff in `## Workflow`, and the diagram below it, drawn from the compiled org.

    The diagram stands between the lines `<!-- orgrun:graph -->` and `<!-- /orgrun:graph -->`, wherever those are. Every
    other byte of the file stays as it is. Exit code 0: done, or nothing to do; 1: the org has errors.
    """
    from orgruntime.api.formatting import formatted, write

    found = formatted(orgs)
    changed = [one for one in found if one.is_changed]
    for one in changed:
        if diff:
            click.echo(one.diff(), nl=False)
        elif check:
            click.echo(f"{one.path} would be formatted")
        else:
            write(one)
            click.echo(f"{one.path} formatted")
    if not diff:
        still = len(found) - len(changed)
        click.echo(f"{still} program{'s' * (still != 1)} in order" if still else "", nl=bool(still))
    return FINDINGS if changed and (check or diff) else 0
