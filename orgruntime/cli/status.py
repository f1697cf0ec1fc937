"""`orgrun status`: where a run stands."""

from __future__ import annotations

from pathlib import Path

import click

from orgruntime.cli.group import Verb
from orgruntime.cli.options import far_option, json_option, runs_option, verb

EXAMPLES = """\
orgrun status                the newest run
orgrun status my-lab-2 --json
"""


@click.command("status", cls=Verb, examples=EXAMPLES)
@click.argument("run", required=False)
@runs_option
@json_option
@far_option
@verb
def command(run: str | None, runs: Path, as_json: bool) -> None:
    """Show a run's state, champion, counts, spend and budget, from its ledger; a live run is not disturbed.

    RUN is an id or a folder; without it, the newest run.
    """
    from orgruntime.api.folders import find_run
    from orgruntime.api.statuses import status_of_run
    from orgruntime.cli.closing import status_words

    status = status_of_run(find_run(runs, run))
    click.echo(status.model_dump_json() if as_json else status_words(status))
