"""Ray's job server: commands on the head of a cluster, over HTTP, from any machine.

Works on Ray's own client, so that tokens, certificates and headers are those of `ray job`. Does not know runs.
Invariants: the address is the one that was asked for, whatever RAY_ADDRESS says; no environment variable is ever sent,
since the server shows a job's environment to all who may ask for it; a line of output is yielded once and whole, also
when the connection was lost in between.
"""

from __future__ import annotations

import asyncio
import logging
import os
import shlex
import time
import warnings
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from orgruntime.runtime.ports import Job, JobsError, JobState

T = TypeVar("T")
_STATES = {
    "PENDING": JobState.WAITING,
    "RUNNING": JobState.RUNNING,
    "SUCCEEDED": JobState.DONE,
    "FAILED": JobState.FAILED,
    "STOPPED": JobState.ENDED,
}
_TALKATIVE = ("dashboard.modules.dashboard_sdk", "dashboard.modules.job.sdk", "_private.runtime_env.packaging")
"""Loggers that tell on standard error what is uploaded and closed."""
_OVERRIDES = ("RAY_ADDRESS", "RAY_API_SERVER_ADDRESS")
"""What Ray's client prefers to the address that it is given."""
_LOST_S = 60.0
"""How long a connection that was lost is asked for again."""
_AGAIN_S = 1.0
_NOT_YET, _READY_S = "No available agent", 60.0
"""What a head says in the seconds after its start, in which it takes no job yet; how long it is asked again."""
_LONGEST = 300
"""Characters of Ray's own words in a sentence of ours."""


class RayJobs:
    """Implements `ports.Jobs` on `http://HEAD:8265`. Raises JobsError where nobody answers."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._client = _client(address)

    def submit(self, id: str, command: Sequence[str], marks: Mapping[str, str], folder: Path | None = None) -> None:
        options: dict[str, Any] = {"runtime_env": {"working_dir": str(folder)}} if folder else {}
        # The shell that Ray starts would hold back signals.
        entrypoint = f"exec {shlex.join(command)}"
        deadline = time.monotonic() + _READY_S
        while True:
            try:
                self._client.submit_job(submission_id=id, entrypoint=entrypoint, metadata=dict(marks), **options)
            except Exception as error:
                if _NOT_YET not in str(error) or time.monotonic() > deadline:
                    raise self._refused(error) from error
                time.sleep(_AGAIN_S)
            else:
                return

    def get(self, id: str) -> Job | None:
        try:
            return _job(self._client.get_job_info(id))
        except RuntimeError as error:
            if "404" in str(error):
                return None
            raise self._refused(error) from error
        except Exception as error:
            raise self._refused(error) from error

    def all(self) -> list[Job]:
        found = self._asked(self._client.list_jobs)
        return [_job(details) for details in found if details.submission_id]

    def output(self, id: str) -> Iterator[str]:
        yielded, lost_at = 0, 0.0
        while True:
            try:
                for number, line in enumerate(_lines(self._client.tail_job_logs(id))):
                    if number >= yielded:
                        yielded, lost_at = number + 1, 0.0
                        yield line
                job = self.get(id)
                if job is not None and job.state.is_over:
                    return
            except Exception as error:
                lost_at = lost_at or time.monotonic()
                if not _is_lost(error) or time.monotonic() - lost_at > _LOST_S:
                    raise self._refused(error) from error
            if self._is_unknown(id):
                raise JobsError(f"the job server at {self._address} knows no job {id}")
            time.sleep(_AGAIN_S)

    def _is_unknown(self, id: str) -> bool:
        """False while the server is away."""
        try:
            return self.get(id) is None
        except JobsError:
            return False

    def end(self, id: str) -> None:
        self._asked(lambda: self._client.stop_job(id))

    def forget(self, id: str) -> None:
        try:
            self._client.delete_job(id)
        except RuntimeError:
            return
        except Exception as error:
            raise self._refused(error) from error

    def _asked(self, call: Callable[[], T]) -> T:
        try:
            return call()
        except Exception as error:
            raise self._refused(error) from error

    def _refused(self, error: Exception) -> JobsError:
        if isinstance(error, JobsError):
            return error
        return JobsError(_sentence(self._address, error))


def _client(address: str) -> Any:
    try:
        import aiohttp  # noqa: F401  # Without it Ray's client is there and cannot be made.
        import ray
        from ray.job_submission import JobSubmissionClient
    except ImportError as error:
        raise JobsError(
            f"jobs on {address} need Ray's client for them, and it is not installed: pip install 'orgruntime[jobs]'"
        ) from error
    if not ray.is_initialized():
        # Whoever imported Ray before us may have had another mode or token; both are read once.
        ray._raylet.Config.initialize("")
        ray._raylet.AuthenticationTokenLoader.instance().reset_cache()
    for name in _TALKATIVE:
        logging.getLogger(f"ray.{name}").setLevel(logging.ERROR)
    try:
        with _without(_OVERRIDES):
            return JobSubmissionClient(address)
    except Exception as error:
        raise JobsError(_sentence(address, error)) from error


@contextmanager
def _without(names: Sequence[str]) -> Iterator[None]:
    before = {name: os.environ.pop(name) for name in names if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(before)


def _job(details: Any) -> Job:
    state = _STATES.get(str(getattr(details.status, "value", details.status)), JobState.FAILED)
    return Job(str(details.submission_id), state, str(details.message or ""), dict(details.metadata or {}))


def _lines(chunks: AsyncGenerator[str, None]) -> Iterator[str]:
    """Whole lines of a stream of pieces, without their ends; the stream is closed when nobody reads on."""
    rest = ""
    with asyncio.Runner() as runner:
        try:
            while (piece := runner.run(_next(chunks))) is not None:
                *whole, rest = (rest + piece).split("\n")
                yield from whole
            if rest:
                yield rest
        finally:
            runner.run(_closed(chunks))


async def _next(chunks: AsyncGenerator[str, None]) -> str | None:
    with warnings.catch_warnings():
        # Ray's client says `ssl=None` to newer versions of aiohttp.
        warnings.simplefilter("ignore", DeprecationWarning)
        return await anext(chunks, None)


async def _closed(chunks: AsyncGenerator[str, None]) -> None:
    await chunks.aclose()
    # What the connection left to be done in the loop.
    left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    if left:
        await asyncio.wait(left, timeout=1)


def _is_lost(error: Exception) -> bool:
    """Whether the connection is at fault, which may come back."""
    kinds = (OSError, RuntimeError, TimeoutError, JobsError)
    return isinstance(error, kinds) or type(error).__module__.startswith("aiohttp")


def _sentence(address: str, error: Exception) -> str:
    cause = " ".join(str(error).split())[:_LONGEST] or type(error).__name__
    kind = type(error).__name__
    if kind == "AuthenticationError":
        return (
            f"the job server at {address} wants Ray's token, or another one: set RAY_AUTH_MODE=token and "
            "RAY_AUTH_TOKEN_PATH to a file with the cluster's token"
        )
    if isinstance(error, ConnectionError | OSError) or "ConnectionError" in kind:
        return (
            f"no job server answers at {address} ({cause}): the address is that of Ray's dashboard, usually "
            "http://HEAD:8265; the head needs ray[default], and from another machine a tunnel, as in "
            "`ssh -N -L 8265:127.0.0.1:8265 HEAD`"
        )
    return f"the job server at {address} refuses: {cause}"
