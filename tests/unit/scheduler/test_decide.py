"""The policy, case by case: what each rule does to a snapshot, and which dial it names."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orgruntime.model.amounts import Amounts, Budget
from orgruntime.model.appetite import PRESETS, Dial, Preset
from orgruntime.model.ids import TrialKey
from orgruntime.model.manifest import Direction, Objective, Resources
from orgruntime.model.numbers import Numbers
from orgruntime.model.research import Noise
from orgruntime.model.trial import Purpose
from orgruntime.scheduler.decide import MOST_ASKED, Decision, Snapshot, Verb, Wanted, decide
from orgruntime.scheduler.evidence import fewest_pairs, threshold
from orgruntime.scheduler.numbers import numbers
from orgruntime.scheduler.outage import Outage

NOISE = Noise(sd=1.0, pairs=5, correlation=0.0, deterministic=False, baseline=10.0)
CAP = Resources().cost(10.0)


BUDGET = Budget(trials=400)


def numbers_for(budget: Budget = BUDGET, preset: Preset = Preset.BALANCED) -> Numbers:
    objective = Objective(metric="loss", direction=Direction.MINIMIZE)
    return numbers(PRESETS[preset], budget, objective, 10.0, Resources(), NOISE)


def wanted(name: str, purpose: Purpose = Purpose.SCREEN, cap: Amounts = CAP, shape: str = "cpu") -> Wanted:
    return Wanted(TrialKey(name), purpose, cap, shape, 10_000)


NOW = Snapshot(
    numbers=numbers_for(),
    wanted=(),
    running=0,
    free={"cpu": 2},
    slots=2,
    left={"trials": 300},
    used={"trials": 0.25},
    baseline_known=True,
    exploring=0,
    proposers=2,
    certification_asked=False,
    certification_running=False,
    tests_used=0,
    since_champion=0.1,
)
"""A quarter of 400 trials is used, nothing is in hand."""


def verbs(decisions: list[Decision]) -> list[Verb]:
    return [decision.verb for decision in decisions]


def of(decisions: list[Decision], verb: Verb) -> list[Decision]:
    return [decision for decision in decisions if decision.verb is verb]


def started(now: Snapshot) -> list[str]:
    return [decision.subject for decision in of(decide(now), Verb.START_TRIAL)]


def test_an_idle_run_opens_an_inquiry_for_each_slot_and_one_ahead() -> None:
    (decision,) = decide(NOW)
    assert (decision.verb, decision.count, decision.dial) == (Verb.OPEN_INQUIRY, 3, Dial.CAPACITY)
    assert decide(replace(NOW, exploring=3)) == []


def test_before_the_baseline_nothing_else_happens() -> None:
    noise = [wanted(f"n{n}", Purpose.NOISE) for n in range(3)]
    now = replace(NOW, baseline_known=False, wanted=tuple(noise), certification_asked=False)
    decisions = decide(now)
    assert started(now) == ["n0", "n1"]
    assert {decision.dial for decision in decisions} == {Dial.BASELINE_FIRST}


def test_noise_before_certification_before_screens() -> None:
    trials = (wanted("s"), wanted("l", Purpose.LAP), wanted("c", Purpose.CERTIFY), wanted("n", Purpose.NOISE))
    for free, expected in ((1, ["n"]), (2, ["n", "l"]), (3, ["n", "l", "c"]), (4, ["n", "l", "c", "s"])):
        assert started(replace(NOW, wanted=trials, free={"cpu": free}, exploring=3)) == expected


def test_shapes_have_slots_of_their_own() -> None:
    trials = (wanted("a"), wanted("b"), wanted("c", shape="gpu"), wanted("d", shape="none"))
    assert started(replace(NOW, wanted=trials, free={"cpu": 1, "gpu": 1}, exploring=4)) == ["a", "c"]


def test_trials_started_together_are_paid_together() -> None:
    trials = (wanted("a"), wanted("b"), wanted("c"))
    now = replace(NOW, wanted=trials, free={"cpu": 9}, left={"cpu_ms": 25_000}, used={"cpu_ms": 0.1}, exploring=3)
    now = replace(now, numbers=now.numbers.model_copy(update={"largest_stake": 1.0}))
    assert started(now) == ["a", "b"]


def test_what_can_never_be_paid_is_dropped_once_nothing_runs() -> None:
    big = wanted("big", Purpose.CERTIFY, Amounts(trials=1, cpu_ms=50_000))
    now = replace(NOW, wanted=(big,), left={"cpu_ms": 40_000}, exploring=3, running=1)
    assert decide(now) == []
    (decision,) = decide(replace(now, running=0))
    assert (decision.verb, decision.dial, decision.subject) == (Verb.DROP, Dial.BUDGET, "big")


def test_nothing_is_decided_once_a_stop_is_asked() -> None:
    assert decide(replace(NOW, wanted=(wanted("a"),), certification_asked=True, stop_asked=True)) == []


@pytest.mark.parametrize("used_tests", [0, 1, 2])
def test_tests_are_paced_evenly_over_the_budget(used_tests: int) -> None:
    tests = NOW.numbers.tests_planned
    assert tests >= 3
    assert NOW.numbers.trials_payable is not None
    due = (used_tests + 1) / tests - NOW.numbers.certification_cost / NOW.numbers.trials_payable
    asked = replace(NOW, certification_asked=True, tests_used=used_tests, since_champion=0.0, exploring=3)
    assert decide(replace(asked, used={"trials": due - 0.01})) == []
    (decision,) = decide(replace(asked, used={"trials": due + 0.01}))
    assert (decision.verb, decision.dial) == (Verb.CERTIFY, Dial.SMALLEST_WIN)


def test_a_dry_spell_brings_the_test_forward_instead_of_a_pause() -> None:
    asked = replace(NOW, certification_asked=True, used={"trials": 0.1}, exploring=3)
    spell = NOW.numbers.dry_spell
    assert decide(replace(asked, since_champion=spell - 0.01)) == []
    (decision,) = decide(replace(asked, since_champion=spell))
    assert (decision.verb, decision.dial) == (Verb.CERTIFY, Dial.DRY_SPELL)


def test_in_a_dry_spell_what_runs_is_finished_and_then_the_run_pauses() -> None:
    dry = replace(NOW, since_champion=NOW.numbers.dry_spell, wanted=(wanted("a"),), exploring=1)
    assert decide(replace(dry, running=1)) == []
    (decision,) = decide(dry)
    assert (decision.verb, decision.dial) == (Verb.PAUSE, Dial.DRY_SPELL)
    assert "25%" in decision.reason


def test_on_a_cluster_that_loses_everything_what_runs_is_finished_and_then_the_run_pauses() -> None:
    trials = (wanted("a"), wanted("c", Purpose.CERTIFY))
    over = Outage(probe=True, ends="the disk is full")
    lost = replace(NOW, lost=over, wanted=trials, exploring=1, certification_running=True)
    assert decide(replace(lost, running=1)) == []
    assert decide(lost) == [Decision(Verb.PAUSE, Dial.INFRASTRUCTURE, "the disk is full")]
    assert decide(replace(lost, stop_asked=True)) == []


def test_while_the_run_waits_for_the_cluster_nothing_begins_and_then_one_trial_does() -> None:
    trials = (wanted("a"), wanted("b"), wanted("c", Purpose.CERTIFY), wanted("d", Purpose.LAP))
    now = replace(NOW, wanted=trials, certification_running=True)
    assert {Verb.START_TRIAL, Verb.OPEN_INQUIRY} == set(verbs(decide(now)))
    assert decide(replace(now, lost=Outage())) == [], "verification waits too"
    assert started(replace(now, lost=Outage(probe=True))) == ["c"]
    assert verbs(decide(replace(now, lost=Outage(probe=True)))) == [Verb.START_TRIAL]


def test_after_a_wait_with_nothing_to_try_whatever_leads_to_a_trial_begins() -> None:
    due = replace(NOW, certification_asked=True, used={"trials": 0.9}, since_champion=0.0)
    assert decide(replace(due, lost=Outage())) == []
    assert verbs(decide(replace(due, lost=Outage(probe=True)))) == [Verb.CERTIFY, Verb.OPEN_INQUIRY]


def test_a_run_that_waits_for_the_cluster_ends_where_there_is_nothing_to_wait_for() -> None:
    done = replace(NOW, proposers=0, lost=Outage())
    assert verbs(decide(done)) == [Verb.FINISH]
    assert decide(replace(done, wanted=(wanted("a"),))) == [], "it still has something to try"
    spent = replace(done, wanted=(wanted("a"),), left={"wall_ms": 0})
    assert verbs(decide(spent)) == [Verb.DROP], "the clock's bound holds in a wait too"
    hopes = replace(done, lead_hopes=True)
    assert decide(hopes) == []
    assert verbs(decide(replace(hopes, lost=Outage(probe=True)))) == [Verb.LAST_TEST]


def test_before_the_baseline_is_known_losses_are_its_own_concern() -> None:
    noise = wanted("n", Purpose.NOISE)
    assert started(replace(NOW, lost=Outage(), baseline_known=False, wanted=(noise,))) == ["n"]


def test_a_test_under_way_holds_the_pause_back() -> None:
    dry = replace(NOW, since_champion=0.9, exploring=3)
    assert Verb.PAUSE not in verbs(decide(replace(dry, certification_running=True)))
    assert verbs(decide(replace(dry, certification_asked=True))) == [Verb.CERTIFY]


def test_the_largest_stake_ends_exploration() -> None:
    """Balanced: one trial may cost 5 % of what is left, so 19 worst cases are too few and 20 are not."""
    now = replace(NOW, wanted=(wanted("a"),), used={"cpu_ms": 0.3}, exploring=1)
    (decision,) = decide(replace(now, left={"cpu_ms": 199_999}))
    assert (decision.verb, decision.dial) == (Verb.DROP, Dial.STAKE)
    assert started(replace(now, left={"cpu_ms": 200_000})) == ["a"]


def test_nothing_is_given_up_while_what_runs_may_give_back_what_it_needs() -> None:
    """Worst cases are reserved: on a wide cluster they are most of the budget, and most of them is refunded."""
    now = replace(NOW, wanted=(wanted("a"),), exploring=9, running=8)
    assert decide(replace(now, left={"cpu_ms": 199_999}, used={"cpu_ms": 0.3})) == [], "the stake"
    assert decide(replace(now, left={"cpu_ms": 400_000}, used={"cpu_ms": 0.99})) == [], "the last test"
    certify = replace(now, certification_asked=True, left={"cpu_ms": 199_999}, used={"cpu_ms": 0.3})
    assert not of(decide(certify), Verb.CERTIFY)


def test_trials_of_one_tick_share_the_stake() -> None:
    left, used = {"gpu_ms": 1000}, {"gpu_ms": 0.5}
    two = tuple(wanted(name, cap=Amounts(trials=1, gpu_ms=50)) for name in "ab")
    decisions = decide(replace(NOW, wanted=two, left=left, used=used, free={"cpu": 2}))
    assert [d.subject for d in of(decisions, Verb.START_TRIAL)] == ["a"], "50 is more than 5 % of the 950 that a leaves"


def test_ideas_whose_trials_could_never_start_are_not_opened() -> None:
    now = replace(NOW, left={"cpu_ms": 199_999}, used={"cpu_ms": 0.3}, screen=wanted(""))
    (decision,) = decide(now)
    assert (decision.verb, decision.dial) == (Verb.FINISH, Dial.STAKE)
    now = replace(NOW, left={"trials": 100, "wall_ms": 9_999}, used={"trials": 0.3, "wall_ms": 0.7}, screen=wanted(""))
    (decision,) = decide(now)
    assert (decision.verb, decision.dial) == (Verb.FINISH, Dial.BUDGET)


def test_a_stake_counted_in_trials_is_always_allowed() -> None:
    assert started(replace(NOW, wanted=(wanted("a"),), left={"trials": 19}, exploring=1, screen=wanted(""))) == ["a"]


def test_the_end_of_the_budget_is_kept_for_a_last_test() -> None:
    cost = NOW.numbers.certification_cost - 1
    late = replace(NOW, used={"trials": 1 - cost / 400}, left={"trials": cost}, wanted=(wanted("s"),), exploring=1)
    (decision,) = decide(late)
    assert (decision.verb, decision.dial, decision.subject) == (Verb.DROP, Dial.BUDGET, "s")
    asked = replace(late, wanted=(), exploring=0, certification_asked=True)
    assert verbs(decide(asked)) == [Verb.CERTIFY]
    assert decide(replace(asked, exploring=1)) == [], "the lead may still move"
    assert verbs(decide(replace(asked, certification_asked=False))) == [Verb.FINISH]


def test_a_test_that_cannot_be_paid_is_withdrawn() -> None:
    poor = replace(NOW, certification_asked=True, left={"trials": 2 * NOW.numbers.n_min - 1}, used={"trials": 0.99})
    (decision,) = decide(poor)
    assert (decision.verb, decision.dial) == (Verb.WITHDRAW, Dial.BUDGET)


def test_a_lead_that_was_reset_while_its_test_was_asked_for_is_not_tested() -> None:
    asked = replace(NOW, certification_asked=True, used={"trials": 0.99}, lead_promises=False)
    assert not of(decide(asked), Verb.CERTIFY)
    (withdrawn,) = of(decide(asked), Verb.WITHDRAW)
    assert withdrawn.dial is Dial.SMALLEST_WIN
    assert not of(decide(replace(asked, certification_running=True)), Verb.WITHDRAW)


def test_verification_takes_no_more_than_its_cap() -> None:
    """A later test must fit under the cap, the lap of a later champion included; a first test is always granted."""
    numbers = NOW.numbers
    bar = threshold(numbers.alpha, numbers.tests_planned, 1)
    cost = 2 * fewest_pairs(bar) + numbers.lap_trials + numbers.lap_pairs
    champion = {"champion_is_base": False, "certified": 1, "tests_used": 1}
    later = replace(NOW, certification_asked=True, used={"trials": 0.9}, **champion)
    assert verbs(decide(replace(later, verification_left=cost, exploring=3))) == [Verb.CERTIFY]
    (decision,) = decide(replace(later, verification_left=cost - 1))
    assert (decision.verb, decision.dial) == (Verb.WITHDRAW, Dial.PROOF)
    (decision,) = decide(replace(later, verification_left=cost - 1, certification_asked=False))
    assert (decision.verb, decision.dial) == (Verb.FINISH, Dial.PROOF)
    assert "30%" in decision.reason
    under_way = replace(later, verification_left=0, certification_asked=False, certification_running=True, exploring=3)
    assert decide(under_way) == []
    first = replace(later, verification_left=0, tests_used=0, exploring=3)
    assert verbs(decide(first)) == [Verb.CERTIFY]


def test_after_the_planned_tests_only_a_person_can_go_on() -> None:
    tests = NOW.numbers.tests_planned
    (decision,) = decide(replace(NOW, certification_asked=True, tests_used=tests))
    assert (decision.verb, decision.dial) == (Verb.WITHDRAW, Dial.PROOF)
    (decision,) = decide(replace(NOW, tests_used=tests))
    assert (decision.verb, decision.dial) == (Verb.FINISH, Dial.PROOF)
    last = replace(NOW, tests_used=tests, certification_running=True, exploring=3)
    assert decide(last) == [], "the last one is let finish"
    (dropped,) = decide(replace(last, wanted=(wanted("a"),)))
    assert dropped.verb is Verb.DROP, "what is found from here on could not be certified"


def test_a_reached_target_ends_the_run() -> None:
    reached = replace(NOW, target_reached=True, wanted=(wanted("s"),), certification_asked=True, running=1)
    assert verbs(decide(reached)) == [Verb.DROP, Verb.WITHDRAW]
    assert decide(replace(reached, wanted=(), certification_asked=False)) == [], "what runs is let finish"
    (decision,) = decide(replace(NOW, target_reached=True))
    assert (decision.verb, decision.dial) == (Verb.FINISH, Dial.SMALLEST_WIN)


def test_when_nobody_has_anything_to_propose_what_is_in_hand_is_finished_first() -> None:
    quiet = replace(NOW, proposers=0, wanted=(wanted("a"),), exploring=1)
    assert started(quiet) == ["a"]
    assert decide(replace(quiet, wanted=())) == []
    (decision,) = decide(replace(quiet, wanted=(), exploring=0))
    assert (decision.verb, decision.dial) == (Verb.FINISH, Dial.EXPLORATION)


def test_without_a_bound_on_trials_nothing_is_paced_by_trials() -> None:
    unbounded = numbers_for(Budget(usd_micro=1_000_000))
    now = replace(NOW, numbers=unbounded, left={"usd_micro": 500_000}, used={"usd_micro": 0.5}, exploring=3)
    assert unbounded.trials_payable is None
    assert verbs(decide(replace(now, certification_asked=True))) == [Verb.CERTIFY]


HOPEFUL = replace(NOW, proposers=0, lead_hopes=True, lead_promises=False)
"""Nobody has anything left to propose, and the lead is better than the champion by more than δ, below the trigger."""


def test_a_lead_below_the_trigger_gets_a_last_test_before_the_run_ends() -> None:
    (decision,) = decide(HOPEFUL)
    assert (decision.verb, decision.dial) == (Verb.LAST_TEST, Dial.PROOF)
    (granted,) = decide(replace(HOPEFUL, certification_asked=True, last_test_taken=True))
    assert (granted.verb, granted.dial) == (Verb.CERTIFY, Dial.PROOF)


@pytest.mark.parametrize(
    "changed",
    [
        {"lead_hopes": False},
        {"last_test_taken": True},
        {"tests_used": HOPEFUL.numbers.tests_planned},
        {"verification_left": 0, "tests_used": 1},
        {"left": {"trials": 2}},
        {"target_reached": True},
    ],
)
def test_there_is_none_where_nothing_can_come_of_it(changed: dict[str, object]) -> None:
    (decision,) = decide(replace(HOPEFUL, **changed))  # type: ignore[arg-type]  # any field
    assert decision.verb is Verb.FINISH


def test_while_exploration_goes_on_the_trigger_holds() -> None:
    assert Verb.LAST_TEST not in verbs(decide(replace(HOPEFUL, proposers=2)))
    (decision,) = decide(replace(HOPEFUL, proposers=2, certification_asked=True, exploring=3))
    assert decision.verb is Verb.WITHDRAW


@pytest.mark.parametrize(("wall", "verb"), [(None, []), (1000, []), (0, [Verb.FINISH])])
def test_the_end_waits_for_stand_ups_while_there_is_time(wall: int | None, verb: list[Verb]) -> None:
    left = {"trials": 300} | ({} if wall is None else {"wall_ms": wall})
    assert verbs(decide(replace(NOW, proposers=0, standups=True, left=left))) == verb


WAITING = replace(NOW, proposers=0, asked=1, question="h1 of critic, is this safe?")
"""One inquiry waits for a person, its desk is the only one, nothing else is in hand."""


def test_with_nothing_left_but_a_question_the_run_pauses_and_names_it() -> None:
    (decision,) = decide(WAITING)
    assert (decision.verb, decision.dial) == (Verb.PAUSE, Dial.PEOPLE)
    assert "h1 of critic, is this safe?" in decision.reason


def test_while_a_slot_is_empty_every_free_desk_of_a_language_model_may_think() -> None:
    """Three inquiries are in hand, as many as two slots want; they all think, and eight desks could."""
    thinking = replace(NOW, exploring=3, thinking=3, proposers=8)
    (decision,) = decide(thinking)
    assert (decision.verb, decision.count) == (Verb.OPEN_INQUIRY, 3)
    assert decide(replace(thinking, exploring=8, thinking=8)) == [], "nobody is free"
    assert decide(replace(thinking, thinking=0)) == [], "they are in hand, and will want the slot at once"
    assert decide(replace(thinking, running=2)) == [], "no slot is empty"
    assert verbs(decide(replace(thinking, running=1, wanted=(wanted("a"),)))) == [Verb.START_TRIAL], "it will be taken"
    one_of_two = decide(replace(thinking, wanted=(wanted("a"),)))
    assert verbs(one_of_two) == [Verb.START_TRIAL, Verb.OPEN_INQUIRY], "the other slot stays empty"


def test_while_a_slot_is_empty_those_that_wait_for_the_trial_of_the_lead_hold_back_nobody() -> None:
    """Two slots want three inquiries; the lead's trial has one slot, and whoever waits for it wants none."""
    held = replace(NOW, exploring=3, running=1)
    assert decide(held) == [], "they are in hand, and will want the slot at once"
    (decision,) = decide(replace(held, held_up=2))
    assert (decision.verb, decision.count) == (Verb.OPEN_INQUIRY, 2)
    assert decide(replace(held, held_up=2, running=2)) == [], "no slot is empty"
    assert decide(replace(held, held_up=2, exploring=5)) == [], "three of them go on"
    assert decide(replace(held, held_up=9, exploring=10, running=0)) == [], "not more wait than there are slots"
    assert verbs(decide(replace(held, held_up=2, wanted=(wanted("a"),)))) == [Verb.START_TRIAL], "it will be taken"


