"""`orgrun init`: a small working org."""

from __future__ import annotations

from pathlib import Path

import click

from orgruntime.cli.group import Verb
from orgruntime.cli.options import verb

EXAMPLES = """\
orgrun init my-lab
orgrun init my-lab --template lab     several researchers and a scribe
orgrun check my-lab && orgrun run my-lab
"""


@click.command("init", cls=Verb, examples=EXAMPLES)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--template", type=click.Choice(["solo", "lab"]), default="solo", show_default=True, help="What to make.")
@verb
def command(folder: Path, template: str) -> None:
    """Make a small working org with a workspace of its own.

    It tunes a toy regression in pure Python: no key, no GPU, no network, and a run takes less than a minute.
    """
    from orgruntime.api.templates import write_template

    for path in write_template(folder, template):
        click.echo(f"  {path}")
    click.echo(f"{folder} is an org: change program.md, then `orgrun check {folder}` and `orgrun run {folder}`")
