"""Search species: what they propose, what they never propose, what they refuse, and that they search."""

from __future__ import annotations

import math
import random
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orgruntime.backends.search_space import points, position_of, space_of, value_at
from orgruntime.backends.species import is_key_free, species_for
from orgruntime.model.step import PastTrial, Scene, StepReply, StepRequest
from orgruntime.runtime.constants import Settings, read_knobs
from orgruntime.runtime.ports import StepError

SEARCHERS = ("search/tpe", "search/cmaes", "search/random")
PROGRAM = """\
RATE = 1e-3  # 1e-4 .. 1e-1, log
DECAY = 0.0  # 0 .. 1
BATCH = 64  # 8 .. 128, log
WIDTH = 32  # 16 | 24 | 32 | 48
KIND = "gelu"  # "relu" | "relu2" | "gelu"
TRICK = False  # False | True
PATH = "data.txt"
"""
SMALL = "A = 1  # 1 .. 3\nB = False  # False | True\n"


def scene(lead: float | None = None, direction: str = "minimize", baseline: float = 2.5) -> Scene:
    return Scene(
        metric="loss", direction=direction, baseline=baseline, noise_sd=0.01, lead=lead, champion=None, trials_left=9
    )


def request(species: str, program: str = PROGRAM, **changed: Any) -> StepRequest:
    fields: dict[str, Any] = {
        "role": "tuner", "desk": 0, "species": species, "inquiry": "i1", "produces": ("proposal",), "idea": "",
        "inbox": {}, "prompt": "", "base": "0" * 40, "files": {"train.py": program}, "seed": 1, "scene": scene(),
    }  # fmt: skip
    return StepRequest(**{**fields, **changed})


def asked(species: str, program: str = PROGRAM, **changed: Any) -> StepReply:
    return species_for(species)(request(species, program, **changed))


def tried(settings_: Settings, metric: float | None = 1.0, *, running: bool = False) -> PastTrial:
    return PastTrial(settings=settings_, metric=metric, running=running, species="search/random")


def history(count: int, seed: int = 0) -> tuple[PastTrial, ...]:
    rng = random.Random(seed)
    space = space_of(read_knobs({"train.py": PROGRAM}))
    return tuple(
        tried(space.at_random(rng), None if i % 7 == 6 else rng.random(), running=i % 14 == 6) for i in range(count)
    )


@pytest.mark.parametrize("species", SEARCHERS)
@pytest.mark.parametrize("past", [0, 5, 8, 30])
def test_a_proposal_is_in_the_space_and_its_files_hold_it(species: str, past: int) -> None:
    reply = asked(species, past=history(past))
    knobs = read_knobs({"train.py": PROGRAM})
    assert (reply.type, reply.declined) == ("proposal", "")
    assert list(reply.settings) == [knob.name for knob in knobs.searchable]
    assert all(knob.domain is not None and reply.settings[knob.name] in knob.domain for knob in knobs.searchable)
    written = read_knobs(reply.files).values
    assert written == {**reply.settings, "PATH": "data.txt"}
    assert " -> " in reply.body["hypothesis"]
    assert "PATH" not in reply.body["hypothesis"]


@pytest.mark.parametrize("species", SEARCHERS)
@pytest.mark.parametrize("past", [0, 20])
def test_the_seed_and_the_past_decide(species: str, past: int) -> None:
    first = asked(species, past=history(past))
    assert asked(species, past=history(past)) == first
    assert asked(species, past=history(past), seed=2).settings != first.settings
    huge = asked(species, past=history(past), seed=2**63 + 11)
    assert huge.type == "proposal"


@pytest.mark.parametrize("species", ["search/tpe", "search/cmaes"])
def test_another_past_is_another_proposal(species: str) -> None:
    assert asked(species, past=history(20)).settings != asked(species, past=history(20, seed=9)).settings


@pytest.mark.parametrize("species", SEARCHERS)
def test_a_small_space_is_walked_through_without_repeating_and_then_declined(species: str) -> None:
    past: list[PastTrial] = []
    for number in range(5):
        reply = asked(species, SMALL, past=tuple(past), seed=number)
        assert reply.type == "proposal", reply.declined
        assert reply.settings not in [trial.settings for trial in past]
        assert reply.settings != {"A": 1, "B": False}, "the base itself is no proposal"
        past.append(tried(reply.settings, float(number), running=number == 3))
    reply = asked(species, SMALL, past=tuple(past))
    assert (reply.type, reply.files) == ("", {})
    assert "the space is exhausted" in reply.declined


