"""A real small model on a real server. Only `make test-models` comes here: without what it fetches there is no test."""

from __future__ import annotations

import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from orgruntime.backends.anthropic_model import AnthropicModels
from orgruntime.model.manifest import ModelSpec

FOLDER = os.environ.get("REAL_MODEL")
FIGURES: list[tuple[str, str]] = []

collect_ignore = [] if FOLDER else ["test_real_model.py", "test_real_inquiry.py"]


@pytest.fixture(scope="session")
def address() -> Iterator[str]:
    """Of llama.cpp's server with the small model, on loopback."""
    assert FOLDER is not None
    folder = Path(FOLDER)
    command = [str(folder / "venv/bin/python"), str(Path(__file__).with_name("llama_server.py"))]
    with (
        open(folder / "server.log", "w") as log,
        subprocess.Popen(
            [*command, str(next(folder.glob("*.gguf")))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        ) as server,
    ):
        assert server.stdin is not None
        assert server.stdout is not None
        try:
            url = server.stdout.readline().strip()
            assert url.startswith("http://127.0.0.1:"), f"the server did not start: see {log.name}"
            yield url
        finally:
            server.stdin.close()
            server.wait(30)


@pytest.fixture
def model(address: str) -> ModelSpec:
    return ModelSpec(name="smollm2", species="smollm2", base_url=address, context=8192, concurrency=1)


@pytest.fixture
async def models() -> AsyncIterator[AnthropicModels]:
    models = AnthropicModels({})
    yield models
    await models.close()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if FIGURES:
        terminalreporter.section("figures of the real model")
        for name, value in FIGURES:
            terminalreporter.write_line(f"{name:<56} {value}")
