"""`orgrun import`: somebody else's folder as a drafted org."""

from __future__ import annotations

from pathlib import Path

import click

from orgruntime.cli.group import Verb
from orgruntime.cli.options import json_option, verb

EXAMPLES = """\
orgrun import autoresearch                      writes autoresearch-org beside it
orgrun import autoresearch --into orgs/ar
"""


@click.command("import", cls=Verb, examples=EXAMPLES)
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--into", type=click.Path(path_type=Path, file_okay=False), help="Where the org is written.")
@json_option
@verb
def command(path: Path, into: Path | None, as_json: bool) -> int:
    """Draft an org from a folder that was not written for this runtime. Never changes the folder."""
    from orgruntime.api.importing import import_path

    import_path(path, into)
    return 0
