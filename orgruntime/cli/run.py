"""`orgrun run`: an org, or a saved plan, to its end."""

from __future__ import annotations

from pathlib import Path

import click

from orgruntime.cli.group import Verb
from orgruntime.cli.options import budget_option, cluster_options, json_option, models_option, runs_option, verb

EXAMPLES = """\
orgrun run my-lab
orgrun run my-lab --budget trials=200 --budget wall_clock=1h
orgrun run my-lab --model researcher=search/tpe,search/cmaes --seed 7
orgrun run my-lab --json | tail -n 1         the state at the end, for machines
orgrun run p.json                            exactly what `plan --out p.json` said
"""


@click.command("run", cls=Verb, examples=EXAMPLES)
@click.argument("org", metavar="ORG|PLAN.json", type=click.Path(path_type=Path))
@cluster_options
@budget_option
@models_option
@click.option("--seed", type=click.IntRange(min=0), help="Seed of the run's choices; drawn without it.")
@click.option("--run-id", metavar="ID", help="Name of the run's folder; without it: the org's name and a number.")
@runs_option
@json_option
@verb
def command(
    org: Path,
    seed: int | None,
    run_id: str | None,
    runs: Path,
    as_json: bool,
    models: dict[str, str],
    budget: dict[str, str],
    **cluster: object,
) -> int:
    """Run an org on a local Ray, or on the cluster at --address.

    Ctrl-C stops it cleanly, and `orgrun resume` goes on. Exit code 0: finished, paused, or stopped by `orgrun stop`;
    1: failed; 130: interrupted.
    """
    from orgruntime.api.running import RunOptions, start_run
    from orgruntime.cli.closing import show_closing
    from orgruntime.cli.views import cluster_choice, run_view

    options = RunOptions(
        models=models, budget=budget, seed=seed, run_id=run_id, runs=runs, cluster=cluster_choice(cluster)
    )
    with run_view(as_json) as view:
        status = start_run(org, options, view)
    return show_closing(status, runs, as_json)
