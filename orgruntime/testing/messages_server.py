"""A Messages API on this machine, for people who test their orgs: real HTTP, real streams, a model that is a script.

    with MessagesServer(lambda asked: uses("proposal", {"hypothesis": "wider"})) as server:
        ...  # models: {default: {species: scripted, base_url: server.url}}
        assert server.total.output > 0

Works in a thread of its own on loopback, from the standard library alone; serves any number of clients. Answers
`POST /v1/messages` (streaming or not), `/v1/messages/count_tokens` and `GET /v1/models`. Fails as the script says
(`messages_script`), counts tokens and simulates the prompt cache (`messages_bill`). Knows nothing of orgs.
Invariant: each request to `/v1/messages` has one bill, and what a client is told is never more than what it holds.
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from collections import Counter as Tally
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from orgruntime.model.dialogue import Usage
from orgruntime.testing.messages_bill import Bill, Bills, Counter
from orgruntime.testing.messages_script import STATUS, Asked, Fault, Says, Script, fails, replayed
from orgruntime.testing.messages_stream import Piece, Played, content_of, message_of, played, sse, usage_of
from orgruntime.testing.messages_thinking import thinking_refusal

_START_S = 30.0
_HEAD_LIMIT = 1 << 20


@dataclass(frozen=True)
class Traits:
    """What kind of server it is."""

    bytes_a_token: int = 1
    """1: a token a byte, the dearest that any tokenizer can be."""
    cache_floor: int = 1024
    """Tokens of the shortest prefix that is cached."""
    context: int | None = None
    """Most tokens of a prompt and `max_tokens` together."""
    key: str | None = None
    """What clients must send."""
    rejects: frozenset[str] = frozenset()
    """Parts of a request that are refused with status 400: `tool_choice`, `thinking`, `output_config`,
    `cache_control`."""
    is_mute: bool = False
    """Whether such a refusal leaves out which part it means."""
    counts: bool = True
    """Whether clients are told of tokens."""
    models: tuple[str, ...] = ("scripted",)


class MessagesServer:
    """Use it as a context manager; `url` is known inside."""

    def __init__(self, script: Script, *, port: int = 0, traits: Traits | None = None) -> None:
        self._script, self._port, self._traits = script, port, traits or Traits()
        self._bills = Bills()
        self._counter = Counter(self._traits.bytes_a_token, self._traits.cache_floor)
        self._seen: Tally[str] = Tally()
        self._asked: list[Asked] = []
        self._said: list[Says] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._ready = threading.Event()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._done: asyncio.Event | None = None
        self._broken: Exception | None = None
        self.url = ""
        self.connections = 0
        """Open now."""
        self.accepted = 0
        """Connections so far."""

    @property
    def bills(self) -> list[Bill]:
        """One for each request to `/v1/messages`, in order of arrival."""
        return self._bills.all()

    @property
    def total(self) -> Usage:
        """Everything that was charged."""
        return sum((bill.usage for bill in self.bills), Usage())

    @property
    def asked(self) -> list[Asked]:
        """Every request to `/v1/messages`, in order of arrival."""
        return list(self._asked)

    def record(self, path: Path) -> None:
        """Writes what was asked and answered, one JSON line each, for `messages_script.replayed`."""
        lines = [
            json.dumps({"request": asked.digest, "content": says.content, "stop": says.stop_reason})
            for asked, says in zip(self._asked, self._said, strict=False)
        ]
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=asyncio.run, args=(self._live(),), name="messages-server", daemon=True)
        self._thread.start()
        if not self._ready.wait(_START_S):
            raise RuntimeError("the scripted server did not start")
        return self

    def __exit__(self, failure: type[BaseException] | None, *_: object) -> None:
        """Raises what the script raised, unless something else is raised already."""
        if self._loop is not None and self._done is not None:
            self._loop.call_soon_threadsafe(self._done.set)
        if self._thread is not None:
            self._thread.join(_START_S)
        if self._broken is not None and failure is None:
            raise self._broken

    async def _live(self) -> None:
        self._loop, self._done = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._serve, "127.0.0.1", self._port, limit=_HEAD_LIMIT)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        self._ready.set()
        await self._done.wait()
        server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        self.accepted += 1
        try:
            while await self._one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError, asyncio.LimitOverrunError):
            pass  # a client that leaves, or the end of the server
        finally:
            self.connections -= 1
            self._tasks.discard(task)
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Serves one request; whether the connection may be used again."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.split("\r\n")
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length") or 0))
        wire = _Wire(writer)
        method, path = first.split(" ")[0], first.split(" ")[1].partition("?")[0]
        if not self._is_let_in(headers):
            return await wire.refuse(401, "authentication_error", "the key is wrong")
        match method, path:
            case "GET", "/v1/models":
                return await wire.json(200, _models(self._traits.models))
            case "POST", "/v1/messages/count_tokens":
                return await wire.json(200, {"input_tokens": self._counter.count(json.loads(body))})
            case "POST", "/v1/messages":
                return await _until_gone(reader, self._message(wire, headers, body))
        return await wire.refuse(404, "not_found_error", f"nothing is at {method} {path}")

    def _is_let_in(self, headers: Mapping[str, str]) -> bool:
        given = (headers.get("x-api-key"), headers.get("authorization", "").removeprefix("Bearer "))
        return self._traits.key is None or self._traits.key in given

    async def _message(self, wire: _Wire, headers: dict[str, str], raw: bytes) -> bool:
        asked = Asked(len(self._asked), json.loads(raw), headers)
        digest = asked.digest
        asked = Asked(asked.n, asked.body, headers, self._seen[digest])
        self._seen[digest] += 1
        self._asked.append(asked)
        self._bills.open(asked.n, str(asked.body.get("model")))
        outcome = "client gone"
        try:
            outcome = await self._respond(wire, asked, self._say(asked))
        finally:
            self._bills.close(asked.n, outcome)
        return wire.is_open

    def _say(self, asked: Asked) -> Says:
        try:
            says = self._script(asked)
        except Exception as error:
            self._broken = self._broken or error
            says = fails(Fault.INVALID, words=f"the script failed: {error!r}")
        self._said.append(says)
        return says

    async def _respond(self, wire: _Wire, asked: Asked, says: Says) -> str:
        """Returns the outcome of the bill, which is written before a client can know of it."""
        if refusal := self._refusal(asked):
            self._bills.close(asked.n, Fault.INVALID)
            await wire.refuse(400, "invalid_request_error", refusal)
            return Fault.INVALID
        await asyncio.sleep(says.delay_s)
        if says.fault in (*STATUS, Fault.NOISE, Fault.DROPPED):
            self._bills.close(asked.n, str(says.fault))
        if says.fault in STATUS:
            await wire.refuse(*STATUS[says.fault], says.words or _words(says.fault), _headers(says))
        elif says.fault is Fault.SILENT:
            await asyncio.Event().wait()
        elif says.fault is Fault.NOISE:
            await wire.text(200, "<html>Welcome to the proxy</html>")
        elif says.fault is Fault.DROPPED:
            wire.close()
        else:
            return await self._answer(wire, asked, says)
        return says.fault

    def _refusal(self, asked: Asked) -> str:
        body, rejects = asked.body, self._traits.rejects
        text = json.dumps(body) if rejects else ""
        for part in sorted(rejects):
            if part in body or (part == "cache_control" and f'"{part}"' in text):
                return "the request is invalid" if self._traits.is_mute else f"{part}: Extra inputs are not permitted"
        if refused := thinking_refusal(body):
            return refused
        if (most := self._traits.context) is None:
            return ""
        wanted = self._counter.count(body) + int(body.get("max_tokens", 0))
        return f"prompt is too long: {wanted} tokens > {most} maximum" if wanted > most else ""

    async def _answer(self, wire: _Wire, asked: Asked, says: Says) -> str:
        """A model's answer, whole or cut."""
        answer = played(says, asked, self._traits.bytes_a_token)
        charged = self._counter.charge(asked.body)
        self._bills.add(asked.n, charged)
        if not asked.body.get("stream"):
            size = sum(len(piece.generated.encode(errors="replace")) for piece in answer.pieces)
            charged += Usage(output=self._counter.output(size))
            self._bills.add(asked.n, Usage(output=charged.output))
            self._bills.close(asked.n, says.fault or "answered")
            await wire.json(200, message_of(asked, self._told(charged), content_of(answer.pieces), answer.stop))
            return "answered"
        await wire.begin_stream()
        await wire.event({"type": "message_start", "message": message_of(asked, self._told(charged), [], None)})
        await wire.event({"type": "ping"})
        output = await self._pieces(wire, asked, says, answer)
        if answer.cut is not None:
            if says.fault is not Fault.STALLED:
                self._bills.close(asked.n, str(says.fault))
            return await _end_early(wire, says.fault)
        done = {"stop_reason": answer.stop, "stop_sequence": None}
        usage = usage_of(self._told(Usage(output=output)))
        self._bills.close(asked.n, "answered" if says.fault is None else says.fault)
        await wire.event({"type": "message_delta", "delta": done, "usage": {"output_tokens": usage["output_tokens"]}})
        await wire.event({"type": "message_stop"})
        await wire.end_stream()
        return "answered"

    async def _pieces(self, wire: _Wire, asked: Asked, says: Says, answer: Played) -> int:
        """Sends them, charging each before it leaves; returns the output tokens."""
        size = generated = 0
        for piece in answer.pieces[: answer.cut]:
            size += len(piece.generated.encode(errors="replace"))
            now = self._counter.output(size)
            self._bills.add(asked.n, Usage(output=now - generated))
            generated = now
            await wire.event(piece.event)
            if says.per_delta_s and _is_slow(piece):
                await asyncio.sleep(says.per_delta_s)
        return generated

    def _told(self, usage: Usage) -> Usage:
        return usage if self._traits.counts else Usage()


