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
orgrun import my-project                        lists the roles of my-project/.claude/agents and their handoffs
orgrun import my-company --adopt --into orgs/co drafts an org of them
orgrun import my-lab --adopt                    adds what its role files hint at to its workflow
"""
DIRECTIONS = ("minimize", "maximize")


@click.command("import", cls=Verb, examples=EXAMPLES)
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--into", type=click.Path(path_type=Path), help="Where the org is written; without it: beside PATH.")
@click.option("--direction", type=click.Choice(DIRECTIONS), help="Which way is better, where the words do not say it.")
@click.option("--prove", is_flag=True, help="Run the baseline twice; it has to print a finite metric each time.")
@click.option(
    "--adopt",
    is_flag=True,
    help="Draft an org from the roles of another tool, or add hints of an org's own to its workflow.",
)
@local_cluster_options
@json_option
@verb
def command(
    path: Path, into: Path | None, direction: str | None, prove: bool, adopt: bool, as_json: bool, **cluster: object
) -> int:
    """Draft an org from a folder that was not written for this runtime: a bare program.md with its files, a folder of
    another tool's role files, or a company of them.

    Nothing of PATH is changed, and nothing is run without --prove. Each fact is shown with the place that says it;
    what no place says is left open, as a line `# ?` of the draft. Roles of another tool are listed with what they say
    of each other, and what each asks for beside what it would get; --adopt writes the org. Of an org, the hints of its
    role files are held against its workflow; --adopt adds the handoffs that it lacks. Exit code 0: nothing is open;
    1: something is, a role or a hint was refused, or the proof failed.
    """
    from orgruntime.api.importing import ImportOptions, import_path
    from orgruntime.cli.views import cluster_choice
    from orgruntime.diagnostics.render import printable
    from orgruntime.model.manifest import Direction

    def tell(line: str) -> None:
        click.echo(printable(line), err=as_json)

    choice = cluster_choice({"address": None, **cluster})
    options = ImportOptions(into, Direction(direction) if direction else None, prove, choice, adopt)
    made = import_path(path, options, tell)
    if as_json:
        click.echo(json.dumps(made.as_json(), ensure_ascii=False))
    else:
        for line in made.lines():
            click.echo(printable(line))
    return 0 if made.is_settled else FINDINGS
