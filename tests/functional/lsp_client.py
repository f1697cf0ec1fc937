"""An editor's side of the protocol: a process of `orgrun lsp`, messages over its streams or a socket."""

from __future__ import annotations

import json
import os
import queue
import socket
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from cli_cases import command
from warm import Orgrun

TIMEOUT_S = 120.0
Message = dict[str, Any]


class Editor:
    """Answers are awaited; notifications of the server are kept."""

    def __init__(self, *words: str, fresh: bool = False) -> None:
        """`fresh`: by a Python that starts and imports, which takes seconds."""
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        self.process: subprocess.Popen[bytes] | Orgrun = (
            subprocess.Popen(command("lsp", *words), **pipes) if fresh else Orgrun("lsp", *words, **pipes)
        )
        assert self.process.stdout
        assert self.process.stderr
        self.said = b""
        self.socket: socket.socket | None = None
        reading: IO[bytes] = self.process.stdout
        if "--tcp" in words:
            line = self.process.stderr.readline().decode()
            self.socket = socket.create_connection(("127.0.0.1", int(line.rpartition(":")[2])), timeout=TIMEOUT_S)
            reading = self.socket.makefile("rb")
        self.messages: queue.Queue[Message | None] = queue.Queue()
        self.diagnostics: dict[str, Message] = {}
        self.requests: list[Message] = []
        self._number = 0
        self._threads = [
            threading.Thread(target=self._pump, args=(reading,)), threading.Thread(target=self._drain),
        ]  # fmt: skip
        for thread in self._threads:
            thread.start()

    def start(self, *folders: Path, capabilities: Message | None = None) -> Message:
        roots = [{"uri": folder.as_uri(), "name": folder.name} for folder in folders]
        params = {
            "processId": os.getpid(),
            "rootUri": None,
            "capabilities": capabilities or {},
            "workspaceFolders": roots,
        }
        answer = self.ask("initialize", params)
        self.tell("initialized", {})
        return answer

    def open(self, path: Path, text: str | None = None, version: int = 1) -> str:
        uri = path.as_uri()
        words = path.read_text(encoding="utf-8") if text is None else text
        self.tell("textDocument/didOpen", {
            "textDocument": {"uri": uri, "languageId": "markdown", "version": version, "text": words},
        })  # fmt: skip
        return uri

    def change(self, uri: str, text: str, version: int) -> None:
        document = {"uri": uri, "version": version}
        self.tell("textDocument/didChange", {"textDocument": document, "contentChanges": [{"text": text}]})

    def findings(self, uri: str, version: int | None = None) -> list[Message]:
        """The findings that the server publishes next for a file, or has published for a version of it."""

        def is_there() -> bool:
            return uri in self.diagnostics and (version is None or self.diagnostics[uri].get("version") == version)

        while not is_there():
            self._take()
        found = self.diagnostics.pop(uri)["diagnostics"]
        assert isinstance(found, list)
        return found

    def ask(self, method: str, params: Any) -> Any:
        """The result of a request. Fails with the server's error."""
        answer = self.answer(method, params)
        assert "error" not in answer, answer
        return answer["result"]

    def answer(self, method: str, params: Any) -> Message:
        self._number += 1
        number = self._number
        self.send({"id": number, "method": method, "params": params})
        while True:
            message = self._take()
            if message.get("id") == number and "method" not in message:
                return message

    def at(self, method: str, uri: str, place: tuple[int, int], **more: Any) -> Any:
        """A request about a place."""
        where = {"textDocument": {"uri": uri}, "position": {"line": place[0], "character": place[1]}, **more}
        return self.ask(f"textDocument/{method}", where)

    def tell(self, method: str, params: Any) -> None:
        self.send({"method": method, "params": params})

    def send(self, message: Message) -> None:
        self.write_frame(json.dumps({"jsonrpc": "2.0", **message}).encode())

    def write_frame(self, body: bytes) -> None:
        self.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))

    def write(self, data: bytes) -> None:
        if self.socket is not None:
            self.socket.sendall(data)
            return
        assert self.process.stdin
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def leave(self) -> int:
        """The protocol's end; the exit code."""
        self.ask("shutdown", None)
        self.tell("exit", None)
        return self.wait()

    def wait(self) -> int:
        code = self.process.wait(TIMEOUT_S)
        for thread in self._threads:
            thread.join(TIMEOUT_S)
        if self.socket is not None:
            self.socket.close()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            assert stream
            stream.close()
        return code

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.wait()

    def until(self, done: Callable[[], bool]) -> None:
        while not done():
            self._take()

    def _take(self) -> Message:
        message = self.messages.get(timeout=TIMEOUT_S)
        assert message is not None, f"the server is gone: {self.said.decode()}"
        if message.get("method") == "textDocument/publishDiagnostics":
            self.diagnostics[message["params"]["uri"]] = message["params"]
        elif "method" in message:
            self.requests.append(message)
        return message

    def _pump(self, reading: IO[bytes]) -> None:
        """Every byte that the server sends is a frame, or this puts what is not."""
        while header := reading.readline():
            length = int(header.removeprefix(b"Content-Length: "))
            while reading.readline().strip():
                pass
            self.messages.put(json.loads(reading.read(length)))
        self.messages.put(None)
        reading.close()

    def _drain(self) -> None:
        assert self.process.stderr
        for line in self.process.stderr:
            self.said += line


def place(text: str, words: str, ahead: int = 0) -> tuple[int, int]:
    """Line and UTF-16 character of the first place where words stand, some characters ahead."""
    before = text[: text.index(words) + ahead]
    return before.count("\n"), len(before.rpartition("\n")[2].encode("utf-16-le")) // 2
