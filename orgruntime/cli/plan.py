"""`orgrun plan`: what would run, where, at what cost, with what authority."""

from __future__ import annotations

from pathlib import Path

import click

from orgruntime.cli.group import FINDINGS, Verb
from orgruntime.cli.options import address_option, budget_option, json_option, models_option, runs_option, verb

EXAMPLES = """\
orgrun plan my-lab
orgrun plan my-lab --budget trials=200 --out p.json && orgrun run p.json
orgrun plan my-lab --address auto            against the nodes of a running cluster
"""


@click.command("plan", cls=Verb, examples=EXAMPLES)
@click.argument("org", type=click.Path(path_type=Path))
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="FILE", help="Save the plan; `orgrun run FILE` runs it."
)
@address_option
@models_option
@budget_option
@runs_option
@json_option
@verb
def command(
    org: Path,
    out: Path | None,
    address: str | None,
    models: dict[str, str],
    budget: dict[str, str],
    runs: Path,
    as_json: bool,
) -> int:
    """Show the graph, where roles fit, the appetite as numbers and what they would have meant on the org's last run,
    the authority table, the worst-case bill."""
    from orgruntime.api.hindsight import with_hindsight
    from orgruntime.api.importing import drafted
    from orgruntime.api.orgs import species_lacks
    from orgruntime.api.planning import plan_org, save_plan
    from orgruntime.api.wiring import ClusterChoice
    from orgruntime.diagnostics.render import printable
    from orgruntime.plan.text import render

    org = drafted(org, lambda line: click.echo(printable(line), err=True))
    manifest, plan = plan_org(org, models, budget, ClusterChoice(address=address) if address else None)
    shown = with_hindsight(plan, manifest, plan.numbers, runs)
    if as_json:
        click.echo(shown.model_dump_json(indent=1))
    else:
        click.echo("\n".join(printable(line) for line in render(shown).splitlines()))
    lacks = [f"{role.slug} cannot ever be placed: {role.misfit}" for role in plan.roles if role.misfit]
    lacks += species_lacks(manifest)
    for lack in lacks:
        click.echo(f"orgrun: error: {lack}", err=True)
    if out is not None:
        save_plan(out, org, models, budget, plan)
        click.echo(f"saved to {out}; run it with `orgrun run {out}`", err=True)
    return FINDINGS if lacks else 0
