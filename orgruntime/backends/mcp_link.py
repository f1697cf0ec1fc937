"""One tool server of an org, as the driver speaks to it.

Works on one declared server through the official SDK. Does not know grants or roles. What a server says is data, and
hostile: names, descriptions, schemas and results are bounded and cleaned here, and no schema of its is ever executed
(the SDK's check of results would run its patterns in the driver). Invariant: every wait has an end.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import Any

import httpx2
from mcp.client._transport import Transport, TransportStreams
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError
from mcp_types import (
    CONNECTION_CLOSED,
    CallToolRequest,
    CallToolRequestParams,
    CallToolResult,
    PaginatedRequestParams,
)

from orgruntime.backends.desk_tools import capped
from orgruntime.backends.mcp_process import Box, streams
from orgruntime.model.dialogue import ToolResult, ToolSpec, ToolUse
from orgruntime.model.manifest import ToolServer
from orgruntime.runtime.readings import plain

OPEN_S = 30.0
CALL_S = 120.0
RESULT_CHARS = 30_000
DESCRIPTION_CHARS = 1000
SCHEMA_CHARS = 20_000
TOOLS = 64
"""Of one server."""
PAGES = 10
STARTS = 4
"""Of one server that ends by itself, a run."""
RESPONSE_BYTES = 16 << 20
"""Of one response over HTTP."""

_NAME = re.compile(r"[A-Za-z0-9_-]+")
LONGEST_NAME = 64


class ServerError(Exception):
    """One sentence for the model or the operator."""


class Link:
    """A server that has ended is started again by the next use, a bounded number of times."""

    def __init__(self, server: ToolServer, box: Box, token: str | None) -> None:
        self._server, self._box, self._token = server, box, token
        self._starts = 0
        self._connection: Connection | None = None
        self._lock = asyncio.Lock()
        self.specs: tuple[ToolSpec, ...] = ()
        self.dropped: list[str] = []
        """Tools that cannot be offered, and why."""

    async def open(self) -> None:
        """Raises ServerError."""
        self.specs, self.dropped = await _listed(await self._connected(), self._server.name)

    async def use(self, use: ToolUse) -> ToolResult:
        """Whatever goes wrong is a result that says so. Cancellable."""
        request = CallToolRequest(
            params=CallToolRequestParams(name=use.name.removeprefix(f"mcp__{self._server.name}__"), arguments=use.input)
        )
        try:
            client = await self._connected()
            async with asyncio.timeout(CALL_S):
                result = await client.session.send_request(request, CallToolResult)
        except TimeoutError:
            return _failed(use, f"the tool server {self._server.name} gave no answer within {CALL_S:g} s")
        except ServerError as error:
            return _failed(use, str(error))
        except Exception as error:
            if isinstance(error, MCPError) and error.code == CONNECTION_CLOSED and self._connection is not None:
                self._connection.leave.set()
            return _failed(use, f"the tool server {self._server.name} failed: {_sentence(error)}")
        return ToolResult(id=use.id, text=_text(result), is_error=result.is_error)

    async def close(self) -> None:
        """Idempotent."""
        if self._connection is not None:
            await self._connection.close()

    async def _connected(self) -> Client:
        async with self._lock:
            if self._connection is None or self._connection.is_over:
                if self._starts >= STARTS:
                    raise ServerError(f"the tool server {self._server.name} has ended {STARTS} times and stays ended")
                await self.close()
                self._starts += 1
                self._connection = Connection(self._transport())
            try:
                async with asyncio.timeout(OPEN_S):
                    return await asyncio.shield(self._connection.ready)
            except TimeoutError:
                await self.close()
                raise ServerError(f"the tool server {self._server.name} did not answer within {OPEN_S:g} s") from None
            except Exception as error:
                sentence = f"the tool server {self._server.name} did not start: {_sentence(error)}"
                raise ServerError(sentence) from error

    def _transport(self) -> Transport:
        if self._server.url is None:
            return streams(self._box, self._server.command)
        return _over_http(self._server.url, self._token)


class Connection:
    """One connection, and the task that lives as long as it does: what it opens has to be closed by the task that
    opened it."""

    def __init__(self, transport: Transport) -> None:
        self.leave = asyncio.Event()
        self.ready: asyncio.Future[Client] = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._live(transport))

    @property
    def is_over(self) -> bool:
        return self._task.done() or self.leave.is_set()

    async def close(self) -> None:
        self.leave.set()
        if not self.ready.done():
            self._task.cancel()
        await asyncio.wait([self._task], timeout=10)
        self._task.cancel()

    async def _live(self, transport: Transport) -> None:
        try:
            async with Client(transport, cache=None) as client:
                self.ready.set_result(client)
                await self.leave.wait()
        except asyncio.CancelledError:
            self.ready.cancel()
        except Exception as error:
            if not self.ready.done():
                self.ready.set_exception(error)
                self.ready.exception()  # Somebody may have stopped waiting for it.


async def _listed(client: Client, server: str) -> tuple[tuple[ToolSpec, ...], list[str]]:
    """What the server offers, in its order, and what of it cannot be."""
    specs: dict[str, ToolSpec] = {}
    dropped: list[str] = []
    cursor: str | None = None
    for _ in range(PAGES):
        async with asyncio.timeout(OPEN_S):
            page = await client.session.list_tools(params=PaginatedRequestParams(cursor=cursor))
        for tool in page.tools:
            name = f"mcp__{server}__{tool.name}"
            reason = _unfit(name, tool.input_schema, specs)
            if reason:
                dropped.append(f"{plain(name)[:100]!r} {reason}")
            else:
                words = " ".join(plain(tool.description or "it does not say what it does").split())
                told = f"A tool of the server {server}, which says of it: {capped(words, DESCRIPTION_CHARS)}"
                specs[name] = ToolSpec(name=name, description=told, input_schema=tool.input_schema)
        cursor = page.next_cursor
        if cursor is None:
            break
    return tuple(specs.values()), dropped[:TOOLS]


def _unfit(name: str, schema: Mapping[str, Any], known: Mapping[str, ToolSpec]) -> str:
    """Why a tool cannot be offered to a model."""
    if not _NAME.fullmatch(name) or len(name) > LONGEST_NAME:
        return f"has a name that no model takes: {LONGEST_NAME} letters, digits, - and _ at most"
    if name in known:
        return "is there twice"
    if len(known) >= TOOLS:
        return f"is one of more than {TOOLS}"
    if schema.get("type") != "object" or len(json.dumps(schema)) > SCHEMA_CHARS:
        return "has a schema that is too long, or is no object's"
    return ""


def _text(result: CallToolResult) -> str:
    parts = [
        block.text if block.type == "text" else f"[{block.type} left out: only text is shown]"
        for block in result.content
    ]
    if not parts and result.structured_content is not None:
        parts = [json.dumps(result.structured_content, ensure_ascii=False)]
    return capped(plain("\n".join(parts)), RESULT_CHARS)


def _failed(use: ToolUse, text: str) -> ToolResult:
    return ToolResult(id=use.id, text=text, is_error=True)


def _sentence(error: BaseException) -> str:
    """The first cause in a group, on one line."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    words = " ".join(plain(str(error)).split())[:300]
    return words or type(error).__name__


