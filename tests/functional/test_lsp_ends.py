"""`orgrun lsp` under garbage and floods, over a socket, and at its end."""

from __future__ import annotations

import os
import random
import signal
from pathlib import Path

import pytest
from cli_cases import assert_one_sentence, orgrun, orgrun_afresh, orgrun_process
from lsp_client import TIMEOUT_S, Editor, place

ROOT = Path(__file__).parents[2]
GARBAGE = [
    b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    bytes(range(256)) * 20,
    b"Content-Length: 999999999999999999999\r\n\r\n",
    b"Content-Length: 4000000000\r\n\r\n",
    b"Content-Length: 0\r\n\r\n",
]
BODIES = [
    b"[]", b"1", b"null", b"{", b"\xff\xfe\x00", b"[" * 200_000, b'{"a":' * 50_000, b'{"jsonrpc":"2.0"}',
    b'{"jsonrpc":"1.0","id":1,"method":"x"}', b'{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":99}}',
    b'{"jsonrpc":"2.0","id":"u","method":"no/such/method"}', b'{"jsonrpc":"2.0","method":"textDocument/didOpen"}',
    b'{"jsonrpc":"2.0","method":"textDocument/didChange","params":{"textDocument":{"uri":"file:///never.md","version":1},"contentChanges":[{"text":"x"}]}}',
    b'{"jsonrpc":"2.0","method":"textDocument/didOpen","params":{"textDocument":{"uri":"\\u0000","languageId":"","version":-1,"text":"\\ud800"}}}',
]  # fmt: skip


def test_garbage_does_not_end_it(editor: Editor, program: Path) -> None:
    for data in GARBAGE:
        editor.write(data)
    for body in BODIES:
        editor.write_frame(body)
    noise = random.Random(7)
    for number in range(20):
        name = "program.md" if number % 2 else "roles/researcher.md"
        text = bytes(noise.randrange(256) for _ in range(500)).decode("latin-1")
        editor.open(program.parent / name, "---\n" + text, number)

    text = program.read_text(encoding="utf-8")
    uri = editor.open(program, text, 99)

    assert editor.at("hover", uri, place(text, "direction:", 2)) is not None
    editor.until(lambda: editor.diagnostics.get(uri, {}).get("version") == 99)
    assert editor.leave() == 0
    assert b"Traceback" not in editor.said


def test_a_request_that_cannot_be_read_is_refused(editor: Editor) -> None:
    assert editor.answer("textDocument/hover", {"position": "here"})["error"]["code"] == -32602


@pytest.mark.parametrize("size", [1 << 20, 3 << 20])
def test_a_huge_buffer_is_answered(editor: Editor, program: Path, size: int) -> None:
    uri = editor.open(program, "---\nformat: orgruntime/1\n---\n" + "a " * (size // 2))

    assert any(one["code"] == "ORG102" for one in editor.findings(uri))
    assert editor.at("completion", uri, (1, 3)) == []


def test_one_editor_over_a_socket(home: Path, program: Path) -> None:
    editor = Editor("--tcp", "0")
    editor.start(home)

    assert editor.findings(editor.open(program)) == []
    assert editor.leave() == 0


def test_the_socket_is_closed_when_the_editor_goes(home: Path) -> None:
    editor = Editor("--tcp", "0")
    editor.start(home)
    assert editor.socket
    editor.socket.shutdown(2)

    assert editor.wait() == 0


def test_how_it_ends(home: Path) -> None:
    closed = Editor(fresh=True)
    closed.start(home)
    assert closed.process.stdin
    closed.process.stdin.close()
    assert closed.wait() == 0

    rude = Editor()
    rude.start(home)
    rude.tell("exit", None)
    assert rude.wait() == 1

    stopped = Editor("--stdio")
    stopped.start(home)
    os.kill(stopped.process.pid, signal.SIGINT)
    assert stopped.wait() == 130
    assert b"Traceback" not in stopped.said


def test_wrong_options() -> None:
    assert_one_sentence(orgrun("lsp", "--stdio", "--tcp", "0"), 2, "--stdio and --tcp", "give one")
    assert_one_sentence(orgrun("lsp", "--tcp", "70000"), 2, "70000")
    assert_one_sentence(orgrun("lsp", "x"), 2, "x")


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        said = orgrun_process("lsp", "--tcp", taken.getsockname()[1], cwd=tmp_path, timeout=TIMEOUT_S)

    assert_one_sentence(said, 2, "cannot listen on 127.0.0.1", "choose another port")


def test_without_the_extra_it_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import importlib.util as u\nfind = u.find_spec\n"
        "u.find_spec = lambda name, package=None: None if name == 'pygls' else find(name, package)\n"
    )
    path = os.pathsep.join([str(tmp_path), *filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])])

    said = orgrun_afresh("lsp", cwd=tmp_path, env={"PYTHONPATH": path}, timeout=TIMEOUT_S)

    assert_one_sentence(said, 2, "pip install 'orgruntime[lsp]'")
