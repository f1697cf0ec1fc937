"""`orgrun import`: somebody else's folder as a drafted org."""

from __future__ import annotations

import json
from pathlib import Path

import click

from orgruntime.cli.group import FINDINGS, Verb
from orgruntime.cli.options import json_option, local_cluster_options, verb

EXAMPLES = """\
orgrun import autoresearch                      writes autoresearch-org beside it
orgrun import autoresearch --into orgs/ar
orgrun import autoresearch --direction minimize --prove
orgrun import autoresearch --json               facts with their places, and what is open
"""
DIRECTIONS = ("minimize", "maximize")


@click.command("import", cls=Verb, examples=EXAMPLES)
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--into", type=click.Path(path_type=Path), help="Where the org is written; without it: beside PATH.")
@click.option("--direction", type=click.Choice(DIRECTIONS), help="Which way is better, where the words do not say it.")
@click.option("--prove", is_flag=True, help="Run the baseline twice; it has to print a finite metric each time.")
@local_cluster_options
@json_option
@verb
def command(path: Path, into: Path | None, direction: str | None, prove: bool, as_json: bool, **cluster: object) -> int:
    """Draft an org from a folder that was not written for this runtime: a bare program.md with its files.

    Nothing of PATH is changed, and nothing is run without --prove. Each fact is shown with the place that says it;
    what no place says is left open, as a line `# ?` of the draft. Exit code 0: nothing is open; 1: something is, or
    the proof failed.
    """
    from orgruntime.api.importing import ImportOptions, import_path
    from orgruntime.cli.views import cluster_choice
    from orgruntime.diagnostics.render import printable
    from orgruntime.model.manifest import Direction

    def tell(line: str) -> None:
        click.echo(printable(line), err=as_json)

    choice = cluster_choice({"address": None, **cluster})
    options = ImportOptions(into, Direction(direction) if direction else None, prove, choice)
    made = import_path(path, options, tell)
    if as_json:
        click.echo(json.dumps(made.as_json(), ensure_ascii=False))
    else:
        for line in made.lines():
            click.echo(printable(line))
    return 0 if made.is_settled else FINDINGS
