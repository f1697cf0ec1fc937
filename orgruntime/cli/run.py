"""`orgrun run`: an org, or a saved plan, to its end."""

from __future__ import annotations

from pathlib import Path

import click

from orgruntime.cli.group import Verb
from orgruntime.cli.options import (
    budget_option,
    cluster_options,
    detach_option,
    json_option,
    models_option,
    runs_option,
    verb,
)

EXAMPLES = """\
orgrun run my-lab
orgrun run my-lab --budget trials=200 --budget wall_clock=1h
orgrun run my-lab --model researcher=search/tpe,search/cmaes --seed 7
orgrun run my-lab --json | tail -n 1         the state at the end, for machines
orgrun run p.json                            exactly what `plan --out p.json` said
orgrun run my-lab --address http://10.0.0.1:8265 --detach     on the head of a cluster, as a job
"""


@click.command("run", cls=Verb, examples=EXAMPLES)
@click.argument("org", metavar="ORG|PLAN.json", type=click.Path(path_type=Path))
@cluster_options
@detach_option
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

    Ctrl-C stops it cleanly, and `orgrun resume` goes on. With --address http://HEAD:8265 the run is packed and driven
    on the head, as a Ray job: Ctrl-C only lets go of it, and --runs names a folder there.

    Exit code 0: finished, paused, or stopped by `orgrun stop`; 1: failed; 130: interrupted.
    """
    from orgruntime.api.far_jobs import is_far
    from orgruntime.api.running import RunOptions, start_run
    from orgruntime.cli.closing import show_closing
    from orgruntime.cli.far import driven_there, refuse_detach
    from orgruntime.cli.views import cluster_choice, run_view

    options = RunOptions(
        models=models, budget=budget, seed=seed, run_id=run_id, runs=runs, cluster=cluster_choice(cluster)
    )
    if is_far(options.cluster.address):
        from orgruntime.api.far import start_far

        return driven_there(cluster, as_json, lambda far, view: start_far(org, options, far, view))
    refuse_detach(cluster)
    with run_view(as_json) as view:
        status = start_run(org, options, view)
    return show_closing(status, str(runs), as_json)