@pytest.mark.parametrize("species", SEARCHERS)
def test_what_lies_before_the_window_is_not_repeated_either(species: str) -> None:
    old = [{"A": 1, "B": True}, {"A": 2, "B": True}, {"A": 3, "B": True}, {"A": 2, "B": False}]
    past = [tried(settings_) for settings_ in old] + [tried({"A": 1, "B": True})] * 250
    assert asked(species, SMALL, past=tuple(past)).settings == {"A": 3, "B": False}


def test_space_without_room_for_luck_is_left_by_nudging() -> None:
    """One wide knob, everything the sampler would say already tried: still something new."""
    program = "A = 0.5  # 0.5 .. 0.6\n"
    past = tuple(tried({"A": round(0.5 + i / 10_000, 4)}) for i in range(990))
    reply = asked("search/tpe", program, past=past)
    assert reply.type == "proposal"
    assert reply.settings not in [trial.settings for trial in past]


def objective(values: Settings) -> float:
    """Smallest at RATE 1e-2, DECAY 0.3, WIDTH 48, KIND relu2, TRICK on."""
    loss = (math.log10(float(values["RATE"])) + 2) ** 2 + 2 * (float(values["DECAY"]) - 0.3) ** 2
    loss += abs(int(values["WIDTH"]) - 48) / 48 + 0.3 * (values["KIND"] != "relu2") + 0.3 * (not values["TRICK"])
    return loss + 0.1 * abs(math.log2(int(values["BATCH"])) - 5)


def best_of(species: str, seed: int, trials: int, sign: float) -> float:
    past: list[PastTrial] = []
    base = sign * objective(space_of(read_knobs({"train.py": PROGRAM})).base)
    here = scene(direction="minimize" if sign > 0 else "maximize", baseline=base)
    for number in range(trials):
        reply = asked(species, past=tuple(past), seed=seed * 1000 + number, scene=here)
        past.append(tried(reply.settings, sign * objective(reply.settings)))
    return min(sign * trial.metric for trial in past if trial.metric is not None)


@pytest.mark.parametrize(("species", "sign"), [("search/tpe", 1.0), ("search/cmaes", 1.0), ("search/cmaes", -1.0)])
def test_learning_beats_chance_in_either_direction(species: str, sign: float) -> None:
    """Mean of 6 searches of 50 trials; chance reaches 0.44 to 0.50, the species 0.12 to 0.28."""
    learned = sum(best_of(species, seed, 50, sign) for seed in range(6)) / 6
    chance = sum(best_of("search/random", seed, 50, sign) for seed in range(6)) / 6
    assert learned < 0.8 * chance


@pytest.mark.parametrize("species", SEARCHERS)
def test_one_knob_of_any_kind_can_be_searched(species: str) -> None:
    for program in ("A = 0.5  # 0 .. 1\n", "A = 40  # 1 .. 900\n", 'A = "a"  # a | b | c\n', "A = 3\n", "A = False\n"):
        past = tuple(tried({"A": read_knobs({"t.py": program}).all[0].value}, 1.0) for _ in range(12))
        assert asked(species, program, past=past).type == "proposal", program


@pytest.mark.parametrize("species", SEARCHERS)
def test_a_past_of_failures_still_gives_a_proposal(species: str) -> None:
    past = tuple(tried(trial.settings, value) for trial in history(40) for value in (None, math.inf, math.nan))
    assert asked(species, past=past).type == "proposal"


def test_a_crash_counts_as_the_worst_and_a_running_trial_as_running() -> None:
    space = space_of(read_knobs({"train.py": PROGRAM}))
    past = (
        tried({"RATE": 0.01}, 2.0),
        tried({"RATE": 0.02}, None),
        tried({"RATE": 0.03}, None, running=True),
        tried({}, 1.0),
    )
    known = points(space, request("search/tpe", past=past, scene=scene(2.5)))
    assert [point.loss for point in known] == [2.5, 2.0, math.inf, None]
    assert known[0].settings == space.base
    assert known[1].settings == {**space.base, "RATE": 0.01}


def test_one_that_was_ended_early_counts_with_what_it_had() -> None:
    space = space_of(read_knobs({"train.py": PROGRAM}))
    early = tried({"RATE": 0.02}, None).model_copy(update={"partial": 3.5})
    known = points(space, request("search/tpe", past=(early,), scene=scene(2.5, "maximize")))
    assert [point.loss for point in known] == [-2.5, -3.5]


