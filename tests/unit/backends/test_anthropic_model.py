"""Model calls through the real SDK over real HTTP: every way in which a server fails, what is asked of it, who pays."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from orgruntime.backends.anthropic_model import AnthropicModels
from orgruntime.backends.anthropic_request import Capability
from orgruntime.model.dialogue import Message, ModelCall, ModelReply, ToolSpec, Usage
from orgruntime.model.manifest import ModelSpec, Price
from orgruntime.runtime.ports import ModelCancelled, ModelError, ModelFault
from orgruntime.testing.messages_script import COMMON, Fault, Says, Script, fails, text, uses
from orgruntime.testing.messages_server import MessagesServer, Traits
from orgruntime.testing.messages_thinking import thinking_refusal

TOOLS = tuple(ToolSpec(name=name, description=name, input_schema={"type": "object"}) for name in ("Read", "propose"))
GOOD = uses("propose", {"hypothesis": "wider is better", "files": ["train.py"]})
PRICE = Price(input=4, output=20, cache_read=0.2, cache_write=5)


def call(**changed: Any) -> ModelCall:
    fields: dict[str, Any] = {
        "system": ("program", "role", "notebook"), "tools": TOOLS, "max_tokens": 400,
        "messages": (Message(role="user", content=({"type": "text", "text": "Go on."},)),),
    }  # fmt: skip
    return ModelCall(**{**fields, **changed})


@asynccontextmanager
async def served(script: Script | Says, traits: Traits | None = None, **limits: float) -> AsyncIterator[Any]:
    """(models, model, server): a model of some family on a server of one's own."""
    play: Script = script if callable(script) else lambda asked: script
    with MessagesServer(play, traits=traits) as server:
        models = AnthropicModels({}, **limits)
        try:
            yield models, ModelSpec(name="m", species="qwen3", base_url=server.url, price=PRICE), server
        finally:
            await models.close()


KINDS = {
    Fault.RATE_LIMITED: ModelFault.RATE_LIMITED, Fault.OVERLOADED: ModelFault.OVERLOADED,
    Fault.SERVER: ModelFault.SERVER, Fault.UNAUTHORIZED: ModelFault.AUTHORITY, Fault.INVALID: ModelFault.INVALID,
    Fault.TOO_LONG: ModelFault.TOO_LONG, Fault.REDIRECT: ModelFault.INVALID, Fault.DROPPED: ModelFault.BROKEN,
    Fault.SILENT: ModelFault.TIMEOUT, Fault.NOISE: ModelFault.BROKEN, Fault.BROKEN: ModelFault.BROKEN,
    Fault.ENDED: ModelFault.BROKEN, Fault.ERROR_EVENT: ModelFault.OVERLOADED, Fault.STALLED: ModelFault.TIMEOUT,
}  # fmt: skip


@pytest.mark.parametrize(("fault", "kind"), KINDS.items())
async def test_every_fault_has_its_kind_and_its_price(fault: Fault, kind: ModelFault) -> None:
    silence_s = {Fault.SILENT: 0.3, Fault.STALLED: 3.0}.get(fault, 60.0)
    async with served(replace(GOOD, fault=fault), silence_s=silence_s) as (models, model, server):
        with pytest.raises(ModelError) as told:
            await models.complete(model, call())
        assert told.value.fault is kind
        assert str(told.value).isprintable()
        assert (told.value.usage or Usage()) == server.total
        assert (told.value.usage is not None) == (fault in (*COMMON, Fault.STALLED) and server.total.input > 0)


@pytest.mark.parametrize("at", [0.0, 0.3, 0.7, 1.0])
async def test_what_arrived_of_a_broken_answer_is_charged(at: float) -> None:
    async with served(replace(GOOD, fault=Fault.BROKEN, at=at)) as (models, model, server):
        with pytest.raises(ModelError) as told:
            await models.complete(model, call())
        assert told.value.usage == server.total
        assert (server.total.output > 0) == (at > 0.0)


