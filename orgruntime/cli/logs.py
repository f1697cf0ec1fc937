"""`orgrun logs`: the events of a run, what a trial printed, or what a role said and did."""

from __future__ import annotations

from pathlib import Path

import click

from orgruntime.cli.group import Verb
from orgruntime.cli.options import far_option, json_option, runs_option, verb

EXAMPLES = """\
orgrun logs                  every event of the newest run
orgrun logs -f -n 20         the last 20, then what follows
orgrun logs my-lab-2 17      what trial 17 printed
orgrun logs -f researcher    what the researchers think and do, as it comes
orgrun logs r1 critic#0      the steps of one desk
"""


@click.command("logs", cls=Verb, examples=EXAMPLES)
@click.argument("run", required=False)
@click.argument("what", metavar="[TRIAL|ROLE]", required=False)
@click.option("-f", "--follow", is_flag=True, help="Wait for more, until the run's driver ends.")
@click.option("-n", "--lines", type=click.IntRange(min=0), help="Only the last so many.")
@runs_option
@json_option
@far_option
@verb
def command(run: str | None, what: str | None, follow: bool, lines: int | None, runs: Path, as_json: bool) -> None:
    """Print the events of a run's ledger, one a line; or what a trial printed; or the transcript of a role.

    TRIAL is a number, as in the events and the report, or the beginning of a trial's key. ROLE is a role that thinks
    with a language model, or one of its desks, as ROLE#0. RUN is an id or a folder; without it, the newest run.
    """
    from orgruntime.api.control import event_line, events_of, find_log, is_trial, trial_text
    from orgruntime.api.transcripts import transcript, whose

    folder, wanted = find_log(runs, run, what)
    if wanted is not None and not is_trial(folder, wanted):
        for line in transcript(folder, whose(folder, wanted), last=lines, follow=follow, as_json=as_json):
            click.echo(line)
        return
    if wanted is not None:
        if follow:
            raise click.UsageError("a trial's output is whole once it is there; leave out -f")
        text = trial_text(folder, wanted)
        click.echo("\n".join(text.splitlines()[-lines:] if lines else [] if lines == 0 else text.splitlines()))
        return
    for event in events_of(folder, last=lines, follow=follow):
        click.echo(event_line(event, as_json=as_json))
