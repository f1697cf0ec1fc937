"""The scripted server by itself, as any HTTP client sees it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from orgruntime.model.dialogue import Usage
from orgruntime.testing.messages_bill import Counter
from orgruntime.testing.messages_script import (
    COMMON,
    Asked,
    Fault,
    Says,
    failing,
    fails,
    in_order,
    replayed,
    text,
    uses,
)  # fmt: skip
from orgruntime.testing.messages_server import MessagesServer, Traits

GOOD = uses("propose", {"hypothesis": "wider"})


def body(words: str = "go", **fields: Any) -> dict[str, Any]:
    return {"model": "m", "max_tokens": 100, "messages": [{"role": "user", "content": words}], **fields}


def ask(server: MessagesServer, sent: dict[str, Any] | None = None, path: str = "/v1/messages", **headers: str) -> Any:
    data = None if sent is None else json.dumps(sent).encode()
    request = urllib.request.Request(f"{server.url}{path}", data, {"content-type": "application/json", **headers})
    with urllib.request.urlopen(request, timeout=120) as response:
        raw = response.read().decode()
    return raw if raw.startswith("event:") else json.loads(raw)


def test_a_client_that_does_not_stream_is_answered_and_charged() -> None:
    with MessagesServer(lambda asked: GOOD) as server:
        message = ask(server, body())
        assert message["content"] == list(GOOD.content)
        assert (message["stop_reason"], message["model"], message["role"]) == ("tool_use", "m", "assistant")
        told = message["usage"]
        assert server.total == Usage(input=told["input_tokens"], output=told["output_tokens"])
        assert [bill.outcome for bill in server.bills] == ["answered"]
        assert ask(server, body(), "/v1/messages/count_tokens") == {"input_tokens": told["input_tokens"]}
        assert ask(server, path="/v1/models")["data"][0]["id"] == "scripted"


def test_a_stream_has_the_events_of_the_api_in_order() -> None:
    with MessagesServer(lambda asked: text("one two three four", delta_chars=6)) as server:
        lines = ask(server, body(stream=True)).splitlines()
    kinds = [line.removeprefix("event: ") for line in lines if line.startswith("event")]
    assert kinds == [
        "message_start", "ping", "content_block_start", *["content_block_delta"] * 3, "content_block_stop",
        "message_delta", "message_stop",
    ]  # fmt: skip


def test_an_answer_ends_where_the_request_says() -> None:
    with MessagesServer(lambda asked: text("ünïcödé " * 50)) as server:
        message = ask(server, body(max_tokens=21))
    assert message["stop_reason"] == "max_tokens"
    assert message["content"][0]["text"] == "ünïcödé ünïcöd"
    assert message["usage"]["output_tokens"] <= 21


@pytest.mark.parametrize(
    ("says", "traits", "status", "words"),
    [
        (fails(Fault.OVERLOADED), {}, 529, "overloaded"), (GOOD, {"key": "k"}, 401, "key is wrong"),
        (GOOD, {"context": 20}, 400, "prompt is too long"), (fails(Fault.SERVER, words="oh"), {}, 500, "oh"),
        (GOOD, {"rejects": frozenset({"max_tokens"})}, 400, "max_tokens: Extra inputs"),
    ],
)  # fmt: skip
def test_refusals_are_as_the_api_spells_them(says: Says, traits: Any, status: int, words: str) -> None:
    with MessagesServer(lambda asked: says, traits=Traits(**traits)) as server:
        with pytest.raises(urllib.error.HTTPError) as told:
            ask(server, body())
        assert told.value.code == status
        error = json.loads(told.value.read())
        assert error["type"] == "error"
        assert words in error["error"]["message"]
        assert server.total == Usage()
        with pytest.raises(urllib.error.HTTPError):
            ask(server, path="/v2/else")


def test_the_right_key_opens_in_both_headers() -> None:
    with MessagesServer(lambda asked: GOOD, traits=Traits(key="k")) as server:
        for headers in ({"x-api-key": "k"}, {"authorization": "Bearer k"}):
            assert ask(server, body(), **headers)["content"]


def test_what_was_recorded_is_said_again(tmp_path: Path) -> None:
    answers = in_order(GOOD, text("second"), text("third"))
    with MessagesServer(answers) as server:
        first = [ask(server, body(word))["content"] for word in ("a", "b", "c")]
        server.record(tmp_path / "talk.jsonl")
    with MessagesServer(replayed(tmp_path / "talk.jsonl")) as server:
        assert [ask(server, body(word))["content"] for word in ("c", "a", "a", "b")] == [
            first[2], first[0], first[0], first[1]
        ]  # fmt: skip
        assert ask(server, body("never heard"))["content"]


def test_a_recording_is_served_from_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "talk.jsonl").write_text(json.dumps({"content": [{"type": "text", "text": "hello"}]}) + "\n")
    command = [sys.executable, "-u", "-m", "orgruntime.testing.messages_server", str(tmp_path / "talk.jsonl")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            url = server.stdout.readline().strip()
            request = urllib.request.Request(f"{url}/v1/messages", json.dumps(body()).encode())
            with urllib.request.urlopen(request, timeout=120) as response:
                assert json.load(response)["content"] == [{"type": "text", "text": "hello"}]
        finally:
            server.kill()


def test_a_script_that_fails_is_heard_of() -> None:
    def broken(asked: Asked) -> Says:
        raise ZeroDivisionError("in the script")

    def serve() -> None:
        with MessagesServer(broken) as server, pytest.raises(urllib.error.HTTPError):
            ask(server, body())

    with pytest.raises(ZeroDivisionError, match="in the script"):
        serve()


def test_what_fails_follows_from_seed_request_and_repetition() -> None:
    def ends(seed: int, share: float) -> list[Any]:
        script = failing(lambda asked: GOOD, share, seed=seed)
        asks = [Asked(n, body(f"{n // 2}"), {}, n % 2) for n in range(400)]
        return [script(asked).fault for asked in reversed(asks)]

    assert ends(1, 0.2) == ends(1, 0.2)
    assert ends(1, 0.2) != ends(2, 0.2)
    assert 40 < sum(fault is not None for fault in ends(1, 0.2)) < 120
    assert set(ends(1, 0.9)) - {None} == set(COMMON)


def test_a_slow_model_is_slow_and_many_are_slow_together() -> None:
    with MessagesServer(lambda asked: text("slow", delay_s=0.3)) as server:
        began = time.monotonic()
        ask(server, body())
        assert 0.3 <= time.monotonic() - began < 10


MARK = {"cache_control": {"type": "ephemeral"}}


def talk(*blocks: tuple[str, bool], model: str = "m") -> dict[str, Any]:
    content = [{"type": "text", "text": words, **(MARK if marked else {})} for words, marked in blocks]
    return {"model": model, "messages": [{"role": "user", "content": content}]}


def test_a_marked_prefix_is_written_once_and_read_from_then_on() -> None:
    counter = Counter(1, 50)
    whole = counter.count(talk(("a" * 100, True), ("b", False)))
    first = counter.charge(talk(("a" * 100, True), ("b", False)))
    again = counter.charge(talk(("a" * 100, True), ("c", False)))
    assert first.input + first.cache_write == whole
    assert (first.cache_read, again.cache_read, again.cache_write) == (0, first.cache_write, 0)
    grown = counter.charge(talk(("a" * 100, False), ("b", False), ("d" * 100, True)))
    assert grown.cache_read == first.cache_write
    assert grown.cache_write == counter.count(talk(("b", False), ("d" * 100, False)))
    assert grown.input == 0


def test_what_is_not_cached() -> None:
    counter = Counter(1, 500)
    for sent in (talk(("short", True)), talk(("x" * 1000, False))):
        assert counter.charge(sent) == counter.charge(sent) == Usage(input=counter.count(sent))
    counter.charge(talk(("x" * 1000, True)))
    assert counter.charge(talk(("x" * 1000, True), model="other")).cache_read == 0
    assert counter.charge(talk(("y" * 1000, True))).cache_read == 0
    far = [("z", False)] * 30
    assert counter.charge(talk(("x" * 1000, False), *far, ("end", True))).cache_read == 0