async def test_a_coarse_tokenizer_is_never_undercharged() -> None:
    async with served(replace(GOOD, fault=Fault.BROKEN), Traits(bytes_a_token=4)) as (models, model, server):
        with pytest.raises(ModelError) as told:
            await models.complete(model, call())
        assert told.value.usage.input == server.total.input
        assert server.total.output <= told.value.usage.output <= 4 * server.total.output


@pytest.mark.parametrize(
    ("fault", "stop", "words"),
    [(Fault.REFUSAL, "refusal", "I will not"), (Fault.OVERLONG, "max_tokens", "and so on"),
     (Fault.MALFORMED, "tool_use", "")],
)  # fmt: skip
async def test_odd_answers_are_answers(fault: Fault, stop: str, words: str) -> None:
    async with served(replace(GOOD, fault=fault)) as (models, model, server):
        reply = await models.complete(model, call())
        assert reply.stop == stop
        assert words in reply.text
        assert reply.usage == server.total
        if fault is Fault.MALFORMED:
            assert isinstance(reply.uses[0].input["malformed"], str)


@pytest.mark.parametrize(
    ("headers", "least", "most"),
    [({"retry-after": "7"}, 7, 7), ({"retry-after-ms": "250"}, 0.25, 0.25), ({"retry-after": "-5"}, None, None),
     ({"retry-after": "soon"}, None, None), ({}, None, None),
     ({"retry-after": format_datetime(datetime.now(UTC) + timedelta(hours=9))}, 3600, 32400)],
)  # fmt: skip
async def test_how_long_to_wait_is_the_servers_word(
    headers: dict[str, str], least: float | None, most: float | None
) -> None:
    async with served(fails(Fault.RATE_LIMITED, headers=headers)) as (models, model, _):
        with pytest.raises(ModelError) as told:
            await models.complete(model, call())
    if least is None or most is None:
        assert told.value.retry_after_s is None
    else:
        assert told.value.retry_after_s is not None
        assert least <= told.value.retry_after_s <= most


async def test_a_spending_limit_does_not_pass() -> None:
    body = {"type": "error", "error": {"type": "rate_limit_error", "message": "no more",
            "details": {"error_code": "enforced_spend_limit_reached"}}}  # fmt: skip
    async with raw_server(_http(429, json.dumps(body))) as url:
        models = AnthropicModels({})
        with pytest.raises(ModelError) as told:
            await models.complete(ModelSpec(name="m", species="x", base_url=url), call())
        await models.close()
    assert told.value.fault is ModelFault.AUTHORITY


@pytest.mark.parametrize("part", ["tool_choice", "cache_control", "output_config"])
@pytest.mark.parametrize("is_mute", [False, True])
async def test_what_a_server_refuses_is_not_asked_of_it_again(part: str, is_mute: bool) -> None:
    async with served(GOOD, Traits(rejects=frozenset({part}), is_mute=is_mute)) as (models, model, server):
        model = model.model_copy(update={"effort": "high"})
        first = await models.complete(model, call(must_use_tool=True))
        second = await models.complete(model, call(must_use_tool=True))
        assert first.content == second.content == GOOD.content
        assert len(server.bills) == 3
        assert part in json.dumps(server.asked[0].body)
        assert all(part not in json.dumps(asked.body) for asked in server.asked[1:])
        kept = {"tool_choice", "cache_control", "output_config"} - {part}
        assert is_mute or all(other in json.dumps(server.asked[2].body) for other in kept)
        assert len(first.lacks) == (3 if is_mute else 1)
        assert second.lacks == {}
        assert models.capabilities(model).isdisjoint(first.lacks)
        assert server.total == first.usage + second.usage