@contextlib.asynccontextmanager
async def _over_http(url: str, token: str | None) -> AsyncGenerator[TransportStreams, None]:
    headers = {"Accept-Encoding": "identity"} | ({"Authorization": f"Bearer {token}"} if token else {})
    timeout = httpx2.Timeout(OPEN_S, read=CALL_S)
    async with (
        httpx2.AsyncClient(transport=_Bounded(), headers=headers, timeout=timeout) as client,
        streamable_http_client(url, http_client=client) as transport,
    ):
        yield transport


class _Bounded(httpx2.AsyncBaseTransport):
    """HTTP whose responses end at a bound."""

    def __init__(self) -> None:
        self._inner = httpx2.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        response = await self._inner.handle_async_request(request)
        if response.headers.get("content-encoding", "identity") != "identity":
            await response.aclose()
            raise httpx2.ReadError("the answer is packed, which was not asked for", request=request)
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        response.stream = _Counted(response.stream, request)
        return response

    async def aclose(self) -> None:
        await self._inner.aclose()


class _Counted(httpx2.AsyncByteStream):
    def __init__(self, inner: httpx2.AsyncByteStream, request: httpx2.Request) -> None:
        self._inner, self._request = inner, request

    async def __aiter__(self) -> AsyncIterator[bytes]:
        read = 0
        async for piece in self._inner:
            read += len(piece)
            if read > RESPONSE_BYTES:
                raise httpx2.ReadError(f"the answer has more than {RESPONSE_BYTES} bytes", request=self._request)
            yield piece

    async def aclose(self) -> None:
        await self._inner.aclose()
