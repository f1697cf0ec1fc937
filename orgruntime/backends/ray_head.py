"""An embedded Ray with the servers that a run uses: the head service and the node service.

Works on Ray's own start. By itself Ray starts five Python processes more (dashboard, autoscaler, log monitor, two
agents of the node: 6 s of CPU, three quarters of a start) for a browser, for a cluster that grows, and for environments
of tasks. The node service insists on its agents, so it gets two that do nothing (`ray_idle`). Does not know runs.
Invariants: nothing is changed of Ray outside `lean`, or in a version that this was not tried with; what a lean cluster
starts never shows a key, since nobody there could take one out of an actor's environment.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from orgruntime.backends import ray_idle
from orgruntime.backends.office import key_names
from orgruntime.runtime.ports import StepError

TRIED = ("2.60.",)
"""Versions of Ray whose start is known; others start as they are made."""
NOBODY = 1
"""A port at which nothing answers, for agents that are not there."""
AGENTS = ("--dashboard_agent_command", "--runtime_env_agent_command")


@contextmanager
def lean(keys: Iterable[str]) -> Iterator[None]:
    """Within it, `ray.init` starts a lean cluster whose processes see no variable that is named in `keys` or whose name
    says that it holds a key."""
    import ray

    if not ray.__version__.startswith(TRIED):
        yield
        return
    from ray._private import node, services, utils

    blank = dict.fromkeys(key_names(os.environ, keys), "")
    whole, start, ask = node.Node, services.start_ray_process, utils.get_dashboard_dependency_error

    class Head(whole):  # type: ignore[misc, valid-type]  # Ray has no types.
        blanked = frozenset(blank)
        shown = frozenset(os.environ) - blanked

        def start_monitor(self) -> None: ...

        def start_log_monitor(self) -> None: ...

        def start_api_server(self, **_: Any) -> None: ...

    def start_lean(command: list[str], process_type: str, **options: Any) -> Any:
        if process_type == "raylet":
            command = _without_agents(command)
        return start(
            command, process_type, **{**options, "env_updates": {**(options.get("env_updates") or {}), **blank}}
        )

    node.Node, services.start_ray_process = Head, start_lean
    # Ray would import 170 modules of the dashboard, half a second of CPU, to know whether it could be started.
    utils.get_dashboard_dependency_error = lambda: ImportError("no dashboard is started")
    try:
        yield
    finally:
        node.Node, services.start_ray_process = whole, start
        utils.get_dashboard_dependency_error = ask


def to_blank(names: Iterable[str]) -> dict[str, str]:
    """What the environment of an actor must overwrite to show none of these variables. Empty in a lean cluster, which
    never had them. Raises StepError for one that a lean cluster has, since it was not told of it."""
    import ray

    head = ray._private.worker._global_node
    if not hasattr(head, "blanked"):
        return dict.fromkeys(names, "")
    if late := sorted(set(names) & head.shown):
        raise StepError(f"the cluster was started without knowing that {late[0]} is a key")
    return {}


def _without_agents(command: list[str]) -> list[str]:
    """The node service's command, with agents that do nothing and whose ports it need not wait for."""
    import ray

    told = dict(word.split("=", 1) for word in command if "=" in word)
    for port in ("METRICS_AGENT", "METRICS_EXPORT", "DASHBOARD_AGENT_LISTEN", "RUNTIME_ENV_AGENT"):
        name = getattr(ray._raylet, f"{port}_PORT_NAME")
        ray._raylet.persist_port(told["--session_dir"], told["--node_id"], name, NOBODY)
    idle = subprocess.list2cmdline([sys.executable, "-I", "-S", ray_idle.__file__, told["--session_dir"]])
    return [f"{name}={idle}" if (name := word.partition("=")[0]) in AGENTS else word for word in command]