@pytest.mark.filterwarnings("ignore:The model .* is deprecated:DeprecationWarning")
@pytest.mark.parametrize(
    ("species", "form"),
    [
        ("claude-opus-5-5", "adaptive"), ("claude-opus-4-7", "adaptive"), ("claude-sonnet-4-6", "adaptive"),
        ("claude-opus-4-5-20251101", "enabled"), ("claude-sonnet-4-5", "enabled"), ("claude-haiku-4-5", "enabled"),
        ("claude-opus-4-1-20250805", "enabled"),
    ],
)  # fmt: skip
async def test_a_claude_model_thinks_in_the_form_that_it_takes(species: str, form: str) -> None:
    """The scripted server refuses the other form, and a forced tool beside either."""
    thought = {"type": "thinking", "thinking": "hm", "signature": "s"}
    use = {"type": "tool_use", "id": "t", "name": "Read", "input": {}}
    result = {"type": "tool_result", "tool_use_id": "t", "content": "text"}
    go = Message(role="user", content=({"type": "text", "text": "go"},))
    async with served(GOOD) as (models, model, server):
        model = model.model_copy(update={"species": species, "effort": "high"})
        for turn in ((), (thought, use), (use,)):
            seen = Message(role="assistant", content=turn), Message(role="user", content=(result,))
            asked = call(must_use_tool=True, max_tokens=8000, messages=(go, *(seen if turn else ())))
            reply = await models.complete(model, asked)
            assert (reply.content, reply.lacks) == (GOOD.content, {})
        bodies = [asked.body for asked in server.asked]
        assert [body.get("thinking", {}).get("type") for body in bodies[:2]] == [form, form]
        assert len(bodies) == 3, "nothing was refused"
        # With a budget, an answer of before that began without a thought is answered without one, and a tool is forced.
        assert ("thinking" in bodies[2], "tool_choice" in bodies[2]) == (
            (True, False) if form == "adaptive" else (False, True)
        )


@pytest.mark.parametrize(
    ("species", "thinking"),
    [
        ("claude-opus-5-5", {"type": "enabled", "budget_tokens": 2000}), ("claude-haiku-4-5", {"type": "adaptive"}),
        ("claude-haiku-4-5", {"type": "enabled", "budget_tokens": 1000}),
        ("claude-haiku-4-5", {"type": "enabled", "budget_tokens": 4000}),
    ],
)  # fmt: skip
def test_the_scripted_server_refuses_what_claude_refuses(species: str, thinking: dict[str, Any]) -> None:
    assert thinking_refusal({"model": species, "max_tokens": 4000, "messages": [], "thinking": thinking})


async def test_a_request_that_is_wrong_by_itself_teaches_nothing() -> None:
    async with served(fails(Fault.INVALID, words="messages: roles must alternate")) as (models, model, server):
        with pytest.raises(ModelError, match="roles must alternate"):
            await models.complete(model, call(must_use_tool=True))
        assert Capability.FORCE in models.capabilities(model)
        assert len(server.bills) == 2


async def test_a_server_that_ignores_a_forced_tool_is_told_of() -> None:
    async with served(text("I would rather talk.")) as (models, model, _):
        reply = await models.complete(model, call(must_use_tool=True))
        assert list(reply.lacks) == ["forced tools"]


async def test_a_server_that_counts_nothing_is_charged_by_its_bytes() -> None:
    async with served(GOOD, Traits(counts=False)) as (models, model, server):
        asked = call()
        reply = await models.complete(model, asked)
        assert "usage" in reply.lacks
        assert reply.usage.input >= server.total.input
        assert reply.usage.output >= server.total.output
        assert reply.usage.tokens <= models.worst_case(model, asked).tokens


async def test_the_key_goes_where_its_name_was_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-of-claude")
    monkeypatch.setenv("ANTHROPIC_CUSTOM_HEADERS", "X-Proxy-Token: of-claude\nX-Team: a")
    with MessagesServer(lambda asked: GOOD) as server:
        models = AnthropicModels({"ANTHROPIC_API_KEY": "sk-ant-of-claude", "MINE": " sk-mine\n"})
        keyless = ModelSpec(name="a", species="x", base_url=f"{server.url}/v1/")
        await models.complete(keyless, call())
        await models.complete(keyless.model_copy(update={"key_env": "MINE"}), call())
        monkeypatch.setenv("ANTHROPIC_BASE_URL", server.url)
        await models.complete(ModelSpec(name="c", species="claude-opus-5-5"), call())
        await models.close()
        sent = [json.dumps(asked.headers) for asked in server.asked]
    assert ["of-claude" in headers for headers in sent] == [False, False, True]
    assert ["sk-mine" in headers for headers in sent] == [False, True, False]
    assert "x-proxy-token" in sent[2]


