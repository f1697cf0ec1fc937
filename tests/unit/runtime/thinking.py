"""Runs in which a language model thinks, on fakes: a desk of a few lines that asks as a real one does, and a gateway
that only counts."""

from __future__ import annotations

import io
import itertools
import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from supervised import Bench

from orgruntime.model.dialogue import Message, ModelCall, ModelReply, ToolResult, ToolUse
from orgruntime.model.manifest import Manifest, ModelSpec, Role, RoleKind
from orgruntime.model.step import Answer, Ask, AskKind, StepReply, StepRequest
from orgruntime.runtime.lab import Lab
from orgruntime.runtime.ports import Serve
from orgruntime.runtime.supervisor import Supervisor
from orgruntime.runtime.transcripts import Transcripts
from orgruntime.testing.lab import REFEREE, RESEARCHER, ROLES, TRAINER, small_org
from orgruntime.testing.memory_workspace import MemoryWorkspace
from orgruntime.testing.scripted_models import Says, ScriptedModels, uses_tool

MODEL = ModelSpec(name="thinker", species="some-model")
TOOLS = ("Read", "Edit", "Write", "Bash", "RunTrial")


def thinking_org(count: int = 1, tools: Sequence[str] = TOOLS, **changed: Any) -> Manifest:
    """The small org with a language model as its researcher."""
    role = Role(
        slug=RESEARCHER, name="Researcher", kind=RoleKind.AGENT, count=count, species=("thinker",), tools=tuple(tools),
        prompt="Find a better LR.",
    )  # fmt: skip
    return small_org(**{"roles": (role, *ROLES[1:]), "models": (MODEL,), **changed})


class DirectGateway:
    """Asks the models at once. `ids` are those of the calls that were paid."""

    def __init__(self, models: ScriptedModels, manifest: Manifest) -> None:
        self._models, self._manifest = models, manifest
        self.ids: list[str] = []

    async def ask(self, id: str, role: Role, model: str, call: ModelCall) -> ModelReply:
        self.ids.append(id)
        spec = self._manifest.species_of(model)
        reply = await self._models.complete(spec, call)
        return reply.model_copy(update={"spent": self._models.cost(spec, reply.usage)})

    async def drain(self) -> None:
        """Nothing is under way once it was cancelled."""


class TinyDesks:
    """Implements `ports.Desks`: think, act, …, hand off. A worktree is a dictionary; `Bash` does what `bash` says."""

    def __init__(self, workspace: MemoryWorkspace) -> None:
        self._workspace = workspace
        self.ran: list[str] = []
        """Tools that were run, `<inquiry> <tool>`."""
        self.bash: Callable[[dict[str, str], str], str] = lambda files, command: "done"
        self.before: Callable[[Ask], None] = lambda ask: None
        """Called before each ask; what it raises is the death of the desk."""

    async def step(self, request: StepRequest, serve: Serve | None = None) -> StepReply:
        assert serve is not None
        return await _Step(self, request, serve, self._files(request)).run()

    async def close(self) -> None:
        """Nothing is held."""

    def _files(self, request: StepRequest) -> dict[str, str]:
        assert request.bench is not None
        with tarfile.open(fileobj=io.BytesIO(self._workspace.pack(request.bench.tree))) as tar:
            return {name: tar.extractfile(name).read().decode() for name in tar.getnames()}  # type: ignore[union-attr]  # only files


