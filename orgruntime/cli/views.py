"""What a run shows while it goes on: JSON lines for machines, or words for people. Draws nothing itself on a terminal.

Invariant: with JSON, stdout holds one object a line and nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Self

import click

from orgruntime.api.running import View
from orgruntime.api.wiring import ClusterChoice
from orgruntime.cli.live import LiveView, PlainView, view_for
from orgruntime.runtime.events import RunEvent


def run_view(as_json: bool) -> JsonView | LiveView | PlainView:
    """What shows a run that this process drives; a context manager."""
    return JsonView() if as_json else view_for()


def cluster_choice(options: Mapping[str, Any]) -> ClusterChoice:
    """What the options of a cluster say."""
    if options["address"] and (options["cpus"] is not None or options["gpus"] is not None):
        raise click.UsageError("--cpus and --gpus size a local Ray; with --address the cluster has its own size")
    return ClusterChoice(
        address=options["address"], cpus=options["cpus"], gpus=options["gpus"], sandbox=not options["no_sandbox"]
    )


class JsonView(View):
    """One event object a line."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is left to show."""

    def event(self, event: RunEvent) -> None:
        click.echo(json.dumps(event.model_dump(mode="json")))
