"""The border between a language model and the run: what a desk asks in the middle of a step, and what it is answered.

Works on one step. Does not run tools and does not think. Invariants: an answer is on disk before it is given, so no
model call is paid twice and no tool is run twice, whoever dies; a use of a tool that is not granted is refused and
recorded; what ends the step as handed off was accepted here, and not by the desk.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from orgruntime.ledger.transaction import Transaction
from orgruntime.model.amounts import Amounts
from orgruntime.model.dialogue import Block, ModelReply, ToolResult, ToolUse
from orgruntime.model.step import Answer, Ask, AskKind, Bench
from orgruntime.runtime.calls import Call
from orgruntime.runtime.duplicates import near_duplicate
from orgruntime.runtime.gateway import GatewayError
from orgruntime.runtime.handoffs import keyless, refusal, tidy
from orgruntime.runtime.lab import Lab
from orgruntime.runtime.people import Waits
from orgruntime.runtime.redaction import clean, clipped, without_keys
from orgruntime.runtime.services.trial_tool import SPEC as RUN_TRIAL
from orgruntime.runtime.toolset import DECLINE, STATED, Toolset, out_of_bounds
from orgruntime.runtime.transcripts import Journal, Line

USES = 400
"""Uses of tools a step, whatever its turns."""
UNFIT = 6
"""Well-formed handoffs in a row that will not do; then the step ends."""
REFUSALS_RECORDED = 20
"""Refused uses of one step that become events of their own; the rest are one event, with their count, at its end."""
LONGEST_REASON = 1000
"""Characters of a refusal that its event keeps."""
CUT_OFF = (
    "this tool was cut off when the run was interrupted: whether it did anything is not known; in the worktree it did "
    "nothing"
)
LOST = "the record of this step does not fit what its desk asks; the step cannot go on"


@dataclass(frozen=True)
class Accepted:
    """The end of a step that came to one. `type` is empty when it was declined."""

    type: str
    body: dict[str, Any]
    files: dict[str, str]
    """All that differs from the base commit."""


Replied = tuple[Answer, Line]
"""An answer, and what its line in the journal says beside it."""


class Border:
    """Serves the asks of one step. `carried`: what the worktree begins with beyond the base commit."""

    def __init__(
        self, lab: Lab, call: Call, bench: Bench, tools: Toolset, journal: Journal, carried: Mapping[str, str]
    ) -> None:
        self._lab, self.call, self._bench, self._tools, self._journal = lab, call, bench, tools, journal
        self._carried = dict(carried)
        self._pending: dict[int, asyncio.Task[Replied]] = {}
        self._next = self._turns = self._uses = self._malformed = self._unfit = self._refused = 0
        self._served: dict[str, int] = {}
        self._warned = False
        """It was told of what is nearly the same as its own; once a step is enough."""
        self.over = ""
        """Why the step came to no end."""
        self.accepted: Accepted | None = None
        self.spent = Amounts()
        self.answered: tuple[str, ...] = ()
        """Names of the models that answered, the last one last."""

    async def serve(self, ask: Ask) -> Answer:
        """`runtime.ports.Serve`. Raises Waits where the step has to leave its desk; anything else that it raises is a
        fault of the run, never of the model."""
        if ask.kind is AskKind.DID:
            return await self._did(ask)
        if ask.n == 0:
            self._begin_anew()
        number, self._next = self._next, self._next + 1
        self._count(ask)
        if self.over:
            return Answer(over=self.over)
        # Asked again while the first asking is still under way (its desk died): one answer for both.
        if number not in self._pending:
            self._pending[number] = asyncio.create_task(self._answered(number, ask))
        try:
            answer, line = await asyncio.shield(self._pending[number])
        except Waits:
            self._pending.pop(number, None)
            raise
        self._pending.pop(number, None)
        self._note(answer, line)
        return answer

    @property
    def refusals(self) -> int:
        """Refused uses that are no event of their own."""
        return max(0, self._refused - REFUSALS_RECORDED)

    async def close(self) -> None:
        """Ends what is still being answered: a model call is cancelled, and settled by the gateway."""
        tasks = list(self._pending.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin_anew(self) -> None:
        """A desk that was lost asks from the first question on."""
        self._next = self._turns = self._uses = self._malformed = self._unfit = self._refused = 0
        self._served, self._warned = {}, False
        self.over, self.accepted, self.spent, self.answered = "", None, Amounts(), ()

    def _count(self, ask: Ask) -> None:
        """Limits that hold whatever the answer is."""
        limits = self._bench.limits
        if ask.kind is AskKind.MODEL:
            self._turns += 1
            if self._turns > limits.turns:
                self.over = f"it came to no end within {limits.turns} turns"
        else:
            self._uses += 1
            if self._uses > USES:
                self.over = f"it used tools more than {USES} times"
        if self._journal.is_full:
            self.over = "its transcript has grown too long"

    def _note(self, answer: Answer, line: Line) -> None:
        """What later answers depend on, the same for a new answer and a recorded one."""
        if answer.reply is not None:
            self.spent = self.spent + answer.reply.spent
            if name := answer.reply.entry:
                self.answered = (*(one for one in self.answered if one != name), name)
        self.spent = self.spent + Amounts(**line.get("spent", {}))
        if line.get("handed") is not None:
            self.accepted = Accepted(**line["handed"])
        self._malformed += bool(line.get("malformed"))
        self._unfit += bool(line.get("unfit"))
        self._refused += bool(line.get("refused"))
        self._warned |= bool(line.get("near"))
        if line.get("served"):
            self._served[line["served"]] = self._served.get(line["served"], 0) + 1
        self.over = answer.over

    async def _answered(self, number: int, ask: Ask) -> Replied:
        kind = ask.kind.value
        line = self._journal.line(kind, number)
        if line is not None:
            return await self._from_record(number, ask, line)
        if self._journal.has(_other(kind), number):
            return Answer(over=LOST), {}
        if ask.kind is AskKind.MODEL:
            answer, line = await self._model(ask, number)
            await self._journal.add(kind, number, answer=_said(answer), **line)
            return answer, line
        assert ask.use is not None, "a desk that asks for leave names the tool"
        answer, line = await self._may(number, ask, ask.use)
        await self._journal.add(kind, number, use=_said(ask.use), answer=_said(answer), **line)
        return answer, line

    async def _from_record(self, number: int, ask: Ask, line: Line) -> Replied:
        answer = Answer.model_validate(line["answer"])
        if ask.use is not None and ask.use.name != line["use"]["name"]:
            return Answer(over=LOST), {}
        if ask.use is None or not answer.run:
            return answer, line
        done = self._journal.line(AskKind.DID.value, number)
        if done is None:
            result = ToolResult(id=ask.use.id, text=CUT_OFF, is_error=True)
            await self._journal.add(AskKind.DID.value, number, result=_said(result), changes={})
            return Answer(result=result), line
        return Answer(result=ToolResult.model_validate(done["result"]), changes=done["changes"]), line

    async def _model(self, ask: Ask, number: int) -> Replied:
        assert ask.call is not None, "a desk that asks a model sends the call"
        bench = self._bench
        # The prompt and the tools are the driver's: a desk cannot change them, and their prefix stays cached.
        call = ask.call.model_copy(
            update={
                "system": bench.system,
                "tools": bench.tools,
                "max_tokens": min(ask.call.max_tokens, bench.limits.output_tokens),
            }
        )
        self._say(f"thinking, turn {self._turns}")
        address = self.call.address
        assert self._lab.gateway is not None, "a run with language models has a gateway"
        try:
            reply = await self._lab.gateway.ask(
                f"{address.inquiry}.{address.visit}.{number}", self.call.role, bench.model, call
            )
        except GatewayError as error:
            return Answer(over=clean(str(error))), {"spent": _said(error.spent)}
        return Answer(reply=_cleaned(reply)), {}

    async def _may(self, number: int, ask: Ask, use: ToolUse) -> Replied:
        if use.name in self._tools.handoffs:
            return await self._handoff(ask, use)
        if use.name not in self._tools.names:
            granted = ", ".join(self._tools.names)
            return await self._refuse(use, f"`{use.name[:100]}` is not granted to you; your tools are {granted}")
        if use.name in self._tools.services:
            return await self._service(number, ask, use)
        if use.name in self._tools.remote:
            return await self._remote(number, use)
        if outside := self._tools.grants.refusal(use) or out_of_bounds(use, self._lab.is_editable):
            return await self._refuse(use, outside)
        self._say(f"running {use.name}")
        return Answer(run=True), {}

    async def _handoff(self, ask: Ask, use: ToolUse) -> Replied:
        kind, body = self._tools.handoffs[use.name], tidy(use.input)
        if use.name == DECLINE:
            reason = " ".join(str(body.get("reason") or "no reason given").split())[:1000]
            return _accepted("", {"reason": reason}, {})
        files = {
            path: text.encode("utf-8", "replace").decode() for path, text in {**self._carried, **ask.files}.items()
        }
        wrong = refusal(self._lab, self.call, kind, body, files)
        if wrong is None:
            if kind == STATED.name and files != self._carried:
                near = await self._nearly_the_same(use, files, str(body["hypothesis"]))
                if near is not None:
                    return near
            return _accepted(kind, body, files if kind == STATED.name else {})
        await self._record(use, wrong.sentence)
        malformed, unfit = self._malformed + wrong.malformed, self._unfit + (not wrong.malformed)
        if malformed > self._bench.limits.nudges or unfit > UNFIT:
            what = f"was malformed {malformed} times" if wrong.malformed else f"would not do {unfit} times"
            over = f"what it handed off {what}; the last time: {wrong.sentence}"
            return Answer(over=over), {"refused": True}
        result = ToolResult(id=use.id, text=clean(f"Not handed off: {wrong.sentence}"), is_error=True)
        return Answer(result=result), {"malformed" if wrong.malformed else "unfit": True, "refused": True}

    async def _service(self, number: int, ask: Ask, use: ToolUse) -> Replied:
        tool = self._tools.services[use.name]
        if tool.most is not None and self._served.get(use.name, 0) >= tool.most:
            return await self._refuse(use, f"{use.name} may be used {tool.most} times in a step, and was")
        if use.name == RUN_TRIAL.name and ask.files:
            near = await self._nearly_the_same(use, {**self._carried, **ask.files})
            if near is not None:
                return near
        self._say(f"using {use.name}")
        # A service may be asked again after a death: what it does, it does once for the number of the ask.
        numbered = ask.model_copy(update={"n": number, "files": {**self._carried, **ask.files}})
        result = await tool.serve(self._lab, self.call, numbered)
        if not result.refused:
            return Answer(result=self._fit(use, result)), {"served": use.name}
        await self._record(use, result.text)
        return Answer(result=self._fit(use, result)), {"served": use.name, "refused": True}

    async def _nearly_the_same(self, use: ToolUse, files: Mapping[str, str], hypothesis: str = "") -> Replied | None:
        """A word before the step spends anything, once; that is no fault of it."""
        if self._warned or not (told := await near_duplicate(self._lab, self.call, files, hypothesis)):
            return None
        what = "Not run yet" if use.name == RUN_TRIAL.name else "Not handed off yet"
        text = f"{what}: {told}. Do it again if yours differs in what matters; else change it, or decline."
        return Answer(result=ToolResult(id=use.id, text=text, is_error=True)), {"near": True}

    async def _remote(self, number: int, use: ToolUse) -> Replied:
        """A tool server's tool may do anything, and once only: begun and not ended is cut off."""
        if self._journal.has("began", number):
            return Answer(result=ToolResult(id=use.id, text=CUT_OFF, is_error=True)), {}
        await self._journal.add("began", number, use=_said(use))
        self._say(f"using {use.name}")
        servers = self._lab.ports.servers
        assert servers is not None, "a granted tool of a server has a server"
        result = await servers.call(use)
        return Answer(result=self._fit(use, result)), {}

    async def _refuse(self, use: ToolUse, reason: str) -> Replied:
        await self._record(use, reason)
        return Answer(result=ToolResult(id=use.id, text=clean(reason), is_error=True)), {"refused": True}

    async def _record(self, use: ToolUse, reason: str) -> None:
        """A refused use becomes an event."""
        if self._refused >= REFUSALS_RECORDED:
            return
        address, name = self.call.address, clean(use.name)[:100]

        def change(tx: Transaction) -> None:
            tx.refuse_tool(address.inquiry, address.visit, address.role, name, clean(reason)[:LONGEST_REASON])

        await self._lab.board.write(change)

    async def _did(self, ask: Ask) -> Answer:
        """Belongs to the use that was asked for last."""
        number = self._next - 1
        kind = AskKind.DID.value
        if ask.result is None or not self._journal.has(AskKind.MAY.value, number) or self._journal.has(kind, number):
            return Answer()
        if reason := self._too_much(ask):
            self.over = reason
            return Answer(over=reason)
        result = ask.result.model_copy(
            update={"text": clipped(clean(ask.result.text), self._bench.limits.result_chars)}
        )
        # What is resumed from this has no key in its files; none could have been handed off.
        changes = {
            path: text if text is None else keyless(self._lab, self.call, path, text)
            for path, text in ask.changes.items()
        }
        await self._journal.add(kind, number, result=_said(result), changes=changes)
        self._say("thinking")
        return Answer()

    def _too_much(self, ask: Ask) -> str:
        most = self._bench.limits.written_bytes
        written = sum(len(text or "") for text in ask.changes.values())
        return f"its tools wrote {written} characters at once, at most {most} are kept" if written > most else ""

    def _fit(self, use: ToolUse, result: ToolResult) -> ToolResult:
        text = clipped(clean(result.text), self._bench.limits.result_chars)
        return ToolResult(id=use.id, text=text, is_error=result.is_error)

    def _say(self, doing: str) -> None:
        self._lab.doing[self.call.name] = doing


def _accepted(kind: str, body: dict[str, Any], files: dict[str, str]) -> Replied:
    return Answer(handed=True), {"handed": {"type": kind, "body": body, "files": files}}


def _said(noun: Any) -> Any:
    return noun.model_dump(mode="json", exclude_defaults=True)


def _other(kind: str) -> str:
    return AskKind.MAY.value if kind == AskKind.MODEL.value else AskKind.MODEL.value


def _cleaned(reply: ModelReply) -> ModelReply:
    """Texts and what tools are given without what has the shape of a key, before anything acts on them. Thinking stays
    as it came: a server wants it back unchanged."""
    return reply.model_copy(update={"content": tuple(_cleaned_block(block) for block in reply.content)})


def _cleaned_block(block: Block) -> Block:
    match block.get("type"):
        case "text":
            return {**block, "text": clean(str(block.get("text", "")))}
        case "tool_use":
            return {**block, **without_keys({name: block[name] for name in ("name", "input") if name in block})}
    return block
