"""`orgrun explain`: the page of a rule."""

from __future__ import annotations

import click

from orgruntime.cli.group import Verb
from orgruntime.cli.options import verb

EXAMPLES = """\
orgrun explain ORG204
orgrun explain unknown-role
"""


@click.command("explain", cls=Verb, examples=EXAMPLES)
@click.argument("code", metavar="CODE")
@verb
def command(code: str) -> None:
    """Print the page of a rule: what it finds, why it matters, what to write instead."""
    from orgruntime.api.checking import explain

    click.echo(explain(code).rstrip("\n"))
