"""`orgrun trust`: what a fork may do, and a person's word that it may."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orgruntime.cli.group import FINDINGS, Verb
from orgruntime.cli.options import json_option, verb

if TYPE_CHECKING:
    from orgruntime.api.trusting import Question

EXAMPLES = """\
orgrun trust my-lab                    look, and answer
orgrun trust my-lab --yes              accept it without being asked
orgrun trust my-lab --json             look only; exit code 1: nobody has accepted it
"""


@click.command("trust", cls=Verb, examples=EXAMPLES)
@click.argument("org", type=click.Path(path_type=Path))
@click.option("--yes", is_flag=True, help="Accept it.")
@json_option
@verb
def command(org: Path, yes: bool, as_json: bool) -> int:
    """Show what a fork may do, and accept it: `orgrun run` refuses a fork until somebody here has.

    What may do no more than was accepted runs without another question. Exit code 0: it may run, 1: not yet.
    """
    from orgruntime.api.errors import UserError
    from orgruntime.api.orgs import load_org
    from orgruntime.api.trusting import accept, question_of

    question = question_of(org)
    if question is None:
        load_org(org)  # What is no org at all is told as everywhere.
        raise UserError(f"{org} is no fork (it has no lock): an org of your own needs no word of trust")
    if as_json:
        click.echo(json.dumps(_object(question), indent=1, ensure_ascii=False))
    else:
        _say(org, question)
    if question.is_open and (yes or (not as_json and _agreed())):
        path = accept(org, question)
        click.echo(f"accepted; noted in {path}", err=as_json)
        return 0
    if question.is_open and not as_json:
        click.echo(f"not accepted; `orgrun trust {org} --yes` accepts it")
    return FINDINGS if question.is_open else 0


def _agreed() -> bool:
    return sys.stdin.isatty() and click.confirm("May it run here?", default=False)


def _object(question: Question) -> dict[str, object]:
    from orgruntime.study.lock import authority_of

    return {
        "origin": question.lock.origin.model_dump(mode="json", exclude={"authority"}),
        "authority": authority_of(question.manifest).model_dump(mode="json"),
        "accepted_at": question.accepted.at if question.accepted else None,
        "wider": [change.model_dump(mode="json") for change in question.wider],
        "may_run": not question.is_open,
    }


def _say(org: Path, question: Question) -> None:
    from orgruntime.diagnostics.render import printable

    for line in _lines(org, question):
        click.echo(printable(line))


def _lines(org: Path, question: Question) -> Iterator[str]:
    from orgruntime.plan.units import amount_text
    from orgruntime.study.lock import authority_of
    from orgruntime.study.report import change_lines

    origin, may = question.lock.origin, authority_of(question.manifest)
    commit = f" at {origin.commit[:12]}" if origin.commit else ""
    yield f"{org}: {question.manifest.title}, forked from {origin.source}{commit}"
    budget = ", ".join(amount_text(unit, amount) for unit, amount in may.budget.items())
    rows = {
        "runs": ", ".join(may.commands),
        "edits": ", ".join(may.editable),
        "tools": ", ".join(may.tools),
        "models": ", ".join(may.models),
        "servers": ", ".join(may.servers),
        "keys": ", ".join(may.keys),
        "GPUs": f"{may.gpus_of_a_trial:g} a trial",
        "desks": str(may.desks),
        "budget": budget or "not bounded",
    }
    yield from (f"  {name:8}  {value or 'none'}" for name, value in rows.items())
    opened = f"that of the nodes for trials of {', '.join(may.network)}; off for the rest" if may.network else "off"
    yield f"  network   {opened}; the driver reaches models and servers"
    if question.accepted is not None and question.wider:
        yield f"More than was accepted on {question.accepted.at[:10]}:"
        yield from change_lines(question.wider)
    elif question.accepted is not None:
        yield f"accepted on {question.accepted.at[:10]}"
