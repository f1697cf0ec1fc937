"""`orgrun schema`: the JSON Schema of the front matter, for editors and other programs."""

from __future__ import annotations

import click

from orgruntime.cli.group import Verb
from orgruntime.cli.options import verb

EXAMPLES = """\
orgrun schema > program.schema.json
orgrun schema role > role.schema.json
"""
KINDS = ("program", "role")


@click.command("schema", cls=Verb, examples=EXAMPLES)
@click.argument("kind", metavar="[KIND]", type=click.Choice(KINDS), default="program")
@verb
def command(kind: str) -> None:
    """Print the JSON Schema of the front matter of `program.md`, or of a role file.

    KIND is `program` (the default) or `role`. What the schema refuses `orgrun check` refuses too; `check` sees more.
    """
    from orgruntime.api.checking import schema

    click.echo(schema(kind), nl=False)
