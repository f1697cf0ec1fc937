"""What a run shows while it goes on: JSON lines for machines, or words for people. Draws nothing itself on a terminal.

Invariant: with JSON, stdout holds one object a line and nothing else.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator, Mapping
from typing import Any, Self, TextIO

import click

from orgruntime.api.running import View
from orgruntime.api.wiring import ClusterChoice
from orgruntime.cli.live import view_for
from orgruntime.cli.own_stream import own_stream
from orgruntime.runtime.events import RunEvent


@contextlib.contextmanager
def run_view(as_json: bool) -> Iterator[View]:
    """What shows a run that this process drives, on a stream that nothing else in the process writes to."""
    with own_stream(sys.stdout) as out, JsonView(out) if as_json else view_for(out) as view:
        yield view


def cluster_choice(options: Mapping[str, Any]) -> ClusterChoice:
    """What the options of a cluster say."""
    if options["address"] and (options["cpus"] is not None or options["gpus"] is not None):
        raise click.UsageError("--cpus and --gpus size a local Ray; with --address the cluster has its own size")
    wait_s = options.get("wait_s", 0.0)
    if wait_s and not options["address"]:
        raise click.UsageError("--wait is for a cluster that grows: name one with --address")
    return ClusterChoice(options["address"], options["cpus"], options["gpus"], not options["no_sandbox"], wait_s)


class JsonView(View):
    """One event object a line."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is left to show."""

    def event(self, event: RunEvent) -> None:
        print(json.dumps(event.model_dump(mode="json")), file=self._out, flush=True)
