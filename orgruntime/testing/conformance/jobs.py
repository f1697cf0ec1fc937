"""What every `ports.Jobs` must do. Inherit `JobsConformance` and give the fixture `jobs`.

Works through the port alone, with commands that any shell runs. Does not know where they run. Each job costs seconds on
a real cluster, so a test asks for several things.
"""

from __future__ import annotations

import time
import uuid
from pathlib import Path

import pytest

from orgruntime.runtime.ports import Job, Jobs, JobsError, JobState

PATIENCE_S = 60.0


def fresh() -> str:
    """An id that no job had."""
    return f"conformance-{uuid.uuid4().hex[:8]}"


def over(jobs: Jobs, id: str) -> Job:
    """The job, once it is over."""
    deadline = time.monotonic() + PATIENCE_S
    while (job := jobs.get(id)) is None or not job.state.is_over:
        assert time.monotonic() < deadline, f"job {id} is never over"
        time.sleep(0.1)
    return job


class JobsConformance:
    """Subclasses override the fixture `jobs`."""

    @pytest.fixture
    def jobs(self) -> Jobs:
        raise NotImplementedError

    def test_a_job_runs_where_its_folder_lies_and_is_heard_line_by_line(self, jobs: Jobs, tmp_path: Path) -> None:
        (tmp_path / "pack").write_text("packed\n", encoding="utf-8")
        (tmp_path / ".hidden").write_text("too\n", encoding="utf-8")
        id = fresh()
        # A server may write a line of its own while the command starts, and a busy one writes it late.
        says = "sleep 4; cat pack .hidden; echo 'a  b'; echo \"$0\" >&2; printf last"
        jobs.submit(id, ["sh", "-c", says, "it's `me`"], {"orgrun": "test"}, tmp_path)
        lines = list(jobs.output(id))
        assert lines[-5:] == ["packed", "too", "a  b", "it's `me`", "last"]
        job = over(jobs, id)
        assert (job.state, dict(job.marks)["orgrun"]) == (JobState.DONE, "test")
        assert id in {one.id for one in jobs.all()}
        with pytest.raises(JobsError):
            jobs.submit(id, ["true"], {})
        assert list(jobs.output(id))[-5:] == lines[-5:]
        jobs.end(id)
        jobs.forget(id)
        assert jobs.get(id) is None

    def test_a_job_that_fails_says_so_and_one_that_is_not_there_is_none(self, jobs: Jobs) -> None:
        id = fresh()
        jobs.submit(id, ["sh", "-c", "echo oh; exit 3"], {})
        assert "oh" in list(jobs.output(id))
        assert over(jobs, id).state is JobState.FAILED
        assert jobs.get(fresh()) is None
        jobs.forget(fresh())
        with pytest.raises(JobsError):
            list(jobs.output(fresh()))

    def test_a_job_goes_on_unheard_until_it_is_ended(self, jobs: Jobs) -> None:
        id = fresh()
        jobs.submit(id, ["sh", "-c", "echo up; exec sleep 600"], {})
        heard = jobs.output(id)
        assert "up" in heard
        heard.close()  # type: ignore[attr-defined]  # Every output is a generator.
        job = jobs.get(id)
        assert job is not None
        assert job.state is JobState.RUNNING
        jobs.forget(id)
        assert jobs.get(id) is not None
        jobs.end(id)
        assert over(jobs, id).state is JobState.ENDED
