"""`orgrun idea`: a person's idea for a run."""

from __future__ import annotations

import json
from pathlib import Path

import click

from orgruntime.cli.group import Verb
from orgruntime.cli.options import far_option, json_option, runs_option, verb

EXAMPLES = """\
orgrun idea my-lab-2 "try a larger batch with a smaller learning rate"
orgrun idea my-lab-2 "LEARNING_RATE = 0.02"     an assignment is carried out by search species as well
"""


@click.command("idea", cls=Verb, examples=EXAMPLES)
@click.argument("run")
@click.argument("text")
@runs_option
@json_option
@far_option
@verb
def command(run: str, text: str, runs: Path, as_json: bool) -> None:
    """Put an idea into the queue of a run; the next free desk takes it up."""
    from orgruntime.api.control import add_idea

    added = add_idea(runs, run, text)
    click.echo(json.dumps({"run": added.run, "idea": added.id, "live": added.live}) if as_json else added.text)
