"""The scripted models, and Claude's client against a server on this machine, keep the promises of the port."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from orgruntime.backends.anthropic_model import AnthropicModels
from orgruntime.model.dialogue import Block, ModelCall, ModelReply
from orgruntime.model.manifest import ModelSpec, Price
from orgruntime.runtime.ports import ModelError, ModelFault
from orgruntime.testing.conformance.models import ModelsConformance, Served
from orgruntime.testing.messages_script import Asked, Fault, Says, fails
from orgruntime.testing.messages_server import MessagesServer
from orgruntime.testing.scripted_models import ScriptedModels

OF_SERVER = {
    ModelFault.RATE_LIMITED: Fault.RATE_LIMITED, ModelFault.OVERLOADED: Fault.OVERLOADED,
    ModelFault.SERVER: Fault.SERVER, ModelFault.INVALID: Fault.INVALID, ModelFault.TOO_LONG: Fault.TOO_LONG,
    ModelFault.AUTHORITY: Fault.UNAUTHORIZED,
}  # fmt: skip


class TestScriptedModels(ModelsConformance):
    @pytest.fixture
    def served(self) -> Served:
        now: list[tuple[Block, ...] | ModelFault | None] = [None]

        async def says(model: ModelSpec, call: ModelCall) -> ModelReply:
            if now[0] is None:
                await asyncio.Event().wait()
            if isinstance(now[0], ModelFault):
                raise ModelError(now[0], "as the test wants")
            assert now[0] is not None
            used = any(block["type"] == "tool_use" for block in now[0])
            return ModelReply(content=now[0], stop="tool_use" if used else "end_turn")

        def do(next: tuple[Block, ...] | ModelFault | None) -> None:
            now[0] = next

        model = ModelSpec(name="m", species="claude-opus-5-5")
        return Served(ScriptedModels(says), model, do, do, lambda: do(None))


class Stage:
    """A server whose answers the test chooses."""

    def __init__(self) -> None:
        self.says = Says()
        self.server = MessagesServer(self._play)

    def answer(self, content: tuple[Block, ...]) -> None:
        self.says = Says(content)

    def fail(self, fault: ModelFault) -> None:
        self.says = fails(OF_SERVER[fault])

    def hold(self) -> None:
        self.says = fails(Fault.SILENT)

    def _play(self, asked: Asked) -> Says:
        return self.says


class TestAnthropicModels(ModelsConformance):
    @pytest.fixture
    def stage(self) -> Iterator[Stage]:
        stage = Stage()
        with stage.server:
            yield stage

    @pytest.fixture(params=["claude-opus-5-5", "qwen3:8b"])
    async def served(self, stage: Stage, request: pytest.FixtureRequest) -> AsyncIterator[Served]:
        models = AnthropicModels({"TEST_KEY": "sk-test"})
        model = ModelSpec(
            name="m",
            species=request.param,
            base_url=stage.server.url,
            key_env="TEST_KEY",
            price=Price(input=3, output=15, cache_read=0.3, cache_write=3.75),
        )
        yield Served(models, model, stage.answer, stage.fail, stage.hold)
        await models.close()
