"""The memo by rule: the ledger's facts, and how far the noise reaches."""

from __future__ import annotations

from typing import Any

from orgruntime.backends.species import species_for
from orgruntime.model.step import Digest, Scene, StepReply, StepRequest


def memo(
    facts: Digest | None, produces: tuple[str, ...] = ("memo",), history: tuple[str, ...] = (), **scene: Any
) -> StepReply:
    fields = {"baseline": 2.5, "noise_sd": 0.01, "lead": 2.4, "champion": None, "trials_left": 60, **scene}
    step = StepRequest(
        role="scribe", desk=0, species="digest/ledger", inquiry="i", produces=produces, idea="", inbox={}, prompt="",
        base="0" * 40, files={}, seed=1, scene=Scene(metric="val_loss", direction="minimize", **fields), digest=facts,
        history=history,
    )  # fmt: skip
    return species_for("digest/ledger")(step)


FACTS = Digest(
    trials=40,
    verdicts={"keep": 3, "discard": 30, "crash": 0},
    gained=("RATE 0.001 -> 0.006: +0.08", "WIDTH 32 -> 48:\n+0.02"),
    failed=("a", "b", "c", "d", "e"),
    spend=("search/tpe: 60 CPU-s",),
)


def test_a_memo_says_what_gained_what_failed_and_what_it_cost() -> None:
    reply = memo(FACTS)
    text = reply.body["text"]
    assert reply.type == "memo"
    assert "**40 trials so far**, 60 left in the budget: 30 discard, 3 keep." in text
    assert "* RATE 0.001 -> 0.006: +0.08\n* WIDTH 32 -> 48: +0.02\n" in text
    assert "* c\n* and 2 more\n" in text
    assert "* search/tpe: 60 CPU-s" in text
    assert len(text.splitlines()) <= 22


def test_a_memo_is_honest_about_the_noise() -> None:
    assert "may be luck" in memo(FACTS).body["text"]
    assert "treat it as luck" in memo(FACTS, lead=2.495).body["text"]
    assert "not measured yet" in memo(FACTS, noise_sd=None).body["text"]
    assert "repeat exactly" in memo(FACTS, noise_sd=0.0).body["text"]
    assert "no baseline yet" in memo(FACTS, baseline=None, lead=None).body["text"]
    assert "champion 2.3" in memo(FACTS, champion=2.3).body["text"]


def test_an_empty_ledger_makes_a_memo_too() -> None:
    text = memo(Digest(trials=0, verdicts={}, gained=(), failed=(), spend=()), trials_left=None).body["text"]
    assert text.count("nothing yet") == 2
    assert "**0 trials so far**: no verdict." in text


def test_a_role_that_hands_off_a_note_gets_one_and_others_are_told() -> None:
    assert memo(FACTS, ("note",)).type == "note"
    assert "hands off proposal" in memo(FACTS, ("proposal",)).declined
    assert "no facts" in memo(None).declined


def test_an_earlier_log_is_told_as_hearsay() -> None:
    text = memo(FACTS, history=("results.tsv: 9 rows (9 keep)", "keep 2.1:\nwider")).body["text"]
    assert text.startswith(memo(FACTS).body["text"])
    assert "which this run has not measured:\n* results.tsv: 9 rows (9 keep)\n* keep 2.1: wider\n" in text
