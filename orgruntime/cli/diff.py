"""`orgrun diff`: two orgs, in meaning first, then in text."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orgruntime.cli.group import FINDINGS, Verb
from orgruntime.cli.options import json_option, runs_option, verb

if TYPE_CHECKING:
    from orgruntime.api.diffing import OrgDiff

EXAMPLES = """\
orgrun diff their-lab my-lab
orgrun diff my-lab@HEAD my-lab                 what is not committed yet
orgrun diff my-lab-1 my-lab                    what has changed since a run began
orgrun diff https://host/owner/repo//orgs/lab@v2 my-lab --text
"""
FEW_LINES = 40
"""Lines of text that are shown without --text."""
_COLOURS = {"[wider]": "yellow", "[different]": "yellow", "[narrower]": "green"}


@click.command("diff", cls=Verb, examples=EXAMPLES)
@click.argument("old", metavar="A")
@click.argument("new", metavar="B")
@click.option("--text", is_flag=True, help=f"Show all of the texts' lines that differ, not the first {FEW_LINES}.")
@runs_option
@json_option
@verb
def command(old: str, new: str, text: bool, runs: Path, as_json: bool) -> int:
    """Show what changes from the org A to the org B, and whether B may do more than A.

    A and B are folders, runs (an id or a folder), or PLACE[//FOLDER][@REF] in a git repository, as for `orgrun fork`.
    Exit code 0: equal, 1: different, 2: one of them is no org that compiles. Nothing of either is run.
    """
    from orgruntime.api.diffing import diff_orgs

    found = diff_orgs(old, new, runs)
    if as_json:
        click.echo(json.dumps(_object(found), indent=1, ensure_ascii=False))
    else:
        _say(found, text)
    return 0 if found.difference.equal else FINDINGS


def _object(found: OrgDiff) -> dict[str, object]:
    sides = {
        key: {"name": side.name, "org": side.manifest.org, "title": side.manifest.title, "manifest": side.manifest.hash}
        for key, side in (("a", found.old), ("b", found.new))
    }
    return {
        **sides,
        "equal": found.difference.equal,
        "authority": found.difference.effect.value,
        "changes": [change.model_dump(mode="json") for change in found.difference.changes],
        "text": [
            {"path": one.path, "added": one.added, "removed": one.removed, "diff": one.diff} for one in found.texts
        ],
    }


def _say(found: OrgDiff, whole: bool) -> None:
    from orgruntime.diagnostics.render import printable

    colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    for line in (*_meaning(found), *_texts(found, whole)):
        text = printable(line)
        click.echo(_painted(text) if colour else text, color=colour or None)


def _meaning(found: OrgDiff) -> list[str]:
    from orgruntime.study.report import render

    if found.difference.equal:
        return [f"{found.old.name} and {found.new.name} are equal: the same org in meaning"]
    return [f"{found.old.name} → {found.new.name}", *render(found.difference)]


def _texts(found: OrgDiff, whole: bool) -> Iterator[str]:
    if not found.texts:
        return
    lines = [line for one in found.texts for line in one.diff.splitlines()]
    counts = ", ".join(f"{one.path} +{one.added} -{one.removed}" for one in found.texts)
    yield from ("", f"Text: {counts}")
    shown = lines if whole else lines[:FEW_LINES]
    yield from ("", *shown)
    if len(shown) < len(lines):
        yield f"… {len(lines) - len(shown)} lines more: --text shows them all"


def _painted(line: str) -> str:
    for mark, shade in _COLOURS.items():
        if line.endswith(mark):
            return line.removesuffix(mark) + click.style(mark, fg=shade)
    of_text = {"+": "green", "-": "red", "@": "cyan"}.get(line[:1])
    return click.style(line, fg=of_text) if of_text else line
