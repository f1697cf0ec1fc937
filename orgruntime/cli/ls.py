"""`orgrun ls`: the runs."""

from __future__ import annotations

import json
from pathlib import Path

import click

from orgruntime.cli.group import Verb
from orgruntime.cli.options import far_option, json_option, runs_option, verb

EXAMPLES = """\
orgrun ls
orgrun ls --runs /scratch/runs --json
"""


@click.command("ls", cls=Verb, examples=EXAMPLES)
@runs_option
@json_option
@far_option
@verb
def command(runs: Path, as_json: bool) -> None:
    """List the runs, oldest first: state, trials, what the champion gained."""
    from orgruntime.api.control import listed_runs
    from orgruntime.diagnostics.render import printable

    listed = listed_runs(runs)
    if as_json:
        states = [
            one.status.model_dump(mode="json")
            if one.status
            else {"run": one.id, "state": "damaged", "reason": one.fault}
            for one in listed
        ]
        click.echo(json.dumps(states, ensure_ascii=False))
        return
    if not listed:
        click.echo(f"there is no run in {runs}; start one with `orgrun run ORG`", err=True)
        return
    rows = [("run", "org", "state", "trials", "champion")]
    for one in listed:
        status = one.status
        if status is None:
            rows.append((one.id, "", "damaged", "", one.fault))
            continue
        gain = f"{status.champion.gain_percent:+.2f} %" if status.champion else "none"
        rows.append((one.id, status.org, status.state.value, str(status.trials.total), gain))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        click.echo(printable("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()))