class _Wire:
    """The answering side of one connection."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self.is_open = True

    async def json(self, status: int, body: Any, headers: Mapping[str, str] | None = None) -> bool:
        return await self.text(status, json.dumps(body), "application/json", headers)

    async def refuse(self, status: int, type: str, words: str, headers: Mapping[str, str] | None = None) -> bool:
        return await self.json(status, _error(type, words), headers)

    async def text(
        self, status: int, body: str, kind: str = "text/html", headers: Mapping[str, str] | None = None
    ) -> bool:
        data = body.encode()
        given = {"content-type": kind, "content-length": str(len(data)), **(headers or {})}
        await self._send(_head(status, given) + data)
        return True

    async def begin_stream(self) -> None:
        await self._send(_head(200, {"content-type": "text/event-stream", "transfer-encoding": "chunked"}))

    async def event(self, event: dict[str, Any]) -> None:
        data = sse(event)
        await self._send(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    async def end_stream(self) -> None:
        await self._send(b"0\r\n\r\n")

    def close(self) -> None:
        self.is_open = False
        self._writer.close()

    async def _send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()


async def _until_gone(reader: asyncio.StreamReader, work: Coroutine[Any, Any, bool]) -> bool:
    """The work's result; False as soon as the client has left, and the work is cancelled."""
    task, gone = asyncio.ensure_future(work), asyncio.ensure_future(reader.read(1))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        return await task if task.done() else False
    finally:
        for one in (task, gone):
            one.cancel()
        with suppress(asyncio.CancelledError, ConnectionError):
            await task
        with suppress(asyncio.CancelledError, ConnectionError):
            await gone


