"""`orgrun stop`: ask a live run to stop."""

from __future__ import annotations

from pathlib import Path

import click

from orgruntime.cli.group import FINDINGS, Verb
from orgruntime.cli.options import far_option, json_option, runs_option, verb

EXAMPLES = """\
orgrun stop                  the newest run
orgrun stop my-lab-2 --timeout 5
"""


@click.command("stop", cls=Verb, examples=EXAMPLES)
@click.argument("run", required=False)
@click.option("--timeout", type=click.FloatRange(min=0), default=60.0, show_default=True, help="Seconds to wait.")
@runs_option
@json_option
@far_option
@verb
def command(run: str | None, timeout: float, runs: Path, as_json: bool) -> int:
    """Ask the driver of a run to end what runs and leave; wait until it has. `orgrun resume` goes on.

    RUN is an id or a folder; without it, the newest run.
    """
    from orgruntime.api.control import stop_run

    stopped = stop_run(runs, run, timeout)
    click.echo(stopped.status.model_dump_json() if as_json else stopped.text)
    return FINDINGS if stopped.still_running else 0
