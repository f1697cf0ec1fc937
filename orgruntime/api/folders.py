"""Where runs live: `<runs>/<id>/` with manifest.json, plan.json, ledger.db, graph.db, workspace.git, certificates/,
logs/, steps/ and report/.

Invariant: a folder is a run when it holds a manifest and a ledger; anything else is named as what it is.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from orgruntime.api.errors import UserError
from orgruntime.ledger.store import Ledger, LedgerError
from orgruntime.model.base import digest
from orgruntime.model.manifest import Manifest

DEFAULT_RUNS = Path(".orgrun/runs")
LOCK = "run.lock"
_MADE_FIRST = {LOCK, "manifest.json", "plan.json", "org.json", "org", "workspace.git"}
"""What a start makes before the ledger; an unfinished ledger is `.ledger.db…`."""
_LOOKS, _LOOK_S = 10, 0.02
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")


class RunFolder:
    """Paths of one run. Nothing is read or made until asked."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def id(self) -> str:
        return self.path.name

    @property
    def manifest_file(self) -> Path:
        return self.path / "manifest.json"

    @property
    def plan_file(self) -> Path:
        return self.path / "plan.json"

    @property
    def ledger_file(self) -> Path:
        return self.path / "ledger.db"

    @property
    def activity_file(self) -> Path:
        """What the roles do now, as long as a driver lives."""
        return self.path / "activity.json"

    @property
    def graph_file(self) -> Path:
        return self.path / "graph.db"

    @property
    def git_dir(self) -> Path:
        return self.path / "workspace.git"

    @property
    def certificates(self) -> Path:
        return self.path / "certificates"

    @property
    def outcomes(self) -> Path:
        return self.path / "outcomes"

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def org_file(self) -> Path:
        """Where the org's folder was when the run was started; for what an org brings along beside its markdown."""
        return self.path / "org.json"

    @property
    def steps(self) -> Path:
        """Transcripts of the steps of language models."""
        return self.path / "steps"

    @property
    def report(self) -> Path:
        return self.path / "report"

    def manifest(self) -> Manifest:
        """Raises UserError when it is missing or of another version."""
        try:
            return Manifest.model_validate_json(self.manifest_file.read_bytes())
        except OSError as error:
            raise UserError(
                f"{self.path} is not a run: it holds no readable manifest.json ({error.strerror})"
            ) from error
        except ValueError as error:
            raise UserError(f"{self.manifest_file} is damaged or of another version of orgruntime") from error

    def manifest_hash(self) -> str:
        """Of the file as it is now, whatever it says of itself."""
        found = json.loads(self.manifest_file.read_bytes())
        return digest({name: value for name, value in found.items() if name != "hash"})

    def org_folder(self) -> str:
        """The org's folder; empty where it is not known."""
        try:
            return str(json.loads(self.org_file.read_bytes())["folder"])
        except (OSError, ValueError, KeyError, TypeError):
            return ""

    def ledger(self, *, write: bool = False) -> Ledger:
        """Raises UserError when there is none that can be read."""
        try:
            return Ledger.open(self.ledger_file) if write else Ledger.open_readonly(self.ledger_file)
        except LedgerError as error:
            raise UserError(str(error)) from error

    @contextmanager
    def driving(self) -> Iterator[None]:
        """Holds the run's lock: one driver a run. The kernel frees it when the driver dies, however it dies."""
        handle = os.open(self.path / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if not _locked(handle):
                pid = os.pread(handle, 32, 0).decode(errors="replace").strip() or "unknown"
                raise UserError(
                    f"run {self.id} has a driver already (process {pid}); watch it with `orgrun status {self.id}`, "
                    f"or end it with `orgrun stop {self.id}`"
                )
            os.ftruncate(handle, 0)
            os.pwrite(handle, str(os.getpid()).encode(), 0)
            # An earlier driver that was killed left its own.
            self.activity_file.unlink(missing_ok=True)
            yield
        finally:
            os.close(handle)

    def clear_away(self) -> None:
        """Removes what a start that was cut off had made. To be called under the lock. Raises UserError for a run."""
        if self.ledger_file.exists():
            raise _taken(self.path)
        for path in self.path.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path.name != LOCK:
                path.unlink()

    def forget_threads(self) -> None:
        """Removes the state of the inquiries' threads: nothing goes on in a run that is over."""
        for end in ("", "-wal", "-shm"):
            Path(f"{self.graph_file}{end}").unlink(missing_ok=True)

    def has_driver(self) -> bool:
        """Whether some process holds the run's lock."""
        try:
            handle = os.open(self.path / LOCK, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(handle)
        return False


def _locked(handle: int) -> bool:
    """Whether the lock is ours now. Who only looks for a driver (`has_driver`) holds it too, for an instant: that is
    no driver, and is waited out."""
    for _ in range(_LOOKS):
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_LOOK_S)
        else:
            return True
    return False


def new_folder(runs: Path, org: str, wanted: str | None) -> RunFolder:
    """A fresh folder `<org>-<n>`, or the wanted id. Raises UserError for an id that is taken or unusable."""
    if wanted is not None and not _ID.fullmatch(wanted):
        raise UserError(f"run id {wanted!r} cannot name a folder: use letters, digits, `.`, `_` and `-`, at most 80")
    try:
        runs.mkdir(parents=True, exist_ok=True)
        if wanted is not None:
            return RunFolder(_made(runs / wanted))
        number = 1
        while (runs / f"{org}-{number}").exists():
            number += 1
        return RunFolder(_made(runs / f"{org}-{number}"))
    except OSError as error:
        raise UserError(f"{runs} cannot be written ({error.strerror}); choose another place with --runs DIR") from error


def _made(path: Path) -> Path:
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        if _was_cut_off(path):
            return path
        raise _taken(path) from None
    return path


def _taken(path: Path) -> UserError:
    return UserError(
        f"run id {path.name} is used already ({path}); go on with it by `orgrun resume {path.name}`, or choose another"
    )


def _was_cut_off(path: Path) -> bool:
    """Whether a start made this folder and was killed before the folder became a run."""
    return path.is_dir() and all(
        found.name in _MADE_FIRST or found.name.startswith(".ledger.db") for found in path.iterdir()
    )


def find_run(runs: Path, name: str | None) -> RunFolder:
    """The run with that id or path; without a name, the newest. Raises UserError, with the near ids."""
    if name is None:
        known = list_runs(runs)
        if not known:
            raise UserError(f"there is no run in {runs}; start one with `orgrun run ORG`")
        return known[-1]
    for path in (Path(name), runs / name):
        if (path / "manifest.json").is_file() or (path / "ledger.db").is_file():
            return RunFolder(path)
    known_ids = [folder.id for folder in list_runs(runs)]
    there = f"there are: {', '.join(known_ids[-5:])}" if known_ids else "there is none; start one with `orgrun run ORG`"
    raise UserError(f"there is no run {name!r} in {runs} ({there})")


def list_runs(runs: Path) -> list[RunFolder]:
    """Every run, oldest first."""
    if not runs.is_dir():
        return []
    found = [RunFolder(path) for path in runs.iterdir() if (path / "ledger.db").is_file()]
    return sorted(found, key=lambda folder: (folder.ledger_file.stat().st_ctime_ns, folder.id))
