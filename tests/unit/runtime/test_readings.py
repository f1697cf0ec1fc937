"""What an attempt printed is read as a metric only when that is beyond doubt."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orgruntime.model.ids import AttemptId
from orgruntime.model.trial import Ending, Score, TrialOutcome
from orgruntime.runtime.readings import plain, read_outcome


def outcome(output: str = "", ending: Ending = Ending.EXITED, code: int | None = 0, detail: str = "") -> TrialOutcome:
    return TrialOutcome(
        attempt=AttemptId("k.1"),
        ending=ending,
        exit_code=code,
        wall_s=1.5,
        output=output,
        detail=detail,
        peak_memory_mb=9,
    )


@pytest.mark.parametrize(
    ("text", "metric"),
    [
        ("---\nval_loss: 2.5\n", 2.5),
        ("val_loss = 2.5", 2.5),
        ("val_loss:2.5e-3", 0.0025),
        ("  val_loss : -.5  ", -0.5),
        ("val_loss: 9\n---\nval_loss: 2\nsteps: 10\n", 2.0),
        ("---\nval_loss: 9\n---\nval_loss: 2\n", 2.0),
        ("---\nother: 1\n---\nsteps: 3\nval_loss: 2\nval_loss: 3", 3.0),
        ("val_loss: 4\n---\nsteps: 1\n", 4.0),
        ("\x1b[32mval_loss: 2.5\x1b[0m", 2.5),
        ("step 1\rstep 2\rval_loss: 2.5\r\n", 2.5),
    ],
)
def test_a_metric_is_read(text: str, metric: float) -> None:
    reading = read_outcome(outcome(text), "val_loss")
    assert (reading.score, reading.metric, reading.reason) == (Score.MEASURED, metric, "")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "printed nothing"),
        ("done", "it ended with: done"),
        ("val_loss: 1e999", "not a finite number"),
        ("val_loss: nan", "not a finite number"),
        ("---\nval_loss: -inf", "not a finite number"),
        ("val_loss: 1\n---\nval_loss: inf", "not a finite number"),
        ("val_loss: 2 (best)", "printed no `val_loss"),
        ("my val_loss: 2", "printed no `val_loss"),
        ("val_loss: 0x10", "printed no `val_loss"),
        ("val_loss2: 2", "printed no `val_loss"),
    ],
)
def test_no_finite_metric_is_invalid(text: str, words: str) -> None:
    reading = read_outcome(outcome(text), "val_loss")
    assert reading.score is Score.INVALID
    assert reading.metric is None
    assert words in reading.reason


def test_a_crash_is_a_crash_whatever_it_printed() -> None:
    text = 'val_loss: 0.1\nTraceback (most recent call last):\n  File "x"\nValueError: bad shape (3, 4)\ncleaning up'
    reading = read_outcome(outcome(text, code=1), "val_loss")
    assert (reading.score, reading.metric) == (Score.CRASH, None)
    assert reading.reason == "exit code 1; it ended with: ValueError: bad shape (3, 4)"
    assert "killed by signal 9" in read_outcome(outcome(code=137), "m").reason


@pytest.mark.parametrize(
    ("ending", "score"),
    [
        (Ending.TIMEOUT, Score.TIMEOUT),
        (Ending.OUT_OF_MEMORY, Score.OUT_OF_MEMORY),
        (Ending.TAMPERED, Score.INVALID),
        (Ending.TOO_MANY_PROCESSES, Score.CRASH),
        (Ending.CANCELLED, Score.CRASH),
        (Ending.INFRASTRUCTURE, Score.CRASH),
        (Ending.NEVER_STARTED, Score.CRASH),
    ],
)
def test_every_ending_has_a_score_and_a_sentence(ending: Ending, score: Score) -> None:
    reading = read_outcome(outcome("m: 1", ending, None, "eval.py"), "m")
    assert (reading.score, reading.metric) == (score, None)
    assert reading.reason
    assert "\n" not in reading.reason


def test_progress_survives_a_timeout() -> None:
    text = "progress 0.25 m 3\nprogress 0.5 m 2.5\nprogress 0.6 other 1\nprogress 2 m 1\nprogress 0.7 m nan\nprogress x"
    assert read_outcome(outcome(text, Ending.TIMEOUT, None), "m").progress == ((0.25, 3.0), (0.5, 2.5))


def test_figures_are_those_of_the_last_block() -> None:
    text = "---\nold: 1\n---\nm: 2\nparams: 4192\nlr = 1e-3\nwall: nan\nnote: fast\n"
    assert read_outcome(outcome(text), "m").figures == {"m": 2.0, "params": 4192.0, "lr": 0.001}


def test_a_quotation_is_plain() -> None:
    hostile = "\x1b]0;title\x07\x1b[31mred\u202egnp.exe\x00\x1b[2J"
    assert plain(hostile) == "redgnp.exe"
    assert plain("a\tb\r\nc") == "a\tb\nc"
    assert len(read_outcome(outcome("x" * 10_000, code=1), "m").reason) < 300


@given(st.text(), st.sampled_from(list(Ending)), st.one_of(st.none(), st.integers(-300, 300)), st.text(max_size=20))
def test_never_raises(text: str, ending: Ending, code: int | None, metric: str) -> None:
    reading = read_outcome(outcome(text, ending, code, text), metric)
    assert reading.metric is None or math.isfinite(reading.metric)
    assert (reading.metric is not None) == (reading.score is Score.MEASURED)


@given(st.text(alphabet="m:=-+.e0123456789 \n_infa", max_size=200))
def test_never_raises_on_near_numbers(text: str) -> None:
    reading = read_outcome(outcome(text), "m")
    assert reading.metric is None or math.isfinite(reading.metric)
