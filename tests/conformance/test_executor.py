"""The fake and the real executor keep the promises of the port."""

from __future__ import annotations

import asyncio
import io
import tarfile
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from orgruntime.backends.ray_executor import ClusterOptions, RayExecutor, TrialOptions
from orgruntime.model.ids import TreeId
from orgruntime.model.trial import Ending, TrialOutcome, TrialSpec
from orgruntime.runtime.ports import Executor
from orgruntime.testing.conformance.executor import FAILS, POINTS, SLEEPS, TALKS, ExecutorConformance
from orgruntime.testing.inline_executor import InlineExecutor


def pack(tree: TreeId) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for path in ("eval.py", "train.py"):
            member = tarfile.TarInfo(path)
            member.size = 8
            tar.addfile(member, io.BytesIO(b"print(1)"))
    return stream.getvalue()


async def play(spec: TrialSpec) -> TrialOutcome:
    if spec.argv == SLEEPS:
        await asyncio.sleep(spec.time_limit_s)
        return TrialOutcome(attempt=spec.attempt, ending=Ending.TIMEOUT, wall_s=spec.time_limit_s)
    said, code = ("hello\n", 3) if spec.argv == FAILS else ("", 0)
    return TrialOutcome(attempt=spec.attempt, ending=Ending.EXITED, exit_code=code, wall_s=0.1, output=said)


class TestInlineExecutor(ExecutorConformance):
    @pytest.fixture(params=[1, 2], ids=["one node", "two nodes"])
    async def executor(self, request: pytest.FixtureRequest) -> AsyncIterator[Executor]:
        async def talk(spec: TrialSpec) -> TrialOutcome:
            if spec.argv == TALKS:
                executor.tell(spec.attempt, *POINTS[:2])
                executor.tell(spec.attempt, POINTS[2])
                await asyncio.sleep(600)
            return await play(spec)

        executor = InlineExecutor(talk, nodes=request.param)
        await executor.start()
        yield executor
        await executor.close()

    async def test_a_script_that_fails_is_an_infrastructure_failure(self) -> None:
        from orgruntime.testing.conformance.executor import attempt, collect

        def broken(spec: TrialSpec) -> TrialOutcome:
            raise RuntimeError("no")

        executor = InlineExecutor(broken)
        executor.submit([attempt()])
        (outcome,) = await collect(executor, 1)
        assert outcome.ending is Ending.INFRASTRUCTURE


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cluster() -> AsyncIterator[Executor]:
    executor = RayExecutor(ClusterOptions(cpus=4), pack, TrialOptions(editable=("train.py",)))
    await executor.start()
    yield executor
    await executor.close()


@pytest.mark.ray
@pytest.mark.asyncio(loop_scope="module")
class TestRayExecutor(ExecutorConformance):
    @pytest.fixture
    def executor(self, cluster: Executor) -> Executor:
        return cluster
