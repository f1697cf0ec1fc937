"""`orgrun schema`: the JSON Schema of the front matter and of payloads, for editors and other programs."""

from __future__ import annotations

from pathlib import Path

import click

from orgruntime.cli.group import Verb
from orgruntime.cli.options import verb

EXAMPLES = """\
orgrun schema > program.schema.json
orgrun schema role > role.schema.json
orgrun schema payload result
orgrun schema payload review --org my-lab   one that the org declares
"""
KINDS = ("program", "role", "payload")


@click.command("schema", cls=Verb, examples=EXAMPLES)
@click.argument("kind", metavar="[KIND]", type=click.Choice(KINDS), default="program")
@click.argument("name", metavar="[NAME]", default="")
@click.option("--org", type=click.Path(path_type=Path), metavar="DIR", help="Whose payloads are known too.")
@verb
def command(kind: str, name: str, org: Path | None) -> None:
    """Print the JSON Schema of the front matter of `program.md` or of a role file, or of a payload.

    KIND is `program` (the default), `role` or `payload`, which takes the NAME of one. What the schema refuses `orgrun
    check` refuses too, and the handoff of a payload; both see more.
    """
    from orgruntime.api.checking import payload_schema, schema

    if (kind == "payload") != bool(name) or (org and not name):
        raise click.UsageError("`payload`, and nothing else, takes a NAME: `orgrun schema payload result`")
    click.echo(payload_schema(name, org) if name else schema(kind), nl=False)
