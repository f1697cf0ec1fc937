"""A run on the head of a cluster that is elsewhere: packed here, driven there by a job, followed and operated from any
machine.

Works through the port `Jobs` and frames. Never touches the run's folder, which lies on the head. Invariants: every
verb reads the ledger there, so it says what it would say on the head; no key and no variable leaves this machine; who
follows can let go at any time and changes nothing.
"""

from __future__ import annotations

import base64
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from orgruntime import __version__
from orgruntime.api.errors import FINDINGS, UserError
from orgruntime.api.far_jobs import FarOptions, Head, command, frames_of, head_of, helper, opened_jobs
from orgruntime.api.frames import Kind
from orgruntime.api.importing import is_bare
from orgruntime.api.orgs import refuse_unready
from orgruntime.api.packing import pack
from orgruntime.api.planning import numbers_of
from orgruntime.api.running import RunOptions, View, compiled
from orgruntime.api.wiring import key_names
from orgruntime.model.manifest import Manifest
from orgruntime.model.status import RunStatus
from orgruntime.plan.make import make_plan
from orgruntime.runtime.events import EventKind, RunEvent
from orgruntime.runtime.ports import Jobs, JobsError

FETCHED = Path(".orgrun/fetched")
LARGEST_FETCH = 64 << 20
"""Bytes of a report and its certificates that are brought from the head."""
KEYS = (
    "{said}\nOn a cluster it has to be set where `ray start` runs on the head: Ray shows a job's variables to everyone "
    "who may list jobs, so none is sent along."
)
_NAME = re.compile(r"(?:report|certificates)/[A-Za-z0-9][\w.-]*")
_HINT = re.compile(r"`(orgrun (?:answer|idea|logs|report|resume|status|stop) [^`]*?)`")


class LetGo(Exception):
    """The one who followed has left; the run goes on."""

    def __init__(self, run: str) -> None:
        super().__init__(run)
        self.run = run


def start_far(org: Path, options: RunOptions, far: FarOptions, view: View) -> RunStatus:
    """Compiles and packs here, submits, follows to the end. Raises LetGo with `detach`, or when the user interrupts;
    UserError."""
    if is_bare(org):
        raise UserError(f"{org} is a bare program: draft an org of it with `orgrun import {org}`, then run that")
    manifest, folder = compiled(org, options)
    with opened_jobs(far.address) as jobs:
        head = head_of(jobs, far, keys=key_names(manifest), starts=True, fleet=True)
        _refuse_unready(manifest, head)
        if not far.wait_s:
            _refuse_misfit(manifest, head)
        jobs_taken = {job.id for job in jobs.all()}
        run = options.run_id or _free(manifest.org, {*head.taken, *jobs_taken}, "-")
        if run in head.ids:
            raise UserError(
                f"run id {run} is used already on the head of {far.address}; go on with it by "
                f"`orgrun resume {run}{far.where}`, or choose another"
            )
        job = run if run not in jobs_taken else _free(run, jobs_taken, ".", first=2)
        with tempfile.TemporaryDirectory(prefix="orgrun-") as made:
            for notice in pack(manifest, folder, Path(made)):
                view.event(RunEvent(event=EventKind.NOTICE, text=notice))
            asked = {"run_id": run, "seed": options.seed, **_place(far)}
            jobs.submit(job, command("run", asked), _marks("run", run, manifest.org), Path(made))
        return _followed(jobs, job, run, far, view)


def resume_far(run: str | None, far: FarOptions, view: View) -> RunStatus:
    """Goes on with a run of the head, in a new job. Raises LetGo, UserError."""
    with opened_jobs(far.address) as jobs:
        # A run that is named is looked for by the job itself, which says its versions too: one job less to wait for.
        name = run or _newest(jobs, far)
        shown = Path(name).name
        job = _free(shown, {one.id for one in jobs.all()}, ".", first=2)
        jobs.submit(job, command("resume", {"run": name, **_place(far)}), _marks("resume", shown, ""), None)
        return _followed(jobs, job, shown, far, view)


def far_verb(address: str, words: Sequence[str], runs: str | None, out: Callable[[str, bool], None]) -> int:
    """Runs a verb on the head; hands each line that it prints to `out` (the line, whether it is an error's) as it
    comes. Returns its exit code. Raises UserError."""
    with opened_jobs(address) as jobs, helper(jobs, "verb", {"words": list(words), "runs": runs}, words[0]) as frames:
        as_json = "--json" in words
        for frame in frames:
            if frame.kind in (Kind.OUT, Kind.ERR):
                text = frame.text if as_json else _with_place(frame.text, FarOptions(address, runs))
                out(text, frame.kind is Kind.ERR)
            elif frame.kind is Kind.END:
                return frame.code
    raise AssertionError("frames end with an end")


