"""A run of gangs on a cluster of others: a node goes under them and comes back, and at last the head is gone. Nothing
is lost by it, and no idea is blamed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from chaos_run import ChaosRun, unblamed, until
from small_cluster import SmallCluster

from orgruntime.model.trial import Ending

pytestmark = [pytest.mark.ray, pytest.mark.slow(180)]


TOGETHER = """\
import os, random, socket, sys, time
A = 0.5  # 0.0 .. 1.0
B = 0.5  # 0.0 .. 1.0
seed = sys.argv[sys.argv.index("--seed") + 1]
place = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
if os.environ["NODE_RANK"] == "1":
    while True:
        try:
            peer = socket.create_connection(place)
            break
        except OSError:
            time.sleep(0.01)
    time.sleep({sleep})
    peer.send(b"done")
    sys.exit()
with socket.create_server(place) as server:
    assert server.accept()[0].recv(4) == b"done", "the other rank fell silent"
print("---")
print(f"loss: {{(A - 0.8) ** 2 + (B - 0.2) ** 2 + 1 + random.Random(f'{{seed}} {{A}} {{B}}').gauss(0, 0.01):.6f}}")
"""
"""Both ranks are needed to the end, and one whose peer is lost fails at once."""


@pytest.fixture
def cluster() -> Iterator[SmallCluster]:
    made = SmallCluster()
    yield made
    made.close()


def notices(run: ChaosRun) -> list[str]:
    lines = [json.loads(line) for line in run.output().splitlines() if line.startswith("{")]
    return [line["text"] for line in lines if line.get("event") == "notice"]


@pytest.mark.timeout(600)
def test_a_run_waits_for_nodes_that_went_and_is_resumed_when_the_head_did(
    tmp_path: Path, cluster: SmallCluster
) -> None:
    run = ChaosRun(tmp_path, joins=cluster.environment, nodes=2, desks=2, train=TOGETHER, sleep=0.6, trials=60)
    (head,) = cluster.nodes
    try:
        node, other = cluster.add_node(), cluster.add_node()
        run.go()
        assert until(lambda: run.running() > 1 and run.settled() > 5), run.output()[-3000:] + cluster.log()
        cluster.lose(node)
        waits = "for a node: it spans 2 nodes, and 1 hold"
        assert until(lambda: any(waits in text for text in notices(run))), run.output()[-3000:]
        assert not run.ended()
        settled = run.settled()
        node = cluster.add_node()
        assert until(lambda: run.settled() > settled + 3), run.output()[-3000:] + cluster.log()
        with run.ledger() as ledger:
            assert ledger is not None
            lost = [row for row in ledger.events(limit=1_000_000) if row.body.get("ending") == Ending.INFRASTRUCTURE]
        assert lost, "no gang was hit: the node went between two trials"
        for gone in (head, node, other):
            cluster.lose(gone)
        assert run.wait() == 1, run.output()[-3000:]
        assert "Traceback" not in run.output()
        assert "orgrun resume r" in run.output().splitlines()[-1], run.output()
        cluster.add_head()
        cluster.add_node()
        cluster.add_node()
        run.go()
        assert run.wait() == 0, run.output()[-3000:] + cluster.log()
        unblamed(run)
    finally:
        run.clean_up()
