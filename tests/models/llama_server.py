"""llama.cpp's own server on a free port of loopback. Run by the interpreter that has xllamacpp.

    python llama_server.py MODEL.gguf [threads]

Prints its address once it is ready, and ends when its standard input does.
"""

from __future__ import annotations

import socket
import sys
from typing import Any


def main(model: str, threads: int) -> None:
    import xllamacpp

    params: Any = xllamacpp.CommonParams()
    params.model.path = model
    params.hostnames = ["127.0.0.1"]
    params.port = _free_port()
    params.n_ctx = 8192
    params.n_parallel = 1
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    params.use_jinja = True
    params.verbosity = 0
    server = xllamacpp.Server(params)
    print(server.listening_address, flush=True)
    sys.stdin.read()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1)
