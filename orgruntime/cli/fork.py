"""`orgrun fork`: take someone's org and make it one's own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orgruntime.cli.group import Verb
from orgruntime.cli.options import json_option, verb

if TYPE_CHECKING:
    from orgruntime.api.forking import Forked

EXAMPLES = """\
orgrun fork ../their-lab my-lab
orgrun fork ../their-repository//orgs/lab@v1 my-lab       as it was at a tag
orgrun fork https://host/owner/repo//orgs/lab my-lab      a folder of a repository elsewhere
orgrun fork their-lab my-lab --name "Optimizer lab" && orgrun diff their-lab my-lab
"""


@click.command("fork", cls=Verb, examples=EXAMPLES)
@click.argument("source", metavar="SOURCE")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--name", metavar="NAME", help="The fork's title. Without it: after DIR.")
@json_option
@verb
def command(source: str, folder: Path, name: str | None, as_json: bool) -> None:
    """Copy an org into the new folder DIR, with a title of its own and a lock that says where it came from.

    SOURCE is a folder, or PLACE[//FOLDER][@REF] with a path or an address (https, ssh, git, file) of a git repository.
    Bytes are copied and nothing is run: no hooks, no filters, no submodules.
    """
    from orgruntime.api.forking import fork_org

    made = fork_org(source, folder, name)
    if as_json:
        click.echo(json.dumps(_object(made), indent=1, ensure_ascii=False))
    else:
        _say(made, source)


def _object(made: Forked) -> dict[str, object]:
    return {
        "folder": str(made.folder),
        "title": made.title,
        "files": made.files,
        "bytes": made.size,
        "check": {"errors": made.errors, "warnings": made.warnings},
        "lock": made.lock.model_dump(mode="json"),
    }


def _say(made: Forked, source: str) -> None:
    from orgruntime.diagnostics.render import printable

    for line in _lines(made, source):
        click.echo(printable(line))


def _lines(made: Forked, source: str) -> list[str]:
    origin = made.lock.origin
    version = f" (commit {origin.commit[:12]})" if origin.commit else ""
    files = f"{made.files} file{'s' * (made.files != 1)}"
    lines = [f"{made.folder} is a fork of {source}{version}: {files}, {made.size / 1024:.1f} KB"]
    lines += [f"  {edit.what:<17} {edit.before or 'none'} → {edit.after}" for edit in made.lock.edits]
    for one in made.lock.brought:
        count = f", {one.files} files" if one.files > 1 else ""
        lines.append(f"  {'came along':<17} {one.path} ({one.source}{count})")
    licence = origin.licence.path if origin.licence else "none found: ask its authors before you publish the fork"
    lines.append(f"  {'licence':<17} {licence}")
    if made.errors:
        faults = "1 error" if made.errors == 1 else f"{made.errors} errors"
        return [*lines, f"it does not compile yet ({faults}): `orgrun check {made.folder}`"]
    return [
        *lines,
        f"nothing of it was run; `orgrun plan {made.folder}` shows what it would do, and `orgrun trust {made.folder}` "
        "what it may do: it runs once you have accepted that",
    ]
