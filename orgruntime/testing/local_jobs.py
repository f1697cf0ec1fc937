"""A job server on this machine: every job is a process here. For tests of what submits jobs and reads their output.

`ending` of a process group, ids and marks are as on a cluster. `played` says what is run instead of a command.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from orgruntime.runtime.ports import Job, JobsError, JobState

_LOOK_S = 0.02


class LocalJobs:
    """Implements `ports.Jobs`. `close` kills what still runs."""

    def __init__(self, folder: Path, played: Callable[[Sequence[str]], Sequence[str]] = tuple) -> None:
        self._folder, self._played = folder, played
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._marks: dict[str, Mapping[str, str]] = {}
        self._ended: set[str] = set()

    def submit(self, id: str, command: Sequence[str], marks: Mapping[str, str], folder: Path | None = None) -> None:
        if id in self._marks:
            raise JobsError(f"there is a job {id} already")
        place = self._folder / id / "folder"
        if folder is None:
            place.mkdir(parents=True)
        else:
            shutil.copytree(folder, place)
        words = [sys.executable if word == "python" else word for word in self._played(command)]
        with (self._folder / id / "log").open("wb") as log:
            self._processes[id] = subprocess.Popen(
                words, cwd=place, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )
        self._marks[id] = dict(marks)

    def get(self, id: str) -> Job | None:
        process = self._processes.get(id)
        if process is None:
            return None
        code = process.poll()
        state = JobState.RUNNING if code is None else JobState.FAILED if code else JobState.DONE
        state = JobState.ENDED if state is not JobState.RUNNING and id in self._ended else state
        return Job(id, state, f"exit code {code}", self._marks[id])

    def all(self) -> list[Job]:
        return [job for job in map(self.get, self._processes) if job is not None]

    def output(self, id: str) -> Iterator[str]:
        if id not in self._processes:
            raise JobsError(f"there is no job {id}")
        with (self._folder / id / "log").open(encoding="utf-8", errors="replace") as log:
            rest, over = "", False
            while True:
                *lines, rest = (rest + log.read()).split("\n")
                yield from lines
                if over:
                    break
                over = self._processes[id].poll() is not None
                if not over:
                    time.sleep(_LOOK_S)
        if rest:
            yield rest

    def end(self, id: str) -> None:
        process = self._processes.get(id)
        if process is not None and process.poll() is None:
            self._ended.add(id)
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def forget(self, id: str) -> None:
        job = self.get(id)
        if job is not None and job.state.is_over:
            del self._processes[id]

    def close(self) -> None:
        for id in self._processes:
            self.end(id)
