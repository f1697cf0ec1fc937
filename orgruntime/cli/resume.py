"""`orgrun resume`: go on where a run was left."""

from __future__ import annotations

from pathlib import Path

import click

from orgruntime.cli.group import Verb
from orgruntime.cli.options import cluster_options, detach_option, json_option, runs_option, verb

EXAMPLES = """\
orgrun resume                the newest run
orgrun resume my-lab-2
"""


@click.command("resume", cls=Verb, examples=EXAMPLES)
@click.argument("run", required=False)
@cluster_options
@detach_option
@runs_option
@json_option
@verb
def command(run: str | None, runs: Path, as_json: bool, **cluster: object) -> int:
    """Go on with a run that was stopped, paused, or whose driver died. No trial is counted twice.

    RUN is an id or a folder; without it, the newest run.
    """
    from orgruntime.api.far_jobs import is_far
    from orgruntime.api.running import resume_run
    from orgruntime.cli.closing import show_closing
    from orgruntime.cli.far import driven_there, refuse_detach
    from orgruntime.cli.views import cluster_choice, run_view

    choice = cluster_choice(cluster)
    if is_far(choice.address):
        from orgruntime.api.far import resume_far

        return driven_there(cluster, as_json, lambda far, view: resume_far(run, far, view))
    refuse_detach(cluster)
    with run_view(as_json) as view:
        status = resume_run(runs, run, choice, view)
    return show_closing(status, str(runs), as_json)