@pytest.mark.parametrize("model", [{"species": "claude-opus-5-5"}, {"species": "x", "base_url": "http://127.0.0.1:1"}])
async def test_without_its_key_nothing_is_asked(model: dict[str, str]) -> None:
    models = AnthropicModels({"OTHER": "x"})
    with pytest.raises(ModelError, match="MY_KEY is not set") as told:
        await models.complete(ModelSpec(name="m", key_env="MY_KEY", **model), call())
    assert told.value.fault is ModelFault.AUTHORITY


async def test_a_server_cannot_make_us_print_the_key() -> None:
    words = "wrong key sk-very-secret\x1b[31m\u202e and more " + "x" * 1000
    with MessagesServer(lambda asked: fails(Fault.UNAUTHORIZED, words=words)) as server:
        models = AnthropicModels({"K": "sk-very-secret"})
        with pytest.raises(ModelError) as told:
            await models.complete(ModelSpec(name="m", species="x", base_url=server.url, key_env="K"), call())
        await models.close()
    assert "sk-very-secret" not in str(told.value)
    assert str(told.value).isprintable()
    assert len(str(told.value)) < 400


async def test_a_redirect_is_not_followed() -> None:
    with MessagesServer(lambda asked: GOOD) as other:
        away = fails(Fault.REDIRECT, headers={"location": f"{other.url}/v1/messages"})
        async with served(away) as (models, model, _):
            with pytest.raises(ModelError, match="give that address"):
                await models.complete(model, call())
        assert other.bills == []


async def test_nobody_at_the_address_is_unreachable() -> None:
    with MessagesServer(lambda asked: GOOD) as server:
        url = server.url
    models = AnthropicModels({})
    with pytest.raises(ModelError) as told:
        await models.complete(ModelSpec(name="m", species="x", base_url=url), call())
    await models.close()
    assert told.value.fault is ModelFault.UNREACHABLE


@pytest.mark.parametrize("fault", [Fault.SILENT, Fault.STALLED])
async def test_cancelling_ends_the_connection_and_says_what_was_seen(fault: Fault) -> None:
    async with served(replace(GOOD, fault=fault)) as (models, model, server):
        task = asyncio.create_task(models.complete(model, call()))
        await until(lambda: fault is Fault.SILENT and bool(server.bills) or server.total.output > 0)
        await asyncio.sleep(0.2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError) as told:
            await task
        assert isinstance(told.value, ModelCancelled)
        assert told.value.usage == (None if fault is Fault.SILENT else server.total)
        await until(lambda: server.bills[0].outcome == "client gone" and server.connections == 0)


async def test_an_answer_that_never_ends_is_ended() -> None:
    async with served(text("x" * 4000, per_delta_s=0.05), longest_s=4.0) as (models, model, server):
        with pytest.raises(ModelError, match="in time") as told:
            await models.complete(model, call(max_tokens=4000))
        assert 0 < told.value.usage.output < 4000
        await until(lambda: server.bills[0].outcome == "client gone")


async def test_a_connection_is_used_again() -> None:
    async with served(GOOD) as (models, model, server):
        for n in range(3):
            await models.complete(model, call(max_tokens=400 + n))
        assert server.accepted == 1


