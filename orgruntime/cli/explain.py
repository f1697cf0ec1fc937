"""`orgrun explain`: the page of a rule, or why a run did what it did."""

from __future__ import annotations

from pathlib import Path

import click

from orgruntime.cli.group import Verb
from orgruntime.cli.options import json_option, runs_option, verb

EXAMPLES = """\
orgrun explain ORG204
orgrun explain unknown-role
orgrun explain decisions     the newest decisions of the newest run, with their numbers
orgrun explain 17            why trial 17 was started, and why it ended as it did
orgrun explain d57 --run r1  what decision d57 of run r1 rests on
orgrun explain pq5.0         why a proposal was kept, discarded or refused
"""


@click.command("explain", cls=Verb, examples=EXAMPLES)
@click.argument("what", metavar="CODE|DECISION")
@click.option("--run", "run", metavar="RUN", help="Id or folder of the run; without it, the newest.")
@runs_option
@json_option
@verb
def command(what: str, run: str | None, runs: Path, as_json: bool) -> None:
    """Print the page of a rule: what it finds, why it matters, what to write instead.

    Or say why a run started, held, ended or refused something: DECISION is `d` and a number, a trial's number or the
    beginning of its key, the id of a proposal or of an inquiry, or the word `decisions`.
    """
    from orgruntime.api.words import is_of_a_run

    if run is None and not is_of_a_run(what):
        from orgruntime.api.checking import explain

        if as_json:
            raise click.UsageError("the page of a rule is markdown; leave out --json")
        click.echo(explain(what).rstrip("\n"))
        return
    from orgruntime.api.explaining import explain_in_run, text

    told = explain_in_run(runs, run, what)
    click.echo(told.model_dump_json() if as_json else text(told))
