"""The eight dials of an appetite beside the numbers that they become, in words for people.

Invariant: every dial has its line.
"""

from __future__ import annotations

from orgruntime.model.appetite import Appetite, Dial
from orgruntime.model.numbers import Numbers
from orgruntime.plan.plan import DialPlan
from orgruntime.plan.units import amount_text, share


def dial_plans(appetite: Appetite, numbers: Numbers) -> tuple[DialPlan, ...]:
    """In the order of DESIGN §6."""
    blast = appetite.blast_radius
    return (
        _line(Dial.PROOF, "false_champions", _one_in(numbers.alpha), _proof(numbers)),
        _line(Dial.SMALLEST_WIN, "smallest_win", f"{numbers.smallest_win:g} × noise", _smallest_win(numbers)),
        _line(Dial.EXPLORATION, "exploration", share(numbers.exploration), _exploration(numbers)),
        _line(Dial.OPTIMISM, "optimism", f"{numbers.optimism:g}", "quantile by which a panel's models are judged"),
        _line(Dial.PATIENCE, "keep_per_rung", share(numbers.keep_per_rung), _patience(numbers)),
        _line(Dial.STAKE, "largest_stake", share(numbers.largest_stake), _stake(numbers)),
        _line(Dial.DRY_SPELL, "dry_spell", share(numbers.dry_spell), _dry_spell(numbers)),
        _line(
            Dial.BLAST_RADIUS,
            "blast_radius",
            f"{blast.files} files, {blast.lines} lines, {blast.gpus:g} GPUs, {blast.minutes:g} min",
            "a larger change is refused",
        ),
    )


def _line(dial: Dial, key: str, setting: str, becomes: str) -> DialPlan:
    return DialPlan(dial=dial.value, key=key, setting=setting, becomes=becomes)


def _exploration(numbers: Numbers) -> str:
    return (
        f"of the climb's device time for long shots (risk `explore`); doubled for each {numbers.stuck_after} measured "
        f"proposals in a row that were not kept, at most {share(numbers.most_exploration)}"
    )


def _patience(numbers: Numbers) -> str:
    at = ", ".join(f"{rung:.3g}" for rung in numbers.rungs)
    if not at:
        return "every candidate runs to its end"
    return f"of candidates that go on past {at} of a trial, where the run command prints `progress` lines"


def _one_in(alpha: float) -> str:
    ratio = 1 / alpha
    return f"1 in {round(ratio)}" if abs(ratio - round(ratio)) < 1e-6 else share(alpha)


def _proof(numbers: Numbers) -> str:
    tests = "1 certification" if numbers.tests_planned == 1 else f"{numbers.tests_planned} certifications"
    return (
        f"{tests}; e-value ≥ {numbers.first_threshold:g} for the first champion "
        f"({numbers.n_min} clear wins, at most {numbers.max_pairs} pairs)"
    )


def _smallest_win(numbers: Numbers) -> str:
    if numbers.delta is None or numbers.trigger is None:
        least = f", at least {numbers.min_effect:g}" if numbers.min_effect else ""
        return f"δ = {numbers.smallest_win:g} sd{least}; tested when the lead looks {numbers.trigger_sd:g} sd better"
    return f"δ = {numbers.delta:.4g}; tested when the lead looks {numbers.trigger:.4g} better"


def _stake(numbers: Numbers) -> str:
    amounts = ", ".join(amount_text(unit, amount) for unit, amount in numbers.stake.items())
    return f"of what is left; at the start {amounts}" if amounts else "of what is left"


def _dry_spell(numbers: Numbers) -> str:
    trials = "" if numbers.dry_spell_trials is None else f" ({numbers.dry_spell_trials} trials)"
    return f"of the budget without a new champion{trials}: pause and ask"