def fetch_report(address: str, run: str | None, runs: str | None, into: Path = FETCHED) -> dict[str, Path]:
    """Writes the report of a run of the head, and its certificates, below `into`; name → path. Raises UserError."""
    pieces: dict[str, list[str]] = {}
    name, size = "", 0
    with opened_jobs(address) as jobs, helper(jobs, "fetch", {"run": run, "runs": runs}, "report") as frames:
        for frame in frames:
            if frame.kind is Kind.FILE:
                size += len(frame.text) * 3 // 4
                if size > LARGEST_FETCH:
                    raise UserError(
                        f"the report is larger than {LARGEST_FETCH >> 20} MiB; copy its folder from the head instead"
                    )
                pieces.setdefault(frame.data["name"], []).append(frame.text)
            elif frame.kind is Kind.ANSWER:
                name = frame.data["run"]
    return _written(into / Path(name).name, pieces)


def _newest(jobs: Jobs, far: FarOptions) -> str:
    head = head_of(jobs, far)
    if not head.ids:
        raise UserError(f"there is no run in {head.runs} on the head of {far.address}; start one with `orgrun run`")
    return head.ids[-1]


def _marks(what: str, run: str, org: str) -> dict[str, str]:
    return {"orgrun": what, "orgrun_run": run, "orgrun_org": org, "orgrun_version": __version__}


def _free(stem: str, taken: set[str], sign: str, first: int = 1) -> str:
    number = first
    while f"{stem}{sign}{number}" in taken:
        number += 1
    return f"{stem}{sign}{number}"


def _refuse_unready(manifest: Manifest, head: Head) -> None:
    """With the keys that the head has, not with those that are here."""
    try:
        refuse_unready(manifest, dict.fromkeys(head.keys, "set"))
    except UserError as error:
        lacks = any(name in str(error) for name in key_names(manifest) if name not in head.keys)
        raise UserError(KEYS.format(said=error) if lacks else str(error), error.code) from error


def _refuse_misfit(manifest: Manifest, head: Head) -> None:
    """As the plan says it."""
    for role in make_plan(manifest, numbers_of(manifest), head.fleet).roles:
        if role.misfit:
            raise UserError(
                f"a trial of {role.slug} cannot ever be placed: {role.misfit}; ask for less in the table of roles, or "
                "wait for a cluster that grows with --wait 15m",
                FINDINGS,
            )


def _place(far: FarOptions) -> dict[str, object]:
    return {"sandbox": far.sandbox, "runs": far.runs, "wait_s": far.wait_s}


def _followed(jobs: Jobs, job: str, run: str, far: FarOptions, view: View) -> RunStatus:
    """To the end; or, with `detach`, until the run has begun."""
    last: RunStatus | None = None
    try:
        for frame in frames_of(jobs, job):
            if frame.kind is Kind.EVENT:
                event = RunEvent.model_validate(frame.data)
                view.event(event.model_copy(update={"text": _with_place(event.text, far)}))
                if far.detach and event.event is EventKind.STARTED:
                    raise LetGo(run)
            elif frame.kind is Kind.STATUS:
                last = RunStatus.model_validate(frame.data)
                view.status(last)
    except KeyboardInterrupt:
        raise LetGo(run) from None
    except JobsError as error:
        raise UserError(
            f"{error}. The run is not touched by that: see `orgrun status {run}{far.where}`", FINDINGS
        ) from error
    except UserError as error:
        raise UserError(_with_place(str(error), far), error.code) from error
    assert last is not None, "a run that ends without a fault says its state"
    return last


def _with_place(text: str, far: FarOptions) -> str:
    """Commands in a sentence that was made on the head, as they have to be typed here."""
    return _HINT.sub(lambda found: f"`{found[1]}{far.where}`", text)


def _written(folder: Path, pieces: Mapping[str, Sequence[str]]) -> dict[str, Path]:
    paths = {}
    try:
        for name, texts in pieces.items():
            if not _NAME.fullmatch(name):
                raise UserError(f"the head sent a file by the name {name!r}, which is none of a report")
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(base64.b64decode("".join(texts)))
            paths[path.name] = path
    except OSError as error:
        raise UserError(f"{folder} cannot be written: {error.strerror}") from error
    return paths
