"""What every `ports.Desks` must do. Inherit `DesksConformance` and say how one is made.

Works through the port alone, with scripted species that any desk can look up by `SPECIES`. Does not know where a
desk runs, only that this machine's clock and files are there.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orgruntime.model.ids import CommitId, InquiryId, RoleSlug
from orgruntime.model.step import PastTrial, Scene, StepReply, StepRequest
from orgruntime.runtime.ports import Desks, StepError

SPECIES = "orgruntime.testing.conformance.desks:scripted"
"""Give this to the desks that are tested: the module and function that looks species up."""

SCENE = Scene(
    metric="loss", direction="minimize", baseline=1.5, noise_sd=None, lead=None, champion=None, trials_left=None
)


def scripted(name: str) -> Callable[[StepRequest], StepReply]:
    """Species that misbehave on purpose. Raises StepError for other names."""
    found = _SCRIPTS.get(name)
    if found is None:
        raise StepError(f"no species is called {name!r}")
    return found


def request(species: str, *, role: str = "tuner", desk: int = 0, **changed: Any) -> StepRequest:
    fields: dict[str, Any] = {
        "role": RoleSlug(role), "desk": desk, "species": species, "inquiry": InquiryId("i1"),
        "produces": ("proposal",), "idea": "", "inbox": {}, "prompt": "", "base": CommitId("0" * 40), "files": {},
        "seed": 1, "scene": SCENE,
    }  # fmt: skip
    return StepRequest(**{**fields, **changed})


class DesksConformance:
    """Subclasses override the fixture `desks`; it closes what it made."""

    @pytest.fixture
    def desks(self) -> Desks:
        raise NotImplementedError

    async def test_a_step_comes_back_as_it_was_given(self, desks: Desks) -> None:
        settings: dict[str, float | int | bool | str] = {"a": 1, "b": 1.0, "c": True, "d": "ünï\n'\"", "e": 1e-300}
        past = (PastTrial(settings=settings, metric=None), PastTrial(settings={}, metric=2.5, running=True))
        sent = request("echo", past=past, files={"ä.py": "x = '\u2028'\r\n" * 1000}, inbox={"deep": [{"x": None}]})
        reply = await desks.step(sent)
        assert StepRequest.model_validate_json(reply.body["request"]) == sent
        assert [type(value) for value in reply.settings.values()] == [int, float, bool, str, float]
        assert reply.settings == settings

    async def test_text_that_is_no_unicode_is_a_step_error(self, desks: Desks) -> None:
        with pytest.raises(StepError, match="cannot be sent"):
            await desks.step(request("echo", idea="\ud800"))

    async def test_the_cpu_time_of_a_step_is_measured(self, desks: Desks) -> None:
        reply = await desks.step(request("busy"))
        assert 0.05 <= reply.cpu_s < 10

    async def test_a_refusal_is_a_reply(self, desks: Desks) -> None:
        assert (await desks.step(request("decline"))).declined == "not today"

    @pytest.mark.parametrize(
        ("species", "words", "retry"),
        [
            ("overloaded", "^overloaded, ask again$", True),
            ("broken", "^not for me$", False),
            ("crash", "the species failed: ValueError: first line$", False),
            ("garbage", "the species failed: AttributeError", False),
            ("unknown", "no species is called 'unknown'", False),
        ],
    )
    async def test_what_goes_wrong_is_a_step_error(self, desks: Desks, species: str, words: str, retry: bool) -> None:
        with pytest.raises(StepError, match=words) as caught:
            await desks.step(request(species))
        assert caught.value.retry is retry
        assert (await desks.step(request("decline"))).declined == "not today", "the desk lives on"

    async def test_a_slow_desk_holds_up_no_other(self, desks: Desks, tmp_path: Path) -> None:
        """The slow one ends only after the quick ones have answered."""
        gate = tmp_path / "gate"
        slow = asyncio.create_task(desks.step(request("wait for", desk=0, idea=str(gate))))
        quick = [request("echo", desk=1), request("echo", role="other", desk=0)]
        await asyncio.wait_for(asyncio.gather(*(desks.step(each) for each in quick)), 60)
        assert not slow.done()
        gate.touch()
        assert (await asyncio.wait_for(slow, 60)).body["found"] is True

    async def test_one_desk_serves_one_step_at_a_time(self, desks: Desks) -> None:
        replies = await asyncio.gather(*(desks.step(request("interval")) for _ in range(4)))
        times = sorted((reply.body["start"], reply.body["end"]) for reply in replies)
        assert all(end <= start for (_, end), (start, _) in zip(times, times[1:], strict=False))

    async def test_many_desks_answer_many_steps(self, desks: Desks) -> None:
        sent = [request("echo", desk=number % 4, seed=number) for number in range(100)]
        replies = await asyncio.gather(*(desks.step(each) for each in sent))
        assert [StepRequest.model_validate_json(reply.body["request"]).seed for reply in replies] == list(range(100))

    async def test_a_step_can_be_abandoned(self, desks: Desks, tmp_path: Path) -> None:
        gate = tmp_path / "gate"
        abandoned = asyncio.create_task(desks.step(request("wait for", idea=str(gate))))
        await asyncio.sleep(0.05)
        abandoned.cancel()
        with pytest.raises(asyncio.CancelledError):
            await abandoned
        gate.touch()
        assert (await asyncio.wait_for(desks.step(request("decline")), 60)).declined == "not today"

    async def test_closing_twice_is_closing_once(self, desks: Desks) -> None:
        await desks.step(request("echo"))
        await desks.close()
        await desks.close()
        with pytest.raises(StepError, match="closed"):
            await desks.step(request("echo"))


def _echo(step: StepRequest) -> StepReply:
    settings = step.past[0].settings if step.past else {}
    return StepReply(type="proposal", body={"request": step.model_dump_json()}, settings=settings)


def _busy(step: StepRequest) -> StepReply:
    end = time.thread_time() + 0.05
    while time.thread_time() < end:
        pass
    return StepReply(type="note")


def _decline(step: StepRequest) -> StepReply:
    return StepReply(type="", declined="not today")


def _overloaded(step: StepRequest) -> StepReply:
    raise StepError("overloaded, ask again", retry=True)


def _broken(step: StepRequest) -> StepReply:
    raise StepError("not for me")


def _crash(step: StepRequest) -> StepReply:
    raise ValueError("first line\nsecond line")


def _garbage(step: StepRequest) -> StepReply:
    nothing: Any = None
    return nothing  # type: ignore[no-any-return]  # the fault that is tested


def _wait_for(step: StepRequest) -> StepReply:
    """Waits up to 60 s for the file that the idea names."""
    end = time.monotonic() + 60
    while not Path(step.idea).exists() and time.monotonic() < end:
        time.sleep(0.01)
    return StepReply(type="note", body={"found": Path(step.idea).exists()})


def _interval(step: StepRequest) -> StepReply:
    start = time.monotonic()
    time.sleep(0.03)
    return StepReply(type="note", body={"start": start, "end": time.monotonic()})


def _die_once(step: StepRequest) -> StepReply:
    """Ends its process the first time, marked by the file that the idea names. Only for desks in other processes."""
    if not Path(step.idea).exists():
        Path(step.idea).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return StepReply(type="note", body={"pid": os.getpid()})


def _die(step: StepRequest) -> StepReply:
    """Counts its deaths by a line in the file that the idea names."""
    with Path(step.idea).open("a") as deaths:
        deaths.write("died\n")
    os.kill(os.getpid(), signal.SIGKILL)
    return StepReply(type="note")


def _whereabouts(step: StepRequest) -> StepReply:
    body = {"pid": os.getpid(), "thread": threading.get_ident(), "environment": dict(os.environ)}
    return StepReply(type="note", body=body)


_SCRIPTS: dict[str, Callable[[StepRequest], StepReply]] = {
    "echo": _echo, "busy": _busy, "decline": _decline, "overloaded": _overloaded, "broken": _broken, "crash": _crash,
    "garbage": _garbage, "wait for": _wait_for, "interval": _interval, "die once": _die_once, "die": _die,
    "whereabouts": _whereabouts,
}  # fmt: skip