async def _end_early(wire: _Wire, fault: Fault | None) -> str:
    if fault is Fault.STALLED:
        await asyncio.Event().wait()
    if fault is Fault.ERROR_EVENT:
        await wire.event(_error("overloaded_error", "too much to do"))
    if fault is Fault.BROKEN:
        wire.close()
    else:
        await wire.end_stream()
    return str(fault)


def _is_slow(piece: Piece) -> bool:
    return bool(piece.generated)


def _error(type: str, words: str) -> dict[str, Any]:
    return {"type": "error", "error": {"type": type, "message": words}}


def _words(fault: Fault) -> str:
    return (
        "prompt is too long: more tokens than the model takes" if fault is Fault.TOO_LONG else f"{fault}, as scripted"
    )


def _headers(says: Says) -> dict[str, str]:
    wait = {} if says.retry_after_s is None else {"retry-after": f"{says.retry_after_s:g}"}
    return {**wait, **says.headers}


def _head(status: int, headers: Mapping[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} -", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def _models(names: tuple[str, ...]) -> dict[str, Any]:
    made = "2026-01-01T00:00:00Z"
    data = [{"type": "model", "id": name, "display_name": name, "created_at": made} for name in names]
    return {"data": data, "has_more": False, "first_id": names[0], "last_id": names[-1]}


def main(argv: list[str], out: Callable[[str], object] = sys.stdout.write) -> None:
    """`python -m orgruntime.testing.messages_server RECORDING [PORT]`: serves a recording until it is interrupted."""
    if not argv:
        raise SystemExit("usage: python -m orgruntime.testing.messages_server RECORDING [PORT]")
    port = int(argv[1]) if len(argv) > 1 else 0
    with MessagesServer(replayed(Path(argv[0])), port=port) as server:
        out(f"{server.url}\n")
        with suppress(KeyboardInterrupt):
            threading.Event().wait()


if __name__ == "__main__":
    main(sys.argv[1:])
