"""What is promised of nodes while leases grow, start, end and are lost, and while others come and go."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from orgruntime.backends.lease_book import Lease, LeaseBook
from orgruntime.backends.leases import Amounts
from orgruntime.model.fleet import Node
from orgruntime.model.manifest import Resources
from orgruntime.model.trial import TrialSpec
from orgruntime.testing.conformance.executor import attempt

BIG = Node(id="big", cpus=4, gpus=2, memory_mb=400)
SMALL = Node(id="small", cpus=2)
NODES = (BIG, SMALL)
HALF = Resources(cpus=0.5, gpus=0.5)

shapes = st.builds(
    Resources,
    cpus=st.sampled_from([0.5, 1.0, 2.0]),
    gpus=st.sampled_from([0.0, 0.0, 0.25, 0.5, 0.6, 1.0, 2.0]),
    memory_mb=st.sampled_from([None, 100]),
)
nodes = st.sampled_from(NODES)


class BookMachine(RuleBasedStateMachine):
    """The book beside the truth: what others hold, and which leases the cluster has reserved."""

    def __init__(self) -> None:
        super().__init__()
        self.book = LeaseBook()
        self.others = {node.id: 0.0 for node in NODES}
        """CPUs."""
        self.reserved: list[Lease] = []
        self.seen = {node.id: True for node in NODES}
        """Whether the last look could tell what others hold, and they hold it still."""

    def available(self, node: Node) -> Amounts:
        ours = sum((lease.held for lease in self.reserved if lease.node is node), Amounts())
        return Amounts(node.cpus, node.gpus, node.memory_mb) - ours - Amounts(self.others[node.id])

    def starting(self) -> list[Lease]:
        return [lease for lease in self.book.leases if lease.agent and not lease.ready]

    @rule(shape=shapes, count=st.integers(1, 4))
    def submit(self, shape: Resources, count: int) -> None:
        for _ in range(count):
            spec = attempt(resources=shape)
            free = self.book.free_slots(NODES, shape)
            lease = self.book.seat(spec, self.book.leases) or self.book.place(spec, NODES)
            assert (lease is not None) == (free > 0)
            assert lease is self.book.of(spec.attempt)

    @rule(shape=shapes)
    def what_is_free_is_what_can_be_placed(self, shape: Resources) -> None:
        free, taken = self.book.free_slots(NODES, shape), []
        while True:
            spec = attempt(resources=shape)
            lease = self.book.seat(spec, self.book.leases) or self.book.place(spec, NODES)
            if lease is None:
                break
            taken.append((lease, spec.attempt))
        assert len(taken) == free
        for lease, name in taken:
            assert self.book.leave(lease, name)
        assert self.book.free_slots(NODES, shape) == free

    @precondition(lambda self: any(lease.running for lease in self.book.leases))
    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        lease = data.draw(st.sampled_from([lease for lease in self.book.leases if lease.running]))
        name = data.draw(st.sampled_from(sorted(lease.running)))
        assert self.book.leave(lease, name)
        assert not self.book.leave(lease, name)
        assert self.book.of(name) is None

    @rule(node=nodes, whole=st.sampled_from([False, False, True]))
    def make(self, node: Node, whole: bool) -> None:
        pending = [lease for lease in self.book.on(node) if lease.agent is None]
        if not pending or self.book.ahead(pending[0]):
            return
        (lease,) = pending
        before = set(lease.running)
        homeless = self.book.fix(lease, whole=whole)
        assert set(homeless) | set(lease.running) == before
        assert not any(self.book.of(name) for name in homeless)
        assert not homeless or not self.seen[node.id] or self.others[node.id], "who would have taken it?"
        if not lease.running:
            self.book.drop(lease)
            return
        lease.agent = "made"
        if self.seen[node.id]:
            assert self.available(node).covers(lease.held), "Ray would wait for ever"

    @precondition(lambda self: self.starting())
    @rule(data=st.data())
    def reserve(self, data: st.DataObject) -> None:
        lease = data.draw(st.sampled_from(self.starting()))
        if lease not in self.reserved and self.available(lease.node).covers(lease.held):
            self.reserved.append(lease)

    @precondition(lambda self: any(lease in self.reserved for lease in self.starting()))
    @rule(data=st.data())
    def be_ready(self, data: st.DataObject) -> None:
        lease = data.draw(st.sampled_from([lease for lease in self.starting() if lease in self.reserved]))
        lease.ready = True
        lease.settled.set()

    @precondition(lambda self: self.book.leases)
    @rule(data=st.data())
    def lose(self, data: st.DataObject) -> None:
        lease = data.draw(st.sampled_from(self.book.leases))
        for name in list(lease.running):
            self.book.leave(lease, name)
        self.book.drop(lease)
        lease.settled.set()
        if lease in self.reserved:
            self.reserved.remove(lease)

    @rule(node=nodes, cpus=st.sampled_from([0.5, 1.0, 2.0, -1.0]))
    def others_move(self, node: Node, cpus: float) -> None:
        if cpus <= self.available(node).cpus and self.others[node.id] + cpus >= 0:
            self.others[node.id] += cpus
            self.seen[node.id] = False

    @rule(node=nodes)
    def look(self, node: Node) -> None:
        free = self.available(node)
        self.book.note(node, {"CPU": free.cpus, "GPU": free.gpus, "memory": free.memory_mb * 2**20})
        if not any(lease.node is node for lease in self.starting()):
            self.seen[node.id] = True

    @invariant()
    def what_others_hold_is_known_once_it_was_seen(self) -> None:
        for node in NODES:
            if self.seen[node.id]:
                held = sum((lease.held for lease in self.book.on(node)), Amounts())
                free = node.cpus - held.cpus - self.others[node.id]
                assert self.book.unleased(node).cpus == pytest.approx(max(0.0, free))

    @invariant()
    def no_node_is_promised_twice(self) -> None:
        for node in NODES:
            held = sum((lease.held for lease in self.book.on(node)), Amounts())
            assert Amounts(node.cpus, node.gpus, node.memory_mb).covers(held)
            assert len([lease for lease in self.book.on(node) if lease.agent is None]) <= 1

    @invariant()
    def a_lease_is_its_free_room_and_its_shares(self) -> None:
        for lease in self.book.leases:
            shares = [running.share for running in lease.running.values()]
            assert lease.room.cpus + sum(share.cpus for share in shares) == pytest.approx(lease.held.cpus)
            assert lease.room.memory_mb + sum(share.memory_mb for share in shares) == pytest.approx(
                lease.held.memory_mb
            )
            devices = list(lease.room.devices)
            for share in shares:
                for device in share.devices:
                    devices[device] += share.fraction
            assert devices == pytest.approx([1.0] * int(lease.held.gpus))


TestBook = BookMachine.TestCase
TestBook.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def test_what_trickles_in_while_an_agent_starts_shares_the_next_one() -> None:
    book = LeaseBook()
    first = book.place(attempt(resources=HALF), NODES)
    assert first
    assert book.fix(first, whole=False) == []
    first.agent = "made"
    assert (first.held, first.room.slots(HALF)) == (Amounts(1.0, 1), 1), "the other half of its GPU is its own"
    specs = [attempt(resources=HALF) for _ in range(3)]
    leases = [book.seat(spec, book.leases) or book.place(spec, NODES) for spec in specs]
    assert leases[0] is first
    assert leases[1] is leases[2]
    pending = leases[1]
    assert pending
    assert book.ahead(pending) is first
    assert (len(book.leases), book.free_slots(NODES, HALF), book.unleased(BIG)) == (2, 0, Amounts(2.0, 0, 400))
    first.ready = True
    first.settled.set()
    assert book.ahead(pending) is None


def test_what_is_pending_is_not_taken_for_what_others_gave_back() -> None:
    """The cluster knows nothing of it: that it is in our books leaves others what they hold."""
    book, free = LeaseBook(), {"CPU": 3.0, "GPU": 2.0, "memory": 400.0 * 2**20}
    book.note(BIG, free)
    assert book.place(attempt(resources=Resources(cpus=1)), [BIG])
    book.note(BIG, free)
    assert book.unleased(BIG).cpus == 2


def test_who_finds_that_others_have_taken_the_room_meanwhile_is_told_and_the_rest_is_made() -> None:
    book, specs = LeaseBook(), [attempt(resources=Resources(cpus=2)) for _ in range(2)]
    (pending,) = {book.place(spec, [BIG]) for spec in specs}
    assert pending
    book.note(BIG, {"CPU": 3.0, "GPU": 2.0, "memory": 400.0 * 2**20})
    assert book.fix(pending, whole=False) == [specs[1].attempt]
    assert (pending.held, list(pending.running), book.of(specs[1].attempt)) == (Amounts(2.0), [specs[0].attempt], None)


def test_what_was_cancelled_before_the_agent_is_made_is_not_held() -> None:
    book, specs = LeaseBook(), [attempt(resources=Resources(cpus=1, gpus=1)) for _ in range(2)]
    (pending,) = {book.place(spec, [BIG]) for spec in specs}
    assert pending
    assert book.leave(pending, specs[0].attempt)
    assert book.free_slots([BIG], Resources(cpus=1, gpus=1)) == 1
    assert book.fix(pending, whole=False) == []
    assert pending.held == Amounts(1.0, 1)
    assert pending.running[specs[1].attempt].share.devices == (0,)


def test_a_gang_is_counted_by_what_one_lease_or_the_free_rest_holds() -> None:
    """A rank is never placed half in a pending lease and half beside it, since its agent is made at once."""
    book, rank = LeaseBook(), Resources(cpus=1.5, nodes=2)
    spec = attempt(resources=Resources(cpus=1))
    pending = book.place(spec, [SMALL])
    assert pending
    assert book.leave(pending, spec.attempt)
    assert book.free_slots(NODES, Resources(cpus=1.5)) == 3
    assert book.free_slots(NODES, rank) == 0


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 3), min_size=2, max_size=5), st.randoms(use_true_random=False), st.integers(2, 3))
def test_gangs_that_come_and_go_leave_no_room_that_no_gang_can_use(sizes: list[int], luck: Random, span: int) -> None:
    """As many stand side by side as the ends of others leave room for, one after the other."""
    nodes = [Node(id=f"n{number}", cpus=size) for number, size in enumerate(sizes)]
    book, gang = LeaseBook(), Resources(cpus=1, nodes=span)
    running: list[list[TrialSpec]] = []
    for _ in range(12):
        free = book.free_slots(nodes, gang)
        for _ in range(free):
            ranks = [attempt(resources=gang.of_a_rank) for _ in range(span)]
            taken = book.widest(nodes, gang)[:span]
            for node, rank in zip(taken, ranks, strict=True):
                if book.seat(rank, book.on(node)) is None:
                    book.open(node, rank, agent=object(), group=object())
            running.append(ranks)
            free -= 1
            assert book.free_slots(nodes, gang) == free
        luck.shuffle(running)
        for ranks in running[: luck.randint(0, len(running))]:
            running.remove(ranks)
            for rank in ranks:
                lease = book.of(rank.attempt)
                assert lease
                assert book.leave(lease, rank.attempt)
