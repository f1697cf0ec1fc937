"""Trials on Ray: the `Executor` port over one agent actor a lease.

Works on attempts, shapes and outcomes; does not know proposals, metrics or budgets. An agent holds its lease of one
node and runs trials back to back under it, which costs a tenth of what an actor a trial does. Invariants: every
attempt that was submitted yields exactly one outcome while the executor lives (the attempt leaves `running` in the
same step in which its outcome is queued); nothing is sent to Ray that the nodes' free room cannot start, since Ray
would wait for ever in silence.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import itertools
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from orgruntime.backends import milestones, node_agent, ray_agents, ray_calls
from orgruntime.backends.gangs import Gangs
from orgruntime.backends.lease_book import Lease, LeaseBook
from orgruntime.backends.leases import Amounts, Room
from orgruntime.backends.orders import Packs, order
from orgruntime.backends.ray_cluster import Cluster, connect
from orgruntime.model.fleet import Fleet, Node
from orgruntime.model.ids import AttemptId
from orgruntime.model.manifest import Resources
from orgruntime.model.placement import room, suits
from orgruntime.model.trial import Ending, TrialOutcome, TrialProgress, TrialSpec
from orgruntime.runtime.mailbox import Mailbox
from orgruntime.runtime.ports import ExecutorError, PackTree

READY_S = 120.0
"""A node that has not started an agent after so long is not going to."""
NO_ROOM = "no room for it in the cluster"


@dataclass(frozen=True)
class ClusterOptions:
    """`address` None starts an embedded cluster with so many logical CPUs and GPUs."""

    address: str | None = None
    cpus: float | None = None
    gpus: float | None = None
    lease_idle_s: float = 10.0
    """An idle lease of a joined cluster is given back after so long."""
    keys: tuple[str, ...] = ()
    """Names of environment variables that an embedded cluster must not see."""


@dataclass(frozen=True)
class TrialOptions:
    """What all trials of a run share."""

    editable: tuple[str, ...] = ()
    setup: str | None = None
    setup_limit_s: float = 1800.0
    sandbox: bool = True
    spool: Path | None = None
    """A folder of this machine for what a driver that resumes must know: `backends.spool`."""


class RayExecutor:
    """Not thread-safe: to be used from one asyncio loop."""

    def __init__(self, cluster: ClusterOptions, pack: PackTree, trials: TrialOptions | None = None) -> None:
        """`pack` is called in the loop, once a tree."""
        self._options = cluster
        self._trials = trials or TrialOptions()
        self._cluster: Cluster | None = None
        self._fleet = Fleet(nodes=())
        self._book = LeaseBook()
        self._gangs = Gangs()
        self._packs = Packs(pack)
        self._done: list[TrialOutcome] = []
        self._news = asyncio.Event()
        self._points: Mailbox[TrialProgress] = Mailbox()
        self._tasks: set[asyncio.Task[None]] = set()
        self._used: set[str] = set()
        self._closed = False
        self._gone = ""
        self._asked = False

    async def start(self) -> Fleet:
        options = self._options
        if self._trials.spool is not None:
            self._trials.spool.mkdir(parents=True, exist_ok=True)
        self._cluster = await asyncio.to_thread(
            connect, options.address, cpus=options.cpus, gpus=options.gpus, keys=options.keys
        )
        trials = self._trials
        self._config = ray_agents.config(
            self._cluster.folder,
            editable=list(trials.editable),
            setup=trials.setup,
            setup_limit_s=trials.setup_limit_s,
            sandbox=trials.sandbox,
            spool=None if trials.spool is None else str(trials.spool.absolute()),
        )
        nodes = self._cluster.nodes()
        if not nodes:
            raise ExecutorError("the Ray cluster has no node alive; run `ray status` on its head")
        found = await ray_agents.survey(nodes, self._config, here=self._cluster.embedded)
        self._fleet = Fleet(
            nodes=nodes,
            isolation="strict" if all(node["isolation"] == "strict" for node in found) else "none",
            simulated=any(node.gpus for node in nodes) and any(node["simulated"] for node in found),
            environments={
                node.address: ray_calls.environment(node, one)
                for node, one in zip(nodes, itertools.cycle(found), strict=False)
            },
        )
        self._spawn(self._refresh())
        if not self._cluster.embedded:
            self._spawn(self._watch_head(self._cluster))
        return self._fleet

    @property
    def folder(self) -> Path | None:
        """The embedded cluster's, once there is one: what is made in it goes with it, however the driver ends."""
        return None if self._cluster is None else self._cluster.folder

    def fleet(self) -> Fleet:
        return self._fleet

    def fits(self, shape: Resources) -> bool:
        return room(self._fleet.nodes, shape) > 0

    def free_slots(self, shape: Resources) -> int:
        if self._closed or self._gone or (self._cluster is not None and self._cluster.silent):
            return 0
        return self._book.free_slots(self._fleet.nodes, shape)

    def submit(self, specs: Sequence[TrialSpec]) -> None:
        batches: dict[int, tuple[Lease, list[TrialSpec]]] = {}
        for spec in specs:
            if spec.resources.nodes > 1:
                self._gather(spec)
                continue
            lease = self._book.seat(spec, self._book.leases) or self._book.place(spec, self._fleet.nodes)
            if lease is None:
                self._end(spec.attempt, Ending.NEVER_STARTED, None, detail=NO_ROOM)
            elif lease.ready:
                batches.setdefault(id(lease), (lease, []))[1].append(spec)
            elif lease.task is None:
                lease.task = self._spawn(self._follow(lease))
        for lease, batch in batches.values():
            self._spawn(self._send(lease, batch))

    async def outcomes(self) -> list[TrialOutcome]:
        while not self._done:
            if self._closed:
                raise ExecutorError("the executor is closed")
            if self._gone:
                raise ExecutorError(self._gone)
            self._news.clear()
            await self._news.wait()
        done, self._done = self._done, []
        return done

    async def progress(self) -> list[TrialProgress]:
        return await self._points.take()

    async def cancel(self, attempts: Sequence[AttemptId]) -> None:
        by_lease: dict[int, tuple[Lease, list[AttemptId]]] = {}
        for attempt in [rank for one in attempts for rank in self._gangs.ranks(one)]:
            lease = self._book.of(attempt)
            if lease is None:
                continue
            if lease.ready and not self._gangs.is_meeting(attempt):
                by_lease.setdefault(id(lease), (lease, []))[1].append(attempt)
            else:
                self._end(attempt, Ending.CANCELLED, lease, detail="before it started")
        for lease, mine in by_lease.values():
            self._spawn(ray_calls.quietly(lease.agent.cancel.remote(mine)))

    async def ask_for(self, shapes: Sequence[Resources]) -> None:
        if self._cluster is not None and not self._cluster.embedded and (shapes or self._asked):
            self._asked = bool(shapes)
            with contextlib.suppress(*ray_calls.BUSY):
                await ray_calls.aside(functools.partial(ray_calls.ask_for, shapes))

    async def close(self) -> None:
        if self._closed:
            return
        there = not self._gone and self._cluster is not None and await asyncio.to_thread(self._cluster.answers)
        if there:
            await self.ask_for(())
        self._closed = True
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._cluster is not None:
            if there:
                await self._give_back(list(self._book.leases), keep=False)
            if there and not self._cluster.embedded:
                used = [node for node in self._fleet.nodes if node.id in self._used]
                await ray_calls.on_each(used, node_agent.remove_node_folder, self._config)
            await asyncio.to_thread(self._cluster.close)
        self._news.set()

    def _gather(self, spec: TrialSpec) -> None:
        """A gang: each rank in a lease of another node that has room for it, or in a new one."""
        ranks = list(self._gangs.enlist(spec))
        free: list[Node] = []
        for node in self._book.widest(self._fleet.nodes, spec.resources):
            if not ranks:
                break
            if self._book.seat(ranks[0], self._book.on(node)):
                ranks.pop(0)
            elif suits(node, ranks[0].resources) and Room(self._book.unleased(node)).slots(ranks[0].resources):
                free.append(node)
        if len(free) < len(ranks):
            for attempt in self._gangs.ranks(spec.attempt):
                self._end(attempt, Ending.NEVER_STARTED, self._book.of(attempt), detail=NO_ROOM)
            return
        nodes = free[: len(ranks)]
        share = Room(Amounts()).lack(spec.resources.of_a_rank)
        for node, rank, berth in zip(nodes, ranks, ray_agents.berths(nodes, share), strict=True):
            agent = ray_agents.start(node, share, self._config, berth)
            self._used.add(node.id)
            lease = self._book.open(node, rank, agent, berth.group if berth else None)
            lease.task = self._spawn(self._follow(lease))
        self._spawn(self._muster(self._gangs.ranks(spec.attempt)))

    async def _muster(self, ranks: Sequence[AttemptId]) -> None:
        """Launches a gang's ranks once the agents of all of them are there and know where they meet."""
        homes = [lease for rank in ranks if (lease := self._book.of(rank))]
        for lease in homes:
            await lease.settled.wait()
        # One of them may have ended meanwhile, and so the gang has; it may never have had an agent.
        there = all(self._book.of(rank) for rank in ranks)
        port = await ray_agents.free_port(homes[0].agent) if there else None
        if port is None or not all(self._book.of(rank) for rank in ranks):
            return
        for rank, lease in zip(ranks, homes, strict=True):
            met = self._gangs.meet(lease.running[rank].spec, homes[0].node.address, port)
            lease.running[rank] = replace(lease.running[rank], spec=met, since=time.monotonic())
        for rank, lease in zip(ranks, homes, strict=True):
            self._spawn(self._send(lease, [lease.running[rank].spec]))

    async def _follow(self, lease: Lease) -> None:
        """The life of a lease: wait for its agent, feed it what came meanwhile, take outcomes until it dies."""
        import ray

        last = 0
        try:
            if not await self._make(lease):
                return
            found = await asyncio.wait_for(lease.agent.ready.remote(), READY_S)
            lease.gpus, lease.ready = found["gpus"], True
            lease.settled.set()
            known = {**self._fleet.environments, lease.node.address: ray_calls.environment(lease.node, found)}
            self._fleet = self._fleet.model_copy(update={"environments": known})
            now = time.monotonic()
            lease.running = {attempt: replace(one, since=now) for attempt, one in lease.running.items()}
            await self._send(lease, [running.spec for running in lease.running.values()])
            while True:
                try:
                    last, lines = await lease.agent.poll.remote(last)
                except ray.exceptions.ActorUnavailableError:
                    # Silence is not death: what it holds stays in its outbox.
                    await asyncio.sleep(0.5)
                    continue
                for line in lines:
                    self._heard(lease, line)
        except Exception as error:
            # Whatever it was, its attempts must be settled: an attempt without an outcome would be waited for for ever.
            self._lost(lease, error)

    async def _make(self, lease: Lease) -> bool:
        """The agent of a pending lease, once none is starting on its node any more: they would share its cores, and
        those who came first would wait for those who came last. False where nobody needs it any more."""
        assert self._cluster is not None
        if lease.agent is not None:
            return True
        while (ahead := self._book.ahead(lease)) is not None:
            await ahead.settled.wait()
        if lease not in self._book.leases:
            return False
        if self._cluster.silent:
            raise ExecutorError("the head of the cluster is silent")
        if all(node.id != lease.node.id for node in self._fleet.nodes):
            raise ExecutorError("its node is gone, or starts no agent")
        # Nobody else wants the rest of an embedded cluster, and a second agent would cost a second to start.
        for attempt in self._book.fix(lease, whole=self._cluster.embedded):
            self._end(attempt, Ending.NEVER_STARTED, None, detail=NO_ROOM)
        if not lease.running:
            self._book.drop(lease)
            lease.settled.set()
            return False
        lease.agent = ray_agents.start(lease.node, lease.held, self._config)
        self._used.add(lease.node.id)
        return True

    async def _send(self, lease: Lease, specs: Sequence[TrialSpec]) -> None:
        import ray

        try:
            packs = {spec.tree: self._packs.of(spec.tree) for spec in specs}
            orders = [
                order(spec, [lease.gpus[device] for device in lease.running[spec.attempt].share.devices])
                for spec in specs
                if spec.attempt in lease.running and not self._gangs.is_meeting(spec.attempt)
            ]
        except Exception as error:
            self._lost(lease, error)
            return
        while orders:
            try:
                await lease.agent.launch.remote(orders, packs)
                return
            except ray.exceptions.ActorUnavailableError:
                await asyncio.sleep(0.5)
            except ray.exceptions.RayError:
                return  # `_follow` hears of it as well, and settles every attempt of the lease.

    def _heard(self, lease: Lease, line: bytes) -> None:
        if line.startswith(milestones.POINTS.encode()):
            self._points.put(self._gangs.told(TrialProgress(**json.loads(line))))
            return
        self._finish(lease, TrialOutcome(**{**json.loads(line), "node": lease.node.address}))

    def _finish(self, lease: Lease, outcome: TrialOutcome) -> None:
        if self._book.leave(lease, outcome.attempt):
            self._queue(outcome)

    def _lost(self, lease: Lease, error: Exception) -> None:
        import ray

        self._book.drop(lease)
        # Should its agent live after all, nobody listens to it any more.
        self._spawn(self._let_go(lease, self._last_of_its_group(lease)))
        lease.settled.set()
        started = lease.ready
        if not started:
            # Perhaps its node went, and the head does not know yet: nothing else goes there before the next look.
            others = tuple(node for node in self._fleet.nodes if node.id != lease.node.id)
            self._fleet = self._fleet.model_copy(update={"nodes": others})
        ending = Ending.INFRASTRUCTURE if started else Ending.NEVER_STARTED
        gone = isinstance(error, ray.exceptions.ActorUnschedulableError)
        reason = "its node is gone" if gone else (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        detail = f"the agent of node {lease.node.address} died: {reason}"
        for attempt, running in list(lease.running.items()):
            wall_s = time.monotonic() - running.since if started else 0.0
            self._end(attempt, ending, lease, wall_s=wall_s, detail=detail)

    def _end(
        self, attempt: AttemptId, ending: Ending, lease: Lease | None, *, wall_s: float = 0.0, detail: str = ""
    ) -> None:
        """As nobody but this process knows that it ended."""
        node = lease.node.address if lease else ""
        outcome = TrialOutcome(attempt=attempt, ending=ending, wall_s=wall_s, node=node, detail=detail)
        if lease is None:
            self._queue(outcome)
        else:
            self._finish(lease, outcome)

    def _queue(self, outcome: TrialOutcome) -> None:
        news = self._gangs.heard(outcome)
        if news.outcome is not None:
            self._done.append(news.outcome)
            self._news.set()
        if news.end:
            self._spawn(self._dismiss(news.end, news.after_s))

    async def _dismiss(self, ranks: Sequence[AttemptId], after_s: float) -> None:
        await asyncio.sleep(after_s)
        await self.cancel(ranks)

    async def _refresh(self) -> None:
        """Once a second: which nodes are there, what others hold, which leases are idle."""
        while not self._gone:
            await asyncio.sleep(1.0)
            try:
                await self._look()
            except ray_calls.BUSY:
                # The head is busy or restarting: the last view stands, and a lease that died says so itself.
                continue

    async def _look(self) -> None:
        assert self._cluster is not None
        nodes = await ray_calls.aside(self._cluster.nodes)
        if self._cluster.embedded and not nodes:
            self._give_up(
                "the local Ray of this run is gone: its node died, perhaps for want of memory or of disk space"
            )
        if not self._cluster.embedded:
            available = await ray_calls.aside(self._cluster.available)
            for node in nodes:
                self._book.note(node, available.get(node.id, {}))
            await self._give_back(self._book.idle(self._options.lease_idle_s), keep=True)
        self._fleet = self._fleet.model_copy(update={"nodes": nodes})

    async def _watch_head(self, cluster: Cluster) -> None:
        self._give_up(await cluster.lost_head())

    def _give_up(self, why: str) -> None:
        for lease in list(self._book.leases):
            # Every attempt has its outcome before anyone is told that there will be no more.
            self._lost(lease, ExecutorError("its node is gone"))
        self._gone = why
        self._news.set()

    async def _give_back(self, idle: Sequence[Lease], *, keep: bool) -> None:
        for lease in list(idle):
            self._book.drop(lease)
            if lease.task is not None:
                lease.task.cancel()
        made = [lease for lease in idle if lease.agent is not None]
        closing = [ray_calls.quietly(lease.agent.close.remote(keep)) for lease in made]
        if closing:
            await asyncio.wait([asyncio.ensure_future(one) for one in closing], timeout=20)
        for lease in made:
            await self._let_go(lease, self._last_of_its_group(lease))

    def _last_of_its_group(self, lease: Lease) -> bool:
        return lease.group is not None and all(other.group is not lease.group for other in self._book.leases)

    async def _let_go(self, lease: Lease, last: bool) -> None:
        """Of its agent, if it has one, and with the last lease of a placement group of that. Where the head is gone,
        both wait for it, and with them the loop would."""
        with contextlib.suppress(*ray_calls.BUSY):
            await ray_calls.aside(functools.partial(ray_agents.end, lease.agent, lease.group if last else None))

    def _spawn(self, work: Any) -> asyncio.Task[None]:
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
