"""Language models over the Messages API, through the anthropic SDK: Claude, and every server that speaks like it.

Works on one attempt at a time; tries nothing again but a request whose server refused an optional part. The only place
where a key is read, from the environment by the name that the model's entry gives. Does not keep books, wait or choose.
Invariants: always a stream, never a conversation kept by the server; what an attempt reports is at most its worst case;
a cancelled attempt leaves no connection behind.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import ssl
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from orgruntime.backends.anthropic_answer import Answer
from orgruntime.backends.anthropic_faults import fault_of, said
from orgruntime.backends.anthropic_request import (
    Capability,
    blamed,
    body_of,
    capabilities_of,
    pieces_of,
    relied_on,
    size_of,
)
from orgruntime.model.amounts import Amounts
from orgruntime.model.claude import KNOWN, price_of
from orgruntime.model.dialogue import ModelCall, ModelReply, Usage
from orgruntime.model.manifest import ModelSpec, Price
from orgruntime.model.species import ceil_micro, dearest_input, price_for
from orgruntime.runtime.ports import ModelCancelled, ModelError, ModelFault

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic, AsyncStream

KEY_ENV = "ANTHROPIC_API_KEY"
"""Where the key is when a model of no `base_url` names no other variable."""
NO_KEY = "none"
"""Sent where a server wants none: the SDK insists on one."""

CONNECT_S = 10.0
SILENCE_S = 600.0
"""Without a byte. A small machine reads a long prompt for minutes before its first word."""
LONGEST_S = 3600.0
"""Of one answer."""

KEPT_CLIENTS = 128
"""Idle ones of a server and key; each keeps a connection."""

OVERHEAD_TOKENS = 2048
"""Most that a server puts around a request: its template, its words on how tools are used."""
PIECE_TOKENS = 32
"""Most that it puts around one block or tool."""

_OF_PARAMETERS = (200, 400, 415, 422, 501)
"""Status of a refusal that may be meant for one part of a request; 200 for one that comes as the first event."""
_REST_S = 1.0

_ANY_REFUSAL = "refused together with other optional parts of a request, without a word on which"
_IGNORED = "taken, and an answer without a tool came back"
_NO_USAGE = "no token was counted by the server; bytes are counted instead"


class AnthropicModels:
    """Implements `ports.Models`. A call has a client to itself: a pool of connections looks at each of its own at
    every request and every answer, which with a hundred of them cost more than all the rest of a call."""

    def __init__(
        self,
        environ: Mapping[str, str] = os.environ,
        *,
        connect_s: float = CONNECT_S,
        silence_s: float = SILENCE_S,
        longest_s: float = LONGEST_S,
    ) -> None:
        self._environ = environ
        self._timeouts, self._longest_s = (connect_s, silence_s), longest_s
        self._idle: dict[_At, list[AsyncAnthropic]] = {}
        self._found: dict[_At, _Found] = {}
        self._loaded = False

    def worst_case(self, model: ModelSpec, call: ModelCall) -> Amounts:
        """No tokenizer makes more tokens than there are bytes."""
        body = body_of(model, call, frozenset(Capability))
        prompt = size_of(body) + OVERHEAD_TOKENS + PIECE_TOKENS * pieces_of(body)
        price = _price(model, prompt)
        usd = ceil_micro(prompt * dearest_input(price) + call.max_tokens * price.output)
        return Amounts(tokens=prompt + call.max_tokens, usd_micro=usd)

    def cost(self, model: ModelSpec, usage: Usage) -> Amounts:
        price = _price(model, usage.input + usage.cache_read + usage.cache_write)
        # Dollars a million tokens are millionths of a dollar a token.
        micro = usage.input * price.input + usage.output * price.output
        micro += usage.cache_read * _or(price.cache_read, price.input)
        micro += usage.cache_write * _or(price.cache_write, price.input)
        return Amounts(tokens=usage.tokens, usd_micro=ceil_micro(micro))

    def capabilities(self, model: ModelSpec) -> frozenset[Capability]:
        """As far as is known now."""
        return capabilities_of(model) - self._of(model).lacks

    async def complete(self, model: ModelSpec, call: ModelCall) -> ModelReply:
        key = self._key(model)
        if not self._loaded:
            await asyncio.to_thread(importlib.import_module, "anthropic")  # takes a second, once
            self._loaded = True
        can = self.capabilities(model)
        found = self._of(model)
        while True:
            body = body_of(model, call, can)
            try:
                reply = await self._attempt(model, body, key)
                break
            except _Refused as refused:
                can = _without(model, found, can, body, refused)
        for capability in self.capabilities(model) - can:
            found.learn(capability, _ANY_REFUSAL)
        if "tool_choice" in body and reply.stop == "end_turn" and not reply.uses:
            found.note(Capability.FORCE, _IGNORED)
        if not reply.usage.tokens:
            found.note("usage", _NO_USAGE)
            reply = reply.model_copy(update={"usage": _usage_by_size(body, reply)})
        return reply.model_copy(update={"lacks": found.tell()})

    async def close(self) -> None:
        idle, self._idle = self._idle, {}
        for client in (one for clients in idle.values() for one in clients):
            await client.close()

    async def _attempt(self, model: ModelSpec, body: dict[str, Any], key: str) -> ModelReply:
        answer = Answer(body["max_tokens"])
        try:
            async with asyncio.timeout(self._longest_s):
                await self._stream(model, body, key, answer)
            return answer.reply()
        except asyncio.CancelledError:
            raise ModelCancelled(answer.usage()) from None
        # Whatever a server's bytes do to the SDK is a fault of the server.
        except Exception as error:
            secret = key if key != NO_KEY else ""
            fault = fault_of(error, answer.usage(), secret=secret)
            status = getattr(error, "status_code", 0)
            if fault.fault is ModelFault.INVALID and fault.usage is None and status in _OF_PARAMETERS:
                raise _Refused(fault, said(error, secret)) from error
            raise fault from error

    async def _stream(self, model: ModelSpec, body: dict[str, Any], key: str, answer: Answer) -> None:
        idle = self._idle.setdefault((model.base_url, key), [])
        client = idle.pop() if idle else _client(model, key, self._timeouts)
        try:
            await self._read(client, model, body, answer)
        finally:
            if len(idle) < KEPT_CLIENTS:
                idle.append(client)
            else:
                await client.close()

    async def _read(self, client: AsyncAnthropic, model: ModelSpec, body: dict[str, Any], answer: Answer) -> None:
        async with await _asked(client, model, body) as stream:
            while not answer.is_over and (event := await anext(stream, None)) is not None:
                answer.take(event)
            # Read to its end, a connection can be used again; an answer that is whole does not wait for that long.
            with suppress(Exception):
                async with asyncio.timeout(_REST_S):
                    while await anext(stream, None) is not None:
                        pass
        if not answer.is_whole:
            raise ModelError(ModelFault.BROKEN, "the answer broke off before its end", usage=answer.usage())

    def _key(self, model: ModelSpec) -> str:
        """Raises ModelError where a key is named and not there."""
        name = model.key_env or (None if model.base_url else KEY_ENV)
        if name is None:
            return NO_KEY
        key = self._environ.get(name, "").strip()
        if not key:
            raise ModelError(ModelFault.AUTHORITY, f"{name} is not set; it must hold the key of {model.species}")
        return key

    def _of(self, model: ModelSpec) -> _Found:
        return self._found.setdefault((model.base_url, model.species), _Found())


_At = tuple[str | None, str]
"""Server and species, or server and key."""


class _Found:
    """What was found out about one species at one server."""

    def __init__(self) -> None:
        self.lacks: set[Capability] = set()
        """Not asked for any more."""
        self._notes: dict[str, str] = {}
        self._untold: dict[str, str] = {}

    def learn(self, capability: Capability, words: str) -> None:
        self.lacks.add(capability)
        self.note(capability, words)

    def note(self, name: str, words: str) -> None:
        if name not in self._notes:
            self._notes[name] = self._untold[name] = words

    def tell(self) -> dict[str, str]:
        """Each note once."""
        told, self._untold = self._untold, {}
        return {str(name): words for name, words in told.items()}


class _Refused(Exception):
    """A server found a request invalid before it charged anything for it."""

    def __init__(self, fault: ModelError, words: str) -> None:
        super().__init__(words)
        self.fault, self.words = fault, words


def _client(model: ModelSpec, key: str, timeouts: tuple[float, float]) -> AsyncAnthropic:
    """`timeouts`: seconds to connect, and without a byte."""
    import anthropic
    import httpx2

    timeout = httpx2.Timeout(timeouts[1], connect=timeouts[0])
    return anthropic.AsyncAnthropic(
        api_key=key,
        base_url=_address(model.base_url),
        max_retries=0,
        timeout=timeout,
        open_telemetry=False,
        http_client=anthropic.DefaultAsyncHttpxClient(
            timeout=timeout,
            # Where a prompt goes is what the org was trusted with.
            follow_redirects=False,
            limits=httpx2.Limits(max_connections=None, max_keepalive_connections=1),
            verify=_authorities(),
            trust_env=not _is_loopback(model.base_url),
        ),
    )


async def _asked(client: AsyncAnthropic, model: ModelSpec, body: dict[str, Any]) -> AsyncStream[Any]:
    """As `messages.create` does, with events as they come: it would copy the request, and make models of the events
    that are turned back into mappings here."""
    from anthropic import AsyncStream

    content = json.dumps({**body, "stream": True}, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    return await client.post(
        "/v1/messages",
        cast_to=object,
        content=content,
        options={"headers": _headers(model)},
        stream=True,
        stream_cls=AsyncStream[Any],
    )


def _without(
    model: ModelSpec, found: _Found, can: frozenset[Capability], body: dict[str, Any], refused: _Refused
) -> frozenset[Capability]:
    """What to try with after a refusal. Raises ModelError when that is nothing new."""
    used = relied_on(body)
    culprit = blamed(refused.words, used)
    if culprit is not None:
        found.learn(culprit, refused.words)
        return can - {culprit}
    if not used or model.base_url is None:
        raise refused.fault
    # Small servers say that something is wrong and not what. What then works shows what it was not able to take.
    return can - set(used)


def _usage_by_size(body: dict[str, Any], reply: ModelReply) -> Usage:
    """For a server that counts nothing: bytes, which are no fewer than tokens, so that budgets still bound it."""
    size = len(json.dumps(reply.content, ensure_ascii=False).encode(errors="replace"))
    return Usage(input=size_of(body), output=min(size, body["max_tokens"]))


@cache
def _authorities() -> ssl.SSLContext:
    """Reading the certificates takes a tenth of a second of CPU: once for all servers."""
    import httpx2

    return httpx2.create_ssl_context()


def _address(url: str | None) -> str | None:
    """The SDK adds `/v1/messages` by itself."""
    return url.rstrip("/").removesuffix("/v1") if url else None


def _headers(model: ModelSpec) -> dict[str, Any]:
    """The SDK sends the headers of `ANTHROPIC_CUSTOM_HEADERS` to whatever server it is pointed at; they are meant for
    the one that has no `base_url`."""
    import anthropic

    if model.base_url is None:
        return {}
    lines = os.environ.get("ANTHROPIC_CUSTOM_HEADERS", "").split("\n")
    return {line.partition(":")[0].strip(): anthropic.Omit() for line in lines if ":" in line}


def _is_loopback(url: str | None) -> bool:
    host = urlsplit(url or "").hostname or ""
    return host in ("localhost", "::1") or host.startswith("127.")


def _price(model: ModelSpec, prompt: int) -> Price:
    """A Claude model that is not known here costs as much as the dearest."""
    return price_for(model, prompt) or _dearest()


def _dearest() -> Price:
    prices = [price for name in KNOWN if (price := price_of(name)) is not None]
    return max(prices, key=lambda price: price.output)


def _or(price: float | None, otherwise: float) -> float:
    return otherwise if price is None else price
