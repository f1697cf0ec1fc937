"""The tool servers that an org brings along (MCP), in the driver.

Works on the servers of a manifest. Does not know who was granted what: that is the border's. The SDK is an extra, and
loaded only where a manifest has servers. Invariant: a server that fails takes its own tools with it and nothing else;
keys stay here, and none goes to a server's process.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from orgruntime.backends import bubblewrap
from orgruntime.model.dialogue import ToolResult, ToolSpec, ToolUse
from orgruntime.model.manifest import ToolServer

if TYPE_CHECKING:
    from orgruntime.backends.mcp_link import Link

MISSING = (
    "the manifest has tool servers (MCP), and the package for them is not installed: pip install 'orgruntime[mcp]'"
)


class ToolServersError(Exception):
    """No tool server can be used: one sentence with the remedy."""


class McpTools:
    """Implements `ports.ToolServers`. Made by `open_servers`. Belongs to one event loop, which must be the main
    thread's: the kernel ends a sandbox with the thread that started it."""

    def __init__(self, links: Mapping[str, Link], faults: Mapping[str, str], scratch: str) -> None:
        self._links = dict(links)
        self._scratch = scratch
        self.faults = dict(faults)
        """Server → why it has no tools, in one sentence."""

    async def open(self) -> None:
        opened = await asyncio.gather(*(link.open() for link in self._links.values()), return_exceptions=True)
        for name, failure in zip(list(self._links), opened, strict=True):
            if isinstance(failure, BaseException):
                self.faults[name] = str(failure) or f"the tool server {name} did not answer in time"
                await self._links.pop(name).close()

    @property
    def dropped(self) -> list[str]:
        """Tools that cannot be offered, and why."""
        return [reason for link in self._links.values() for reason in link.dropped]

    @property
    def specs(self) -> tuple[ToolSpec, ...]:
        """Every tool of every server that answers, named `mcp__SERVER__TOOL`."""
        return tuple(spec for link in self._links.values() for spec in link.specs)

    async def call(self, use: ToolUse) -> ToolResult:
        """Whatever goes wrong is a result that says so. Cancellable."""
        for link in self._links.values():
            if any(spec.name == use.name for spec in link.specs):
                return await link.use(use)
        return ToolResult(id=use.id, text=f"no tool server has a tool called {use.name[:100]!r}", is_error=True)

    async def close(self) -> None:
        """Ends every server. Idempotent."""
        await asyncio.gather(*(link.close() for link in self._links.values()))
        await asyncio.to_thread(shutil.rmtree, self._scratch, True)


async def open_servers(
    servers: Sequence[ToolServer], folder: str, environment: Mapping[str, str], *, unsandboxed: bool = False,
    scratch_in: Path | None = None,
) -> McpTools:  # fmt: skip
    """Starts or reaches every server, and asks for its tools. `folder` is the org's: what a local server may read;
    tokens are looked up in `environment` by name. `scratch_in` takes a folder of ours; None: the temporary ones do.
    Raises ToolServersError when the SDK is not installed."""
    try:
        link = importlib.import_module("orgruntime.backends.mcp_link")
        process = importlib.import_module("orgruntime.backends.mcp_process")
    except ImportError as error:
        raise ToolServersError(MISSING) from error
    for name in ("mcp", "client"):
        # The SDK logs what servers say.
        logging.getLogger(name).setLevel(logging.CRITICAL)
    scratch = tempfile.mkdtemp(prefix="orgrun-mcp-", dir=scratch_in)
    local = any(server.url is None for server in servers)
    level, why = await asyncio.to_thread(bubblewrap.probe, scratch) if local else ("none", "")
    box = process.box_of(folder, scratch, boxed=level == "strict")
    links: dict[str, Link] = {}
    faults: dict[str, str] = {}
    for server in servers:
        if fault := _fault(server, environment, level == "strict" or unsandboxed, why):
            faults[server.name] = fault
        else:
            token = environment.get(server.key_env) if server.key_env else None
            links[server.name] = link.Link(server, box, token)
    tools = McpTools(links, faults, scratch)
    try:
        await tools.open()
    except BaseException:
        await tools.close()
        raise
    return tools


def _fault(server: ToolServer, environment: Mapping[str, str], may_run: bool, why: str) -> str:
    if server.url is None and not may_run:
        return f"the tool server {server.name} cannot run here: this machine gives no sandbox ({why})"
    if server.url is not None and server.key_env and not environment.get(server.key_env):
        return f"the tool server {server.name} needs a token: set {server.key_env}"
    return ""
