"""The durable engine and the fake keep the promises of the port; the lowered graph is the graph that is drawn."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orgruntime.backends.langgraph_engine import LangGraphEngine
from orgruntime.diagram.graph import EdgeStyle, drawing_of
from orgruntime.model.ids import InquiryId, PayloadId, RoleSlug
from orgruntime.model.manifest import Cadence, Handoff, HandoffKind, Manifest, Role, RoleKind
from orgruntime.runtime.ports import Handed, StepAddress
from orgruntime.testing.conformance.engine import LONG, ORG, EngineConformance, MakeEngine, Script
from orgruntime.testing.inline_engine import Checkpoints, InlineEngine
from orgruntime.testing.lab import RESEARCHER, small_org


class TestInlineEngine(EngineConformance):
    @pytest.fixture
    def engines(self) -> MakeEngine:
        checkpoints: Checkpoints = {}
        return lambda: InlineEngine(ORG.graph, checkpoints)


class TestLangGraphEngine(EngineConformance):
    @pytest.fixture
    def engines(self, tmp_path: Path) -> MakeEngine:
        return lambda: LangGraphEngine(ORG, tmp_path / "graph.db")

    async def test_the_file_is_for_its_owner_alone(self, tmp_path: Path) -> None:
        path = tmp_path / "graph.db"
        engine = LangGraphEngine(ORG, path)
        await engine.open(Script(LONG))
        await engine.run(InquiryId("q1"), RESEARCHER, None)
        for file in tmp_path.iterdir():
            assert file.stat().st_mode & 0o077 == 0, file
        await engine.close()

    async def test_a_checkpoint_stays_below_a_kilobyte(self, tmp_path: Path) -> None:
        path = tmp_path / "graph.db"
        engine = LangGraphEngine(ORG, path)
        await engine.open(Script(LONG))
        await engine.run(InquiryId("q1"), RESEARCHER, None)
        await engine.close()
        with sqlite3.connect(path) as disk:
            newest = "SELECT length(checkpoint) FROM checkpoints ORDER BY checkpoint_id DESC LIMIT 1"
            (size,) = disk.execute(newest).fetchone()
        disk.close()
        assert 0 < size < 1024

    async def test_forgotten_threads_leave_nothing_on_disk(self, tmp_path: Path) -> None:
        path = tmp_path / "graph.db"
        engine = LangGraphEngine(ORG, path)
        await engine.open(Script(LONG))
        names = [InquiryId(f"q{n}") for n in range(20)]
        await asyncio.gather(*(engine.run(name, RESEARCHER, None) for name in names))
        await engine.forget(names[1:])
        await engine.close()
        disk = sqlite3.connect(path)
        for table in ("checkpoints", "writes"):
            assert {row[0] for row in disk.execute(f"SELECT DISTINCT thread_id FROM {table}")} <= {"q0"}
        disk.close()

    async def test_a_file_of_another_origin_is_no_pickle(self) -> None:
        assert os.environ["LANGGRAPH_STRICT_MSGPACK"] == "true"


async def _nothing(address: StepAddress, inbox: PayloadId | None, /) -> Handed:
    return Handed(None)


async def _check_drawing(org: Manifest, path: Path) -> None:
    engine = LangGraphEngine(org, path)
    await engine.open(_nothing)
    nodes, edges = engine.drawn()
    await engine.close()
    drawing = drawing_of(org)
    assert nodes == {node.slug for node in drawing.nodes}
    handoffs = [edge for edge in drawing.edges if edge.style != EdgeStyle.CADENCE]
    drawn = {(edge.source, edge.target) for edge in handoffs}
    assert drawn <= edges
    callers = {edge.source for edge in handoffs if edge.style == EdgeStyle.ASK}
    assert {target for _, target in edges - drawn} <= callers, "what is not drawn is the return of a call"
    returns = {(edge.target, edge.source) for edge in handoffs if edge.style == EdgeStyle.ASK}
    assert returns <= edges


async def test_the_compiled_graph_is_the_drawn_graph(tmp_path: Path) -> None:
    await _check_drawing(ORG, tmp_path / "one.db")
    cadence = Cadence(id="c1", role=RESEARCHER, payload="memo", every_trials=5)
    await _check_drawing(small_org(cadences=(cadence,)), tmp_path / "two.db")


_SLUGS = [RoleSlug(f"r{n}") for n in range(5)]
_EDGES = st.lists(
    st.tuples(st.sampled_from(_SLUGS), st.sampled_from(_SLUGS), st.sampled_from(list(HandoffKind))), max_size=10
)


@settings(max_examples=25, deadline=None)
@given(_EDGES)
def test_any_graph_is_lowered_as_it_is_drawn(ends: list[tuple[RoleSlug, RoleSlug, HandoffKind]]) -> None:
    import tempfile

    handoffs = tuple(
        Handoff(id=f"e{n}", source=source, target=target, payload="note", kind=kind)
        for n, (source, target, kind) in enumerate(ends)
    )
    roles = tuple(Role(slug=slug, name=slug, kind=RoleKind.AGENT) for slug in _SLUGS)
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_check_drawing(small_org(roles=roles, handoffs=handoffs), Path(folder) / "graph.db"))
