"""`orgrun report`: the report of a run."""

from __future__ import annotations

import json
from pathlib import Path

import click

from orgruntime.cli.group import Verb
from orgruntime.cli.options import far_address_option, json_option, runs_option, verb

EXAMPLES = """\
orgrun report                the newest run
orgrun report my-lab-2 --open
git apply "$(orgrun report --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["champion.patch"])')"
"""


@click.command("report", cls=Verb, examples=EXAMPLES)
@click.argument("run", required=False)
@click.option("--open", "opened", is_flag=True, help="Show the page in a browser.")
@runs_option
@json_option
@far_address_option
@verb
def command(run: str | None, opened: bool, runs: Path, as_json: bool, address: str | None) -> None:
    """Write report.html, progress.png, results.tsv and, once there is a champion, champion.patch.

    RUN is an id or a folder; without it, the newest run. A live run is not disturbed.
    With --address the files and the certificates are brought into .orgrun/fetched/RUN.
    """
    paths = _paths(run, runs, address)
    if as_json:
        click.echo(json.dumps({name: str(path) for name, path in paths.items()}))
    else:
        for path in paths.values():
            click.echo(str(path))
    if opened:
        click.launch(str(paths["report.html"]))


def _paths(run: str | None, runs: Path, address: str | None) -> dict[str, Path]:
    if address is None:
        from orgruntime.api.folders import find_run
        from orgruntime.api.reports import write_report

        return write_report(find_run(runs, run))
    from orgruntime.api.far import fetch_report
    from orgruntime.cli.far import far_runs, refuse_no_server

    refuse_no_server(address)
    return fetch_report(address, run, far_runs(click.get_current_context()))