class _Step:
    def __init__(self, desks: TinyDesks, request: StepRequest, serve: Serve, files: dict[str, str]) -> None:
        self._desks, self._request, self._serve = desks, request, serve
        self._tree, self._files = dict(files), files
        self._numbers = itertools.count()

    async def run(self) -> StepReply:
        bench = self._request.bench
        assert bench is not None
        messages = [_user({"type": "text", "text": bench.brief})]
        nudges = 0
        while True:
            call = ModelCall(
                system=bench.system, tools=bench.tools, messages=tuple(messages),
                max_tokens=bench.limits.output_tokens,
            )  # fmt: skip
            answer = await self._ask(AskKind.MODEL, call=call)
            if answer.reply is None:
                return StepReply(type="", failed=answer.over)
            messages.append(Message(role="assistant", content=answer.reply.content))
            results = []
            for use in answer.reply.uses:
                said = await self._use(use)
                if isinstance(said, StepReply):
                    return said
                results.append({"type": "tool_result", "tool_use_id": use.id, "content": said.text})
            nudges = 0 if results else nudges + 1
            if nudges > bench.limits.nudges:
                return StepReply(type="", failed="it used no tool")
            messages.append(_user(*(results or [{"type": "text", "text": "use a tool"}])))

    async def _use(self, use: ToolUse) -> ToolResult | StepReply:
        files = {path: text for path, text in self._files.items() if text != self._tree.get(path)}
        answer = await self._ask(AskKind.MAY, use=use, files=files)
        if answer.over:
            return StepReply(type="", failed=answer.over)
        if answer.handed:
            return StepReply(type="whatever the desk says")
        if answer.result is not None:
            for path, text in answer.changes.items():
                self._files[path] = text or ""
            return answer.result
        before = dict(self._files)
        self._desks.ran.append(f"{self._request.inquiry} {use.name}")
        result = ToolResult(id=use.id, text=self._run(use))
        changes: dict[str, str | None] = {path: text for path, text in self._files.items() if before.get(path) != text}
        await self._ask(AskKind.DID, use=use, result=result, changes=changes)
        return result

    def _run(self, use: ToolUse) -> str:
        given = use.input
        match use.name:
            case "Read":
                return self._files.get(given["file_path"], "there is no such file")
            case "Write":
                self._files[given["file_path"]] = given["content"]
            case "Edit":
                path = given["file_path"]
                self._files[path] = self._files[path].replace(given["old_string"], given["new_string"])
            case "Bash":
                return self._desks.bash(self._files, given["command"])
        return "done"

    async def _ask(self, kind: AskKind, **fields: Any) -> Answer:
        ask = Ask(n=next(self._numbers), kind=kind, **fields)
        self._desks.before(ask)
        return await self._serve(ask)


def _user(*blocks: dict[str, Any]) -> Message:
    return Message(role="user", content=blocks)


class Thinking:
    """A run on fakes whose researcher thinks. `says` answers model calls."""

    def __init__(self, folder: Path, says: Says, org: Manifest | None = None) -> None:
        self.bench = Bench(folder, org=org or thinking_org())
        self.folder = folder
        self.models = ScriptedModels(says)
        self.gateway = DirectGateway(self.models, self.bench.org)
        self.desks = TinyDesks(self.bench.workspace)
        self.prepared: Callable[[Lab], None] = lambda lab: None
        self.bench.prepare = self._prepare

    async def run(self) -> tuple[str, str]:
        state, reason = await self.bench.run(self.desks)
        return state.value, reason

    def transcripts(self) -> list[Path]:
        return sorted((self.folder / "steps").glob("*.jsonl"))

    def _prepare(self, lab: Lab, supervisor: Supervisor) -> None:
        lab.gateway = self.gateway
        lab.transcripts = Transcripts(self.folder / "steps")
        self.prepared(lab)


def turn(call: ModelCall) -> int:
    """The how-manieth call of its step, from 0."""
    return sum(message.role == "assistant" for message in call.messages)


def brief_of(call: ModelCall) -> str:
    return str(call.messages[0].content[0]["text"])


def last_result(call: ModelCall) -> str:
    """What the newest tool said."""
    return str(call.messages[-1].content[-1].get("content", ""))


def propose(**changed: Any) -> ModelReply:
    body = {"hypothesis": "a larger LR", "expected_gain": 1.0, "risk": "exploit", "cost": "nothing", **changed}
    return uses_tool("hand_off_proposal", **body)


def sets(name: str, value: float) -> ModelReply:
    """Sets a constant that is 0 in the base."""
    return uses_tool("Edit", file_path="train.py", old_string=f"{name} = 0\n", new_string=f"{name} = {value}\n")


__all__ = ["REFEREE", "RESEARCHER", "TRAINER"]
