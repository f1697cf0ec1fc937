"""The fake job server keeps the promises of the port. The real one: tests/functional/test_far_runs.py."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from orgruntime.runtime.ports import Jobs
from orgruntime.testing.conformance.jobs import JobsConformance
from orgruntime.testing.local_jobs import LocalJobs


class TestLocalJobs(JobsConformance):
    @pytest.fixture
    def jobs(self, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jobs]:
        jobs = LocalJobs(tmp_path_factory.mktemp("jobs"))
        yield jobs
        jobs.close()
