"""A git daemon on loopback, so that tests fetch over git's own protocol from a real server."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

IDENTITY = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main")


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", *IDENTITY, *words], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """The address below which the repositories in a folder are served."""
    # Between those of Ray's workers and those that the kernel gives to whoever asks for any.
    port = random.randrange(20000, 32768)
    words = ["--export-all", "--reuseaddr", f"--base-path={folder}", "--listen=127.0.0.1", f"--port={port}"]
    process = subprocess.Popen(
        ["git", "daemon", *words, str(folder)], stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        for _ in range(400):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield f"git://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(10)