HOSTILE = {
    "nan": '{"x": NaN}', "infinite": '{"x": 1e999}', "deep": '{"x": ' + "[" * 500 + "]" * 500 + "}",
    "deeper": "[" * 100_000, "a list": "[1, 2]", "a number": "7", "digits": '{"x": 1' + "0" * 5000 + "}",
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
async def test_input_that_json_cannot_keep_is_text(name: str) -> None:
    use = {"type": "tool_use", "id": "t", "name": "propose", "input": HOSTILE[name]}
    async with served(Says((use,), delta_chars=5000)) as (models, model, _):
        reply = await models.complete(model, call(max_tokens=200_000))
        assert list(reply.uses[0].input) == ["malformed"]
        assert json.loads(reply.model_dump_json())["stop"] == "tool_use"
        json.dumps(reply.model_dump(mode="json"), allow_nan=False).encode()


async def test_halves_of_characters_do_not_get_in() -> None:
    use = {"type": "tool_use", "id": "t", "name": "propose", "input": '{"\\ud800": "\\udfff", "ok": "\\ud83d\\ude00"}'}
    async with served(Says((use,), delta_chars=7)) as (models, model, _):
        reply = await models.complete(model, call())
        assert reply.uses[0].input == {"?": "?", "ok": "😀"}


@asynccontextmanager
async def raw_server(*answers: bytes) -> AsyncIterator[str]:
    """Says the n-th bytes to the n-th request, and hangs up."""
    waiting = list(answers)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(waiting.pop(0) if len(waiting) > 1 else waiting[0])
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def _http(status: int, body: str, kind: str = "application/json") -> bytes:
    return f"HTTP/1.1 {status} x\r\ncontent-type: {kind}\r\nconnection: close\r\n\r\n{body}".encode(errors="replace")


def _sse(*events: Any) -> bytes:
    spelled = [event if isinstance(event, str) else json.dumps(event) for event in events]
    kinds = [event.get("type", "x") if isinstance(event, dict) else "message_delta" for event in events]
    frames = (f"event: {kind}\ndata: {data}\n\n" for kind, data in zip(kinds, spelled, strict=True))
    return _http(200, "".join(frames), "text/event-stream")


START = {"type": "message_start", "message": {"model": "m", "usage": {"input_tokens": 5}}}
STOP = {"type": "message_stop"}


def begins(block: Any) -> dict[str, Any]:
    return {"type": "content_block_start", "index": 0, "content_block": block}


def adds(words: Any, index: Any = 0) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": {"type": "text_delta", "text": words}}


def starts(**usage: Any) -> dict[str, Any]:
    return {"type": "message_start", "message": {"usage": usage}}


ENDS = {
    "unknown": (START, {"type": "surprise", "x": 1}, STOP), "bad index": (START, adds(7, "z"), STOP),
    "bad usage": (starts(input_tokens=-5, output_tokens="many"), STOP),
    "huge usage": (starts(input_tokens=10**30), STOP),
    "odd block": (START, begins({"type": "x", "y": {"z": 1}}), STOP),
}  # fmt: skip
"""Whole answers, however odd."""
BREAKS = {
    "no json": ("{{{",), "a list": (START, [1], STOP), "null": (START, "null", STOP), "deep": ("[" * 50_000,),
    "no start": (STOP,), "flood": (START, *(adds("x" * 10**5),) * 30, STOP),
}  # fmt: skip


@pytest.mark.parametrize("name", ENDS)
async def test_an_odd_answer_is_an_answer(name: str) -> None:
    reply = await asked_of(_sse(*ENDS[name]))
    assert 0 < reply.usage.tokens < 2**31
    reply.model_dump_json().encode()


@pytest.mark.parametrize("name", BREAKS)
async def test_bytes_that_are_no_answer_are_a_fault(name: str) -> None:
    with pytest.raises(ModelError) as told:
        await asked_of(_sse(*BREAKS[name]))
    assert told.value.fault is ModelFault.BROKEN


async def asked_of(answer: bytes) -> ModelReply:
    async with raw_server(answer) as url:
        models = AnthropicModels({})
        try:
            return await models.complete(ModelSpec(name="m", species="x", base_url=url), call())
        finally:
            await models.close()


async def test_a_block_that_is_not_known_is_kept_as_it_came() -> None:
    block = {"type": "server_thing", "y": {"z": [1, None]}}
    async with served(Says((block, *GOOD.content))) as (models, model, _):
        assert (await models.complete(model, call())).content == (block, *GOOD.content)


async def test_thinking_comes_back_with_its_signature_and_is_returned() -> None:
    thought = {"type": "thinking", "thinking": "Hm. " * 20, "signature": "c2lnbmVk"}
    async with served(Says((thought, *GOOD.content))) as (models, model, server):
        reply = await models.complete(model, call())
        assert reply.content[0] == thought
        again = Message(role="assistant", content=reply.content)
        await models.complete(model, call(messages=(*call().messages, again, *call().messages)))
        assert server.asked[1].body["messages"][1]["content"] == list(reply.content)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():
            await asyncio.sleep(0.01)
