"""A desk that dies alone is replaced; one that dies with its cluster says that the cluster is gone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.ray

LOST = """
import asyncio, os, signal, sys
from orgruntime.backends.ray_cluster import connect
from orgruntime.runtime.ports import ExecutorError
from orgruntime.testing.conformance.desks import SPECIES, request
cluster = connect(None, cpus=1)
sys.path.insert(0, {here!r})
from test_ray_executor import with_mark
from orgruntime.backends.ray_desks import RayDesks
async def main():
    desks = RayDesks(SPECIES)
    desk = (await desks.step(request("whereabouts"))).body["pid"]
    for pid in with_mark(str(cluster.folder)):
        if b"raylet/raylet" in open(f"/proc/{{pid}}/cmdline", "rb").read():
            os.kill(pid, signal.SIGKILL)
    os.kill(desk, signal.SIGKILL)
    for _ in range(2):
        try:
            await desks.step(request("decline"))
        except ExecutorError as error:
            print("said:", error, flush=True)
    await desks.close()
asyncio.run(main())
cluster.close()
"""


def test_a_desk_that_is_lost_with_its_raylet_blames_the_cluster_each_time() -> None:
    code = LOST.format(here=str(Path(__file__).parent))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=200, check=False)
    assert done.stdout.count("said: the Ray cluster of this run is gone") == 2, (
        done.stdout[-2000:] + done.stderr[-2000:]
    )
    assert done.returncode == 0, done.stderr
