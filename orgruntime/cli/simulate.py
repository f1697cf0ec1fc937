"""`orgrun simulate`: what an appetite and a budget come to in a made-up world."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from orgruntime.cli.group import Verb
from orgruntime.cli.options import budget_option, json_option, verb

EXAMPLES = """\
orgrun simulate my-lab
orgrun simulate my-lab --world sparse --budget trials=600 --slots 16
orgrun simulate my-lab --noise heavy-tailed --runs 500 --json
orgrun simulate my-lab --gpus 64 --out simulation.png
"""
WORLDS = ("null", "sparse", "typical", "dense")
NOISES = ("gaussian", "heavy-tailed", "two-point", "skewed")


@click.command("simulate", cls=Verb, examples=EXAMPLES)
@click.argument("org", type=click.Path(path_type=Path))
@click.option("--world", type=click.Choice(WORLDS), default="typical", show_default=True, help="How often ideas gain.")
@click.option("--noise", type=click.Choice(NOISES), default="gaussian", show_default=True, help="The law of luck.")
@click.option("--slots", type=click.IntRange(min=1), metavar="N", help="Trials that run at once. Default: 4.")
@click.option("--gpus", type=click.FloatRange(min=0, min_open=True), metavar="N", help="GPUs of the cluster, instead.")
@click.option("--runs", type=click.IntRange(min=1), default=100, show_default=True, help="How many runs.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Run n has seed + n.")
@click.option("--go-on", is_flag=True, help="Somebody answers every dry spell by going on.")
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="Draw it: FILE.png or FILE.svg.")
@budget_option
@json_option
@verb
def command(org: Path, budget: dict[str, str], out: Path | None, as_json: bool, **setting: object) -> None:
    """Run the org's appetite and budget in a made-up world, many times, on a virtual clock.

    Nothing of the org is run. How many champions, how many of them false, where the device time goes; beside it a loop
    that keeps whatever scores best, in the same world.
    """
    from orgruntime.api import simulating
    from orgruntime.simulator.figures import table

    asked = simulating.Setting.model_validate(setting)
    if asked.slots is not None and asked.gpus is not None:
        raise click.UsageError("--slots and --gpus both say how many trials run at once: give one of them")
    if out is not None:
        simulating.check_picture(out)
    with click.progressbar(
        length=asked.runs, label="simulating", file=sys.stderr, hidden=not sys.stderr.isatty()
    ) as bar:
        simulation = simulating.simulate_org(org, budget, asked, lambda: bar.update(1))
    if out is not None:
        simulating.draw_simulation(out, simulation)
        click.echo(f"{out}", err=True)
    click.echo(simulating.as_json(simulation) if as_json else "\n".join(table(simulation)))