def test_a_question_holds_up_nothing_else() -> None:
    (decision,) = decide(replace(WAITING, proposers=1, exploring=1, busy=1))
    assert (decision.verb, decision.count) == (Verb.OPEN_INQUIRY, 2)
    for going in (
        replace(WAITING, exploring=1, busy=1),
        replace(WAITING, running=1),
        replace(WAITING, certification_running=True),
        replace(WAITING, busy=1),
    ):
        assert decide(going) == []
    assert verbs(decide(replace(WAITING, wanted=(wanted("a"),)))) == [Verb.START_TRIAL]


def test_inquiries_behind_a_desk_that_waits_do_not_keep_the_run_going() -> None:
    assert verbs(decide(replace(WAITING, exploring=3, busy=0))) == [Verb.PAUSE]


def test_a_long_list_of_questions_holds_up_new_inquiries() -> None:
    assert verbs(decide(replace(NOW, asked=MOST_ASKED - 1, question="h1"))) == [Verb.OPEN_INQUIRY]
    assert verbs(decide(replace(NOW, asked=MOST_ASKED, question="h1"))) == [Verb.PAUSE]


def test_a_run_that_is_over_does_not_wait_for_an_answer_that_could_lead_to_nothing() -> None:
    (decision,) = decide(replace(WAITING, target_reached=True, exploring=1, busy=0))
    assert (decision.verb, decision.dial) == (Verb.FINISH, Dial.SMALLEST_WIN)


def test_while_nothing_else_can_be_done_a_promising_lead_is_tested() -> None:
    early = replace(WAITING, certification_asked=True, used={"trials": 0.0})
    (decision,) = decide(early)
    assert (decision.verb, decision.dial) == (Verb.CERTIFY, Dial.PEOPLE)
    assert decide(replace(early, busy=1)) == []
