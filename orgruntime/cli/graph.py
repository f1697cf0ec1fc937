"""`orgrun graph`: the agent graph as text or picture."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from orgruntime.cli.group import Verb
from orgruntime.cli.options import verb

EXAMPLES = """\
orgrun graph my-lab                          Mermaid, for a README
orgrun graph my-lab -o graph.svg             the ending chooses the format
orgrun graph my-lab --format dot | dot -Tpdf -o graph.pdf
"""
FORMATS = ("mermaid", "dot", "svg", "png")


@click.command("graph", cls=Verb, examples=EXAMPLES)
@click.argument("org", type=click.Path(path_type=Path))
@click.option("--format", "form", type=click.Choice(FORMATS), help="Default: what -o ends with, else mermaid.")
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FILE", help="Write to a file.")
@verb
def command(org: Path, form: str | None, output: Path | None) -> None:
    """Draw an org's agent graph: who hands what to whom, and when."""
    from orgruntime.api.graphs import graph_of, write_graph

    chosen = form or _by_ending(output)
    if output is not None:
        write_graph(output, graph_of(org, chosen))
        click.echo(f"{output}", err=True)
        return
    if chosen in ("svg", "png") and sys.stdout.isatty():
        raise click.UsageError(f"a terminal shows no {chosen}; write it to a file with `-o graph.{chosen}`, or pipe it")
    click.echo(graph_of(org, chosen), nl=False)


def _by_ending(output: Path | None) -> str:
    ending = output.suffix[1:].lower() if output is not None else ""
    return {"gv": "dot"}.get(ending, ending if ending in FORMATS else "mermaid")
