"""Why a run did what it did: the decisions about a trial, a proposal, an inquiry, or one decision, with their dials.

Works on a ledger that is only read; a live run's too. Does not decide and does not guess: what is not in the ledger has
no reason here. Invariant: every decision that is printed is a row of the ledger, in its order.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from orgruntime.api.control import find_trial
from orgruntime.api.errors import UserError
from orgruntime.api.folders import find_run
from orgruntime.diagnostics.render import printable
from orgruntime.ledger.rows import DecisionRow, TrialRow
from orgruntime.ledger.store import Ledger
from orgruntime.model.base import Noun
from orgruntime.model.ids import InquiryId, ProposalId
from orgruntime.model.research import Proposal

NEWEST = 20
"""Decisions that are listed where none is asked for."""


class Reason(Noun):
    """A decision: its number in the ledger, the dial that made it, and the figures that it rests on."""

    number: int
    dial: str
    verb: str
    subject: str
    reason: str
    numbers: dict[str, float | int | str]


class Explanation(Noun):
    run: str
    about: str
    facts: tuple[str, ...]
    decisions: tuple[Reason, ...]


def explain_in_run(runs: Path, run: str | None, what: str) -> Explanation:
    """`what`: `decisions` (the newest), `d57` (a decision), a trial's number or key, a proposal's or an inquiry's id.
    Raises UserError."""
    folder = find_run(runs, run)
    with folder.ledger() as ledger:
        if what == "decisions":
            rows = ledger.decisions(NEWEST)
            return _told(folder.id, f"the newest {len(rows)} decisions", (), rows)
        if re.fullmatch(r"d\d+", what):
            return _of_decision(folder.id, ledger, int(what[1:]))
        proposal = ledger.proposal(ProposalId(what))
        if proposal is not None:
            return _of_proposal(folder.id, ledger, proposal)
        if ledger.inquiry(InquiryId(what)) is not None:
            return _of_inquiry(folder.id, ledger, InquiryId(what))
        return _of_trial(folder.id, ledger, find_trial(ledger, what, folder.id))


def _of_decision(run: str, ledger: Ledger, number: int) -> Explanation:
    row = next((row for row in ledger.decisions_about((), number)), None)
    if row is None:
        raise UserError(f"run {run} has no decision d{number}; `orgrun explain decisions` lists the newest")
    trial = next((one for one in ledger.trials() if one.key == row.subject), None)
    proposal = ledger.proposal(ProposalId(row.subject))
    facts = _trial_facts(ledger, trial) if trial else _proposal_facts(ledger, proposal) if proposal else ()
    return _told(run, f"decision d{number}: {row.verb} {row.subject}".rstrip(), facts, [row])


def _of_trial(run: str, ledger: Ledger, trial: TrialRow) -> Explanation:
    name = f"trial {trial.number}" if trial.number is not None else f"trial {trial.key[:8]}"
    facts = (*_trial_facts(ledger, trial), *_in_vain(ledger, trial))
    return _told(run, name, facts, ledger.decisions_about([trial.key]))


def _of_proposal(run: str, ledger: Ledger, proposal: Proposal) -> Explanation:
    subjects = [proposal.id, *(row.key for row in ledger.trials_of(proposal.id))]
    return _told(run, f"proposal {proposal.id}", _proposal_facts(ledger, proposal), ledger.decisions_about(subjects))


def _of_inquiry(run: str, ledger: Ledger, inquiry: InquiryId) -> Explanation:
    row = ledger.inquiry(inquiry)
    assert row is not None
    made = [proposal for proposal in ledger.proposals() if proposal.inquiry == inquiry]
    facts = [f"it begins at {row.at} and is {row.state}{f': {row.reason}' if row.reason else ''}"]
    facts += [fact for proposal in made for fact in _proposal_facts(ledger, proposal)]
    subjects = [inquiry, *(proposal.id for proposal in made)]
    subjects += [trial.key for proposal in made for trial in ledger.trials_of(proposal.id)]
    opened = [one for one in ledger.decisions(10**9, "open-inquiry") if _spans(one.subject, inquiry)]
    rows = {one.seq: one for one in (*opened, *ledger.decisions_about(subjects))}
    return _told(run, f"inquiry {inquiry}", tuple(facts), [rows[seq] for seq in sorted(rows)])


def _spans(subject: str, inquiry: str) -> bool:
    """Whether `q3..q5` holds the inquiry."""
    first, dots, last = subject.partition("..")
    if not dots or not inquiry[1:].isdigit():
        return subject == inquiry
    return int(first[1:]) <= int(inquiry[1:]) <= int(last[1:])


def _in_vain(ledger: Ledger, trial: TrialRow) -> Iterator[str]:
    """Attempts that came to nothing, and why."""
    for row in ledger.attempts_in_vain(trial.key):
        where = f" on {row.node}" if row.node else ""
        said = f"{row.ending.value}: {row.detail}" if row.detail else row.ending.value
        yield f"attempt {row.attempt.rpartition('.')[2]}{where}: {said}"


def _trial_facts(ledger: Ledger, trial: TrialRow) -> tuple[str, ...]:
    found = f"{trial.metric:.6g} in {trial.wall_s:.1f} s" if trial.metric is not None else trial.reason or trial.state
    word = f" {trial.score.value}" if trial.score is not None and trial.metric is None else ""
    facts = [f"a {trial.purpose.value} trial of {trial.commit[:10]}, seed {trial.identity.seed}:{word} {found}"]
    proposal = ledger.proposal(trial.proposal) if trial.proposal else None
    return (*facts, *(_proposal_facts(ledger, proposal) if proposal else ()))


def _proposal_facts(ledger: Ledger, proposal: Proposal) -> tuple[str, ...]:
    verdict = ledger.verdict(proposal.id)
    said = f"{verdict.word.value}: {verdict.reason}" if verdict else "no verdict yet"
    who = f"{proposal.role}#{proposal.desk} ({proposal.species})"
    return (f"{proposal.id} by {who}, risk {proposal.risk.value}: {proposal.hypothesis}", f"{proposal.id} → {said}")


def _told(run: str, about: str, facts: Sequence[str], rows: Sequence[DecisionRow]) -> Explanation:
    decisions = tuple(
        Reason(
            number=row.seq,
            dial=row.dial.value,
            verb=row.verb,
            subject=row.subject,
            reason=row.reason,
            numbers=row.numbers,
        )
        for row in rows
    )
    return Explanation(run=run, about=about, facts=tuple(facts), decisions=decisions)


def text(told: Explanation) -> str:
    """For people: facts, then a line a decision with its dial, then the figures it rests on."""
    lines = [f"{told.about} of run {told.run}", *(f"  {fact}" for fact in told.facts)]
    for one in told.decisions:
        lines.append(f"d{one.number}  {one.verb}  [{one.dial}]  {one.reason}")
        if one.numbers:
            lines.append("      " + ", ".join(f"{name} {value}" for name, value in one.numbers.items()))
    if not told.decisions:
        lines.append("no decision is on record about it: it was not started, or its reason is in the lines above")
    return "\n".join(map(printable, lines))
