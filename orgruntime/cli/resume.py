"""`orgrun resume`: go on where a run was left."""

from __future__ import annotations

from pathlib import Path

import click

from orgruntime.cli.group import Verb
from orgruntime.cli.options import cluster_options, json_option, runs_option, verb

EXAMPLES = """\
orgrun resume                the newest run
orgrun resume my-lab-2
"""


@click.command("resume", cls=Verb, examples=EXAMPLES)
@click.argument("run", required=False)
@cluster_options
@runs_option
@json_option
@verb
def command(run: str | None, runs: Path, as_json: bool, **cluster: object) -> int:
    """Go on with a run that was stopped, paused, or whose driver died. No trial is counted twice.

    RUN is an id or a folder; without it, the newest run.
    """
    from orgruntime.api.running import resume_run
    from orgruntime.cli.closing import show_closing
    from orgruntime.cli.views import cluster_choice, run_view

    with run_view(as_json) as view:
        status = resume_run(runs, run, cluster_choice(cluster), view)
    return show_closing(status, runs, as_json)
