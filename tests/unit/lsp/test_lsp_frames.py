"""Frames of the protocol, cut out of any stream of bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orgruntime.lsp.transport import MOST_BODY, Frames


def frame(body: bytes) -> bytes:
    return b"Content-Length: %d\r\n\r\n%s" % (len(body), body)


@given(st.lists(st.binary(max_size=60), max_size=6), st.integers(1, 50))
def test_bodies_come_out_whatever_the_chunks(bodies: list[bytes], size: int) -> None:
    stream = b"".join(map(frame, bodies))
    frames = Frames()

    found = [body for at in range(0, len(stream), size) for body in frames.feed(stream[at : at + size])]

    assert found == bodies


@pytest.mark.parametrize(
    "junk",
    [
        b"hello\r\n",
        b"\x00\xff\xfe" * 100,
        b"Content-Length: x\r\n\r\n",
        b"Content-Length: -5\r\n\r\n",
        b"Content-Length: %d\r\n\r\n" % (MOST_BODY + 1),
        b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n",
        b"Content-Length: 5\r\n" * 300 + b"x" * 600 + b"\r\n",
        b"x" * 100_000,
        b"\r\n\r\n\r\n",
    ],
)
def test_junk_before_a_frame_is_skipped(junk: bytes) -> None:
    assert list(Frames().feed(junk + frame(b"{}"))) == [b"{}"]


@pytest.mark.parametrize(
    "header",
    [
        b"Content-Length: 2\r\nContent-Type: application/vscode-jsonrpc; charset=utf-8\r\n\r\n",
        b"Content-Type: application/vscode-jsonrpc\r\nContent-Length: 2\r\n\r\n",
        b"content-length:2\n\n",
    ],
)
def test_headers_may_be_written_otherwise(header: bytes) -> None:
    assert list(Frames().feed(header + b"{}" + frame(b"next"))) == [b"{}", b"next"]


def test_an_empty_body_is_a_body() -> None:
    assert list(Frames().feed(frame(b"") + frame(b"{}"))) == [b"", b"{}"]


@given(st.binary(max_size=300))
def test_any_bytes_are_taken(data: bytes) -> None:
    for body in Frames().feed(data):
        assert len(body) < len(data)