def test_until_a_lead_moved_the_base_is_known_by_the_baseline() -> None:
    space = space_of(read_knobs({"train.py": PROGRAM}))
    (base,) = points(space, request("search/tpe", scene=scene(None)))
    assert (base.settings, base.loss) == (space.base, 2.5)


def test_a_past_of_another_program_is_left_out() -> None:
    space = space_of(read_knobs({"train.py": PROGRAM}))
    past = (tried({"RATE": 7.0}), tried({"KIND": 3}), tried({"TRICK": 1}), tried({"OTHER": 1, "BATCH": 16.0}))
    _, other = points(space, request("search/tpe", past=past))
    assert other.settings["BATCH"] == 16


@pytest.mark.parametrize("species", SEARCHERS)
@pytest.mark.parametrize(
    ("idea", "changed"),
    [("RATE = 0.01", {"RATE": 0.01}), ("  BATCH = 32, KIND = relu. ", {"BATCH": 32, "KIND": "relu"}),
     ("TRICK=True", {"TRICK": True}), ("DECAY = 1", {"DECAY": 1.0}), ('KIND = "relu2"', {"KIND": "relu2"})],
)  # fmt: skip
def test_an_idea_that_names_values_is_carried_out(species: str, idea: str, changed: Settings) -> None:
    reply = asked(species, idea=idea)
    base = space_of(read_knobs({"train.py": PROGRAM})).base
    assert reply.settings == {**base, **changed}
    assert read_knobs(reply.files).values == {**base, **changed, "PATH": "data.txt"}


def test_an_idea_may_set_a_constant_that_is_not_searched() -> None:
    reply = asked("search/tpe", idea="PATH = other.txt")
    assert 'PATH = "other.txt"' in reply.files["train.py"]
    assert asked("search/tpe", "PATH = 'x'\n", idea="PATH = other.txt").type == "proposal"


@pytest.mark.parametrize(
    ("idea", "words"),
    [
        ("Try a larger batch, because the gradient is noisy", "cannot read prose"),
        ("RATE = 0.01 because", "cannot read prose"),
        ("RATE 0.01", "cannot read prose"),
        ("SPEED = 3", "no constant is called SPEED; there are: BATCH"),
        ("WIDTH = 64", "WIDTH cannot be 64; it takes 16 | 24 | 32 | 48"),
        ("RATE = fast", "RATE cannot be fast"),
        ("RATE = 1e-3", "already has"),
        ("BATCH = 16", "was tried"),
    ],
)
def test_an_idea_that_cannot_be_carried_out_is_declined_with_the_reason(idea: str, words: str) -> None:
    base = space_of(read_knobs({"train.py": PROGRAM})).base
    reply = asked("search/tpe", idea=idea, past=(tried({**base, "BATCH": 16}),))
    assert (reply.type, reply.files) == ("", {})
    assert reply.declined.startswith("search/tpe: ")
    assert words in reply.declined


def test_a_conflict_carries_the_same_settings_to_the_new_base() -> None:
    inbox = {"type": "result", "outcome": "conflicted", "settings": {"RATE": 0.01, "BATCH": 16, "GONE": 1, "WIDTH": 5}}
    reply = asked(
        "search/tpe", inbox=inbox, past=(tried({"RATE": 0.01, "BATCH": 16}),), idea="prose that was read once"
    )
    base = space_of(read_knobs({"train.py": PROGRAM})).base
    assert reply.settings == {**base, "RATE": 0.01, "BATCH": 16}
    same = {"type": "result", "outcome": "conflicted", "settings": {"RATE": 0.001}}
    assert "already has these settings" in asked("search/tpe", inbox=same).declined
    assert asked("search/tpe", inbox={"type": "result", "outcome": "conflicted"}).type == "proposal"


def test_what_an_idea_asked_for_is_asked_of_the_new_base_alone() -> None:
    """The other constants are the new base's: those of the old one were no part of the idea."""
    inbox = {"type": "result", "outcome": "conflicted", "settings": {"RATE": 0.01, "BATCH": 16}}
    base = space_of(read_knobs({"train.py": PROGRAM})).base
    assert asked("search/tpe", inbox=inbox, idea="RATE = 0.01").settings == {**base, "RATE": 0.01}


