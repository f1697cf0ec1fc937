"""A command on the head of a cluster that is elsewhere, by a job: submitted, heard to its end, and gone.

Works through the port `Jobs` and frames. Knows nothing of runs. Invariants: nothing is believed of a far end before it
has told its versions and they agree; a helper's job that is over is cleared away by the next one.
"""

from __future__ import annotations

import json
import secrets
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from orgruntime import __version__
from orgruntime.api.errors import FINDINGS, UserError
from orgruntime.api.frames import Frame, Kind, read
from orgruntime.api.wiring import open_jobs
from orgruntime.model.fleet import Fleet
from orgruntime.runtime.ports import Jobs, JobsError

INSTALL = (
    "orgruntime is not installed for the `python` of the cluster's head{why}: install it there "
    f"(pip install 'orgruntime[jobs]=={__version__}' in the image, or in the environment that `ray start` runs in); "
    "the other nodes need Ray alone"
)
_NOISE = 12
"""Lines that are no frames, kept for the sentence about a job that died."""
_HELPER = "helper"


@dataclass(frozen=True)
class FarOptions:
    """What `run` and `resume` can say of a run on a head. `runs`: a folder there."""

    address: str
    runs: str | None = None
    detach: bool = False
    sandbox: bool = True
    wait_s: float = 0.0

    @property
    def where(self) -> str:
        """What a command has to say to find the run again."""
        return f" --address {self.address}" + (f" --runs {self.runs}" if self.runs else "")


@dataclass(frozen=True)
class Head:
    """What the head said of itself."""

    runs: str
    taken: tuple[str, ...]
    ids: tuple[str, ...]
    keys: tuple[str, ...]
    fleet: Fleet | None


def is_far(address: str | None) -> bool:
    return address is not None and address.startswith(("http://", "https://"))


def far_fleet(address: str) -> Fleet:
    """The nodes of a cluster that is reached through its job server. Raises UserError."""
    with opened_jobs(address) as jobs:
        fleet = head_of(jobs, FarOptions(address), fleet=True).fleet
    assert fleet is not None
    return fleet


@contextmanager
def opened_jobs(address: str) -> Iterator[Jobs]:
    """Raises UserError where there is no job server, or where it refuses."""
    try:
        yield open_jobs(address)
    except JobsError as error:
        raise UserError(str(error), FINDINGS) from error


def command(what: str, asked: Mapping[str, Any]) -> list[str]:
    return ["python", "-m", "orgruntime.cli.far_end", what, json.dumps(asked)]


def head_of(jobs: Jobs, far: FarOptions, **asked: Any) -> Head:
    with helper(jobs, "probe", {"runs": far.runs, **asked}, "probe") as frames:
        found = next(frame.data for frame in frames if frame.kind is Kind.ANSWER)
    fleet = None if found["fleet"] is None else Fleet.model_validate(found["fleet"])
    return Head(found["runs"], tuple(found["taken"]), tuple(found["ids"]), tuple(found["keys"]), fleet)


@contextmanager
def helper(jobs: Jobs, what: str, asked: Mapping[str, Any], name: str) -> Iterator[Iterator[Frame]]:
    """The frames of a small job. It stays in the list until the next one comes: a server that is told to forget a job
    in the second in which it ends writes a failed one down instead."""
    for job in jobs.all():
        if job.marks.get("orgrun") == _HELPER and job.state.is_over:
            jobs.forget(job.id)
    id = f"orgrun-{name}-{secrets.token_hex(4)}"
    jobs.submit(id, command(what, asked), {"orgrun": _HELPER})
    frames = frames_of(jobs, id)
    over = False
    try:
        yield frames
        for _ in frames:
            pass
        over = True
    finally:
        if not over:
            jobs.end(id)


def frames_of(jobs: Jobs, id: str) -> Iterator[Frame]:
    """Until the end frame. Raises UserError for a fault of the far end, other versions, a job that dies."""
    noise: deque[str] = deque(maxlen=_NOISE)
    for line in jobs.output(id):
        frame = read(line)
        if frame is None:
            noise.append(line)
            continue
        if frame.kind is Kind.HELLO:
            _refuse_other_versions(frame.data)
        if frame.kind is Kind.FAULT:
            raise UserError(frame.text, frame.code)
        yield frame
        if frame.kind is Kind.END:
            return
    raise UserError(_death(jobs, id, noise), FINDINGS)


def _death(jobs: Jobs, id: str, noise: Sequence[str]) -> str:
    said = " ".join(" ".join(noise).split())
    if "No module named" in said and "orgruntime" in said:
        return INSTALL.format(why="")
    if "python: not found" in said or "python: command not found" in said:
        return INSTALL.format(why=", which finds no `python` at all")
    job = jobs.get(id)
    state = "is not known any more" if job is None else f"is {job.state.value}"
    return f"job {id} ended without a word, it {state}; its last lines: {said[-600:] or 'none'}"


def _refuse_other_versions(theirs: Mapping[str, Any]) -> None:
    from importlib.metadata import version

    for name, ours in (("orgruntime", __version__), ("ray", version("ray"))):
        if _minor(ours) != _minor(str(theirs.get(name))):
            raise UserError(
                f"here is {name} {ours}, and the cluster's head has {name} {theirs.get(name)}: they have to agree in "
                f"their first two numbers; install {name}=={theirs.get(name)} here, or another one there"
            )


def _minor(text: str) -> list[str]:
    return text.split(".")[:2]
