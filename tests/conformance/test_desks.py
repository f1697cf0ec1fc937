"""Both kinds of desk keep the promises of the port; actors also survive their own deaths."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from orgruntime.backends.local_desks import LocalDesks
from orgruntime.backends.ray_cluster import connect
from orgruntime.backends.ray_desks import RayDesks
from orgruntime.model.ids import RoleSlug
from orgruntime.runtime.ports import Desks, StepError
from orgruntime.testing.conformance.desks import SPECIES, DesksConformance, request


class TestLocalDesks(DesksConformance):
    @pytest.fixture
    async def desks(self) -> AsyncIterator[Desks]:
        desks = LocalDesks(SPECIES)
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
    with pytest.raises(StepError, match="cluster is gone"):
        await RayDesks(SPECIES).step(request("echo"))
    assert not ray.is_initialized()


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    import ray

    if ray.is_initialized():
        yield
        return
    # As a run starts it: Ray reads its mode of authentication once a process, and other tests share this one.
    cluster = connect(None, cpus=2)
    yield
    cluster.close()


@pytest.mark.ray
@pytest.mark.usefixtures("cluster")
class TestRayDesks(DesksConformance):
    @pytest.fixture
    async def desks(self) -> AsyncIterator[Desks]:
        desks = RayDesks(SPECIES)
        yield desks
        await desks.close()

    async def test_a_desk_is_a_process_of_its_own_and_keeps_it(self, desks: Desks) -> None:
        steps = [request("whereabouts", desk=desk) for desk in (0, 1, 0)]
        pids = [(await desks.step(step)).body["pid"] for step in steps]
        assert pids[0] == pids[2]
        assert len({*pids, os.getpid()}) == 3

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

    async def test_a_desk_that_hangs_is_replaced(self, tmp_path: Path) -> None:
        desks = RayDesks(SPECIES, limit_s=10)
        try:
            first = (await desks.step(request("whereabouts"))).body["pid"]
            desks._limit_s = 0.5
            with pytest.raises(StepError, match=r"no answer within 0\.5 s") as caught:
                await desks.step(request("wait for", idea=str(tmp_path / "never")))
            assert caught.value.retry
            desks._limit_s = 60
            assert (await desks.step(request("whereabouts"))).body["pid"] != first
        finally:
            await desks.close()

    async def test_warming_starts_a_desk_without_waiting(self) -> None:
        desks = RayDesks()
        try:
            for desk in range(2):
                desks.warm(RoleSlug("tuner"), desk, "search/random")
            desks.warm(RoleSlug("tuner"), 2, "search/nothing")
            program = {"train.py": "RATE = 0.1\n"}
            replies = await asyncio.gather(
                *(desks.step(request("search/random", desk=n, files=program)) for n in range(3))
            )
            assert {reply.type for reply in replies} == {"proposal"}
        finally:
            await desks.close()

    async def test_closing_ends_the_processes(self) -> None:
        desks = RayDesks(SPECIES)
        pid = (await desks.step(request("whereabouts"))).body["pid"]
        await desks.close()
        for _ in range(300):
            if not Path(f"/proc/{pid}").exists():
                return
            await asyncio.sleep(0.1)
        pytest.fail(f"the desk's process {pid} is still there")