def test_after_a_crash_comes_something_else() -> None:
    crashed = {"type": "result", "outcome": "crashed", "settings": {"A": 2, "B": True}}
    for seed in range(20):
        reply = asked("search/random", SMALL, inbox=crashed, past=(tried({"A": 2, "B": True}, None),), seed=seed)
        assert reply.settings != {"A": 2, "B": True}
    assert "crashed" in asked("search/tpe", inbox=crashed, idea="RATE = 0.01").declined


@pytest.mark.parametrize("species", SEARCHERS)
def test_nothing_to_search_is_declined_with_the_reason(species: str) -> None:
    assert "no UPPER_CASE constant" in asked(species, "x = 1\n").declined
    assert "not valid Python" in asked(species, "x = = 1\n").declined
    assert "only .py files" in asked(species, files={"config.yaml": "LR: 1"}).declined


@pytest.mark.parametrize("species", [*SEARCHERS, "control/null"])
def test_a_role_that_hands_off_something_else_is_told(species: str) -> None:
    assert "this role hands off idea" in asked(species, produces=("idea",)).declined


def test_null_proposals_change_nothing_but_the_tree() -> None:
    files = {"a.txt": "x", "train.py": "A = 1", "z.py": "B = 1\n"}
    replies = [asked("control/null", files=files, inquiry=f"i{n}") for n in range(20)]
    assert len({reply.files["train.py"] for reply in replies}) == 20
    assert all(list(reply.files) == ["train.py"] and reply.settings == {} for reply in replies)
    assert all(
        compile(reply.files["train.py"], "t", "exec").co_code == compile("A = 1", "t", "exec").co_code
        for reply in replies
    )
    again = asked("control/null", files={"train.py": replies[0].files["train.py"]}, inquiry="other")
    assert again.files["train.py"].count("# no change") == 1
    assert "needs an editable .py file" in asked("control/null", files={"a.txt": "x"}).declined


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.floats(0, 1))
def test_positions_and_values_are_inverse(seed: int, position: float) -> None:
    space = space_of(read_knobs({"train.py": PROGRAM + "COUNT = 3  # 1 .. 9\n"}))
    for knob in space.knobs:
        value = value_at(knob, position)
        assert knob.domain is not None
        assert value in knob.domain
        assert 0 <= position_of(knob, value) <= 1
        again = value_at(knob, position_of(knob, value))
        assert again == value or (isinstance(value, float) and again == pytest.approx(value, rel=1e-3))
    assert space.completed(space.at_random(random.Random(seed))) is not None


def test_names_of_species() -> None:
    assert all(map(is_key_free, (*SEARCHERS, "control/null", "digest/ledger", "search/tpee")))
    assert not any(map(is_key_free, ("claude-opus-5-5", "research/x", "", "llama3:8b")))
    with pytest.raises(StepError, match="did you mean search/tpe"):
        species_for("search/tpee")
    with pytest.raises(StepError, match="the ones without a key are control/null"):
        species_for("claude-opus-5-5")


def test_random_search_needs_no_heavy_library() -> None:
    """A desk of `search/random` starts without the second that the samplers' imports cost."""
    script = (
        "import orgruntime.backends.species, sys; print([m for m in ('optuna', 'cmaes', 'ray') if m in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout
    assert shown.strip() == "[]"


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_a_search_says_what_it_expects_and_what_it_costs(direction: str) -> None:
    """Nothing before anything was measured; the mean of what was drawn; then of what the model draws after."""
    sign = -1.0 if direction == "maximize" else 1.0
    where = scene(lead=sign * 2.0, direction=direction)
    space = space_of(read_knobs({"train.py": PROGRAM}))
    rng = random.Random(3)
    past = tuple(tried(space.at_random(rng), sign * (3.0 + n / 10)) for n in range(20))
    for species in SEARCHERS:
        first = asked(species, scene=where)
        assert (first.body["cost"], "expected_gain" in first.body) == ("one trial", False)
        few = asked(species, scene=where, past=past[:4])
        assert few.body["expected_gain"] == pytest.approx(2.0 - 3.15)
        many = asked(species, scene=where, past=(*past, tried(space.at_random(rng), None)))
        drawn_after = 3.05 if species != "search/random" else 3.95
        assert many.body["expected_gain"] == pytest.approx(2.0 - drawn_after)


def test_the_null_species_expects_nothing() -> None:
    assert asked("control/null").body["expected_gain"] == 0.0
    assert asked("control/null").body["cost"] == "one trial"
