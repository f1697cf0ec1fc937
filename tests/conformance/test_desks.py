"""Both kinds of desk keep the promises of the port, for species that answer in one go and for language models; actors
also survive their own deaths."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from orgruntime.backends import ray_offices
from orgruntime.backends.local_desks import LocalDesks
from orgruntime.backends.office import DeskOptions
from orgruntime.backends.ray_cluster import connect
from orgruntime.backends.ray_desks import RayDesks
from orgruntime.model.ids import RoleSlug
from orgruntime.model.step import Answer, Ask
from orgruntime.runtime.ports import Desks, ExecutorError, StepError
from orgruntime.testing.conformance.benches import (
    DONE,
    BenchConformance,
    Driver,
    edit,
    pack,
    thinking,
    worktrees_with,
)
from orgruntime.testing.conformance.desks import SPECIES, DesksConformance, request
from orgruntime.testing.scripted_models import uses_tool


class TestLocalDesks(DesksConformance, BenchConformance):
    @pytest.fixture
    async def desks(self) -> AsyncIterator[Desks]:
        desks = LocalDesks(SPECIES)
        yield desks
        await desks.close()

    @pytest.fixture
    async def thinkers(self) -> AsyncIterator[Desks]:
        desks = LocalDesks(pack=pack)
        yield desks
        await desks.close()


def test_desks_refuse_a_lookup_that_does_not_exist() -> None:
    for where in ("orgruntime.backends.nowhere:x", "orgruntime.backends.species:nothing", "", "x"):
        with pytest.raises(StepError, match="cannot be looked up"):
            LocalDesks(where)
        with pytest.raises(StepError, match="cannot be looked up"):
            RayDesks(where)


async def test_without_a_cluster_a_step_is_an_error_and_starts_none() -> None:
    import ray

    if ray.is_initialized():
        pytest.skip("other tests have a cluster up")
    with pytest.raises(ExecutorError, match="cluster of this run is gone"):
        await RayDesks(SPECIES).step(request("echo"))
    assert not ray.is_initialized()


SECRET = "sk-secret-of-the-driver"


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    import ray

    if ray.is_initialized():
        yield
        return
    with pytest.MonkeyPatch.context() as patch:
        # Workers inherit what the driver had when it started Ray.
        patch.setenv("SOME_API_KEY", SECRET)
        patch.setenv("MY_MODEL", SECRET)
        # As a run starts it: Ray reads its mode of authentication once a process, and other tests share this one.
        cluster = connect(None, cpus=2, keys=("MY_MODEL",))
        yield
        cluster.close()


@pytest.fixture(scope="module")
def workers() -> Iterator[list[Any]]:
    """An actor costs more than a second of work to start, so that tests pass on those that are alive."""
    import ray

    alive: list[Any] = []
    yield alive
    for worker in alive:
        ray.kill(worker.actor)


@pytest.mark.ray
@pytest.mark.slow(120)
@pytest.mark.usefixtures("cluster")
class TestRayDesks(DesksConformance):
    @pytest.fixture
    async def desks(self, workers: list[Any]) -> Desks:
        desks = RayDesks(SPECIES)
        desks._pool._workers = workers
        return desks

    async def test_desks_share_a_process_that_is_not_the_drivers(self, desks: Desks) -> None:
        steps = [request("whereabouts", desk=desk) for desk in range(8)]
        pids = {(await desks.step(step)).body["pid"] for step in steps}
        assert len(pids) == 1
        assert os.getpid() not in pids

    async def test_a_step_survives_the_death_of_its_desk(self, desks: Desks, tmp_path: Path) -> None:
        reply = await desks.step(request("die once", idea=str(tmp_path / "died")))
        assert (tmp_path / "died").exists()
        assert (await desks.step(request("whereabouts"))).body["pid"] == reply.body["pid"]

    async def test_a_step_that_kills_every_desk_is_asked_twice_and_no_more(self, desks: Desks, tmp_path: Path) -> None:
        with pytest.raises(StepError, match="died twice") as caught:
            await desks.step(request("die", idea=str(tmp_path / "deaths")))
        assert caught.value.retry
        assert (tmp_path / "deaths").read_text().count("died") == 2
        assert (await desks.step(request("decline"))).declined == "not today"

    async def test_a_desk_that_hangs_is_replaced(self, workers: list[Any], tmp_path: Path) -> None:
        desks = RayDesks(SPECIES, limit_s=120)
        desks._pool._workers = workers
        first = (await desks.step(request("whereabouts"))).body["pid"]
        desks._pool.limit_s = 0.5
        with pytest.raises(StepError, match=r"no answer within 0\.5 s") as caught:
            await desks.step(request("wait for", idea=str(tmp_path / "never")))
        assert caught.value.retry
        desks._pool.limit_s = 120
        assert (await desks.step(request("whereabouts"))).body["pid"] != first

    async def test_warming_starts_a_desk_without_waiting(self) -> None:
        desks = RayDesks()
        try:
            for desk in range(2):
                desks.warm(RoleSlug("tuner"), desk, ("search/random", "search/nothing")[desk])
            program = {"train.py": "RATE = 0.1\n"}
            replies = await asyncio.gather(
                *(desks.step(request("search/random", desk=n, files=program)) for n in range(2))
            )
            assert {reply.type for reply in replies} == {"proposal"}
        finally:
            await desks.close()

    async def test_closing_twice_is_closing_once(self) -> None:
        """And it ends the processes. With desks of its own, so that the others go on."""
        desks = RayDesks(SPECIES)
        pid = (await desks.step(request("whereabouts"))).body["pid"]
        await super().test_closing_twice_is_closing_once(desks)
        for _ in range(1200):
            if not Path(f"/proc/{pid}").exists():
                return
            await asyncio.sleep(0.1)
        pytest.fail(f"the desk's process {pid} is still there")


@pytest.fixture(scope="module")
def offices() -> list[ray_offices._Office]:
    """An office costs seconds to start, so that the tests below pass one on."""
    return []


@pytest.mark.ray
@pytest.mark.usefixtures("cluster")
class TestRayOffices(BenchConformance):
    @pytest.fixture
    async def thinkers(self, offices: list[ray_offices._Office]) -> AsyncIterator[Desks]:
        desks = RayDesks(pack=pack)
        desks._offices._offices = list(offices)
        yield desks
        offices[:] = desks._offices._offices

    async def test_a_step_that_loses_its_office_begins_anew(self, mark: str) -> None:
        """With the same questions; what was answered is not asked of anyone again, and nothing of the old one stays."""
        desks = RayDesks(pack=pack)
        killed: list[Path] = []

        async def kills(ask: Ask) -> Answer | None:
            if ask.n == 3 and not killed:
                killed.append(worktrees_with(mark)[0])
                for pid in await office_pids(desks):
                    os.kill(pid, signal.SIGKILL)
            return None

        try:
            driver = Driver(edit("0.1", mark), uses_tool("Glob", pattern="*"), DONE, first=kills)
            reply = await desks.step(thinking(), driver.serve)
            assert mark in reply.files["train.py"]
            begun = [at for at, ask in enumerate(driver.asked) if ask.n == 0]
            assert begun == [0, 5], "the next question, which is sure to follow, was answered along with the last"
            assert [ask.n for ask in driver.asked[5:]] == list(range(8))
            assert driver.asked[5:10] == driver.asked[:5]
            for _ in range(1200):
                if not killed[0].parents[3].exists():
                    break
                await asyncio.sleep(0.1)
            else:
                pytest.fail("the killed office's folder is still there")
        finally:
            await desks.close()

    async def test_a_step_that_kills_every_office_is_given_up(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(ray_offices, "BEGINNINGS", 1)
        desks = RayDesks(pack=pack)
        begun = 0

        async def kills(ask: Ask) -> Answer:
            nonlocal begun
            begun += 1
            for pid in await office_pids(desks):
                os.kill(pid, signal.SIGKILL)
            return Answer(reply=DONE)

        try:
            with pytest.raises(StepError, match="was lost 1 times at one step") as caught:
                await desks.step(thinking(), kills)
            assert caught.value.retry
            assert begun == 1
        finally:
            await desks.close()

    async def test_an_office_has_no_key_and_ends_with_its_desks(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Not in the environment, and not in the one that its process began with, which it shows for ever."""
        if os.environ.get("SOME_API_KEY") != SECRET:
            pytest.skip("other tests have started the cluster")
        monkeypatch.setattr(ray_offices, "SEATS", 1)
        desks = RayDesks(pack=pack, options=DeskOptions(keys=("MY_MODEL",)))
        try:
            for desk in range(2):
                desks.warm(RoleSlug("tuner"), desk, "claude-opus-5-5")
            assert len(desks._offices._offices) == 2
            for office in desks._offices._offices:
                seen = await office.actor.open.remote()
                assert SECRET not in seen.values()
                assert "RAY_AUTH_TOKEN_PATH" in seen
            pids = await office_pids(desks)
            assert len(set(pids)) == 2
            for pid in pids:
                assert SECRET.encode() not in Path(f"/proc/{pid}/environ").read_bytes()
        finally:
            await desks.close()
        for _ in range(1200):
            if not any(Path(f"/proc/{pid}").exists() for pid in pids):
                return
            await asyncio.sleep(0.1)
        pytest.fail("an office outlived its desks")

    async def test_a_key_that_the_cluster_was_not_told_of_starts_no_office(self) -> None:
        desks = RayDesks(pack=pack, options=DeskOptions(keys=("PATH",)))
        with pytest.raises(StepError, match="started without knowing that PATH is a key"):
            desks.warm(RoleSlug("tuner"), 0, "claude-opus-5-5")


async def office_pids(desks: RayDesks) -> list[int]:
    return [(await office.actor.__ray_call__.remote(lambda _: os.getpid())) for office in desks._offices._offices]
