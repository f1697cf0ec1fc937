"""`orgrun answer`: what a run asks people, and their answers."""

from __future__ import annotations

import json
from pathlib import Path

import click

from orgruntime.cli.group import Verb
from orgruntime.cli.options import far_option, json_option, runs_option, verb

EXAMPLES = """\
orgrun answer my-lab-2                                what it asks
orgrun answer my-lab-2 "use the smaller data set"     where one question is open
orgrun answer my-lab-2 h3 "approve: but watch the memory"
"""


@click.command("answer", cls=Verb, examples=EXAMPLES)
@click.argument("run", required=False)
@click.argument("question", required=False)
@click.argument("text", required=False)
@runs_option
@json_option
@far_option
@verb
def command(run: str | None, question: str | None, text: str | None, runs: Path, as_json: bool) -> None:
    """Answer a question of a run; without an answer, list the open ones.

    A run that has nothing else to do pauses until it is answered and resumed; otherwise it goes on at once.
    """
    from orgruntime.api.answering import answer_question, is_question, questions_of

    if question is not None and text is None and not is_question(question):
        question, text = None, question
    if run is not None and text is not None:
        done = answer_question(runs, run, question, text)
        told = {"run": done.run, "question": done.question, "answer": done.answer, "live": done.live}
        click.echo(json.dumps(told) if as_json else done.text)
        return
    folder, found = questions_of(runs, run)
    found = tuple(one for one in found if question in (None, one.id))
    if as_json:
        click.echo(json.dumps({"run": folder.id, "questions": [one.model_dump() for one in found]}))
        return
    from orgruntime.cli.closing import question_lines

    click.echo("\n".join(question_lines(found, folder.id, 10_000)) or f"{folder.id} asks nothing at present")
