"""What a job does on a cluster's head for a command that was given on another machine. The process of the job.

Works on this machine's folder of runs. Does not know who asked, nor jobs. Invariants: all it says goes through frames,
its versions first; whatever happens, the last frame is the end with the exit code; a run's ledger never lies on a
shared file system, where SQLite's log would be torn.
"""

from __future__ import annotations

import base64
import json
import os
import platform
import time
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from orgruntime import __version__
from orgruntime.api.errors import UserError
from orgruntime.api.folders import RunFolder, find_run, list_runs
from orgruntime.api.frames import Frame, Kind
from orgruntime.api.packing import PACK, opened_pack
from orgruntime.api.planning import fleet_of
from orgruntime.api.reports import export_certificates, write_report
from orgruntime.api.running import RunOptions, View, resume_run, start_packed
from orgruntime.api.wiring import ClusterChoice
from orgruntime.model.status import RunStatus
from orgruntime.runtime.events import RunEvent

Say = Callable[[Frame], None]
STATUS_S = 15.0
"""Between two states of a run in a job's log: 2 MB in eight hours."""
PIECE = 8 * 1024
"""Characters of a file in one line."""
SHARED = ("nfs", "nfs4", "cifs", "smb3", "smbfs", "ceph", "glusterfs", "lustre", "beegfs", "gpfs", "afs", "fuse.")
"""Types of file systems that several machines write to."""
_JOB_CONFIG = "RAY_JOB_CONFIG_JSON_ENV_VAR"


def answer(what: str, asked: Mapping[str, Any], say: Say) -> None:
    """Does one of `probe`, `run`, `resume`, `fetch`. Raises UserError."""
    _ANSWERS[what](asked, say)


def hello() -> Frame:
    """The versions of this side."""
    try:
        ray = version("ray")
    except PackageNotFoundError:
        ray = "none"
    return Frame(Kind.HELLO, data={"orgruntime": __version__, "ray": ray, "python": platform.python_version()})


def runs_here(asked: Mapping[str, Any]) -> Path:
    """Where runs lie on this machine: as asked, as ORGRUN_RUNS says, or in the user's home."""
    named = asked.get("runs") or os.environ.get("ORGRUN_RUNS")
    return Path(named).expanduser() if named else Path.home() / ".orgrun" / "runs"


def file_system(path: Path, mounts: str) -> str:
    """The type of the file system that holds a path, which need not exist, by the text of /proc/self/mountinfo."""
    best, kind = "", ""
    for line in mounts.splitlines():
        left, _, right = line.partition(" - ")
        fields = left.split()
        if len(fields) < 5 or not right:
            continue
        place = fields[4].encode().decode("unicode_escape")
        if path.is_relative_to(place) and len(place) >= len(best):
            best, kind = place, right.split()[0]
    return kind


def refuse_shared(runs: Path, mounts: str | None = None) -> None:
    """Raises UserError where the ledger cannot lie."""
    text = _mounts() if mounts is None else mounts
    kind = file_system(runs.absolute(), text)
    if kind.startswith(SHARED):
        raise UserError(
            f"runs would lie in {runs} on the head, which is {kind}, shared by several machines: a ledger needs a "
            "disk of its own; name a folder on one with --runs DIR, or set ORGRUN_RUNS on the head"
        )


def _mounts() -> str:
    try:
        return Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _probe(asked: Mapping[str, Any], say: Say) -> None:
    runs = runs_here(asked)
    if asked.get("starts"):
        refuse_shared(runs)
    keys = [name for name in asked.get("keys", ()) if os.environ.get(name)]
    fleet = fleet_of(ClusterChoice(address="auto")).model_dump(mode="json") if asked.get("fleet") else None
    names = sorted(path.name for path in runs.iterdir()) if runs.is_dir() else []
    data = {"runs": str(runs), "taken": names, "ids": [one.id for one in list_runs(runs)], "keys": keys, "fleet": fleet}
    say(Frame(Kind.ANSWER, data=data))


def _run(asked: Mapping[str, Any], say: Say) -> None:
    runs = runs_here(asked)
    refuse_shared(runs)
    options = RunOptions(seed=asked["seed"], run_id=asked["run_id"], runs=runs, cluster=_cluster(asked))
    _keep_the_pack_here()
    with opened_pack(Path(PACK)) as packed:
        status = start_packed(packed, options, _FrameView(say))
    say(_status(status))


def _resume(asked: Mapping[str, Any], say: Say) -> None:
    say(_status(resume_run(runs_here(asked), asked["run"], _cluster(asked), _FrameView(say))))


def _cluster(asked: Mapping[str, Any]) -> ClusterChoice:
    return ClusterChoice("auto", sandbox=asked["sandbox"], wait_s=asked["wait_s"])


def _fetch(asked: Mapping[str, Any], say: Say) -> None:
    """The report and the certificates, as files."""
    folder = find_run(runs_here(asked), asked["run"])
    paths = {f"report/{name}": path for name, path in write_report(folder).items()}
    paths |= {f"certificates/{path.name}": path for path in _certificates(folder)}
    for name, path in paths.items():
        text = base64.b64encode(path.read_bytes()).decode("ascii")
        for start in range(0, len(text), PIECE):
            say(Frame(Kind.FILE, text[start : start + PIECE], {"name": name}))
    say(Frame(Kind.ANSWER, data={"run": folder.id}))


_ANSWERS = {"probe": _probe, "run": _run, "resume": _resume, "fetch": _fetch}


def _certificates(folder: RunFolder) -> list[Path]:
    with folder.ledger() as ledger:
        return export_certificates(ledger, folder)


def _status(status: RunStatus) -> Frame:
    return Frame(Kind.STATUS, data=status.model_dump(mode="json"))


def _keep_the_pack_here() -> None:
    """The driver alone needs the folder of its job: without this, each process of the run on each node would wait for
    a copy of it."""
    try:
        config = json.loads(os.environ[_JOB_CONFIG])
        config["runtime_env"].pop("working_dir", None)
    except (KeyError, ValueError, TypeError, AttributeError):
        return
    os.environ[_JOB_CONFIG] = json.dumps(config)


class _FrameView(View):
    """Every event; the state now and then, when it has changed."""

    def __init__(self, say: Say, now: Callable[[], float] = time.monotonic) -> None:
        self._say, self._now = say, now
        self._at, self._said = 0.0, ""

    def event(self, event: RunEvent) -> None:
        self._say(Frame(Kind.EVENT, data=event.model_dump(mode="json")))

    def status(self, status: RunStatus) -> None:
        if self._said and self._now() - self._at < STATUS_S:
            return
        text = status.model_dump_json(exclude={"spend": {"wall_seconds"}})
        if text != self._said:
            self._at, self._said = self._now(), text
            self._say(_status(status))
