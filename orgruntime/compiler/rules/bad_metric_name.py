"""A metric whose name cannot be told in what a trial prints."""

from __future__ import annotations

import re

from orgruntime.compiler.facts import Facts
from orgruntime.compiler.keys import METRIC
from orgruntime.diagnostics.codes import BAD_METRIC_NAME
from orgruntime.diagnostics.diagnostic import Findings

CODE = BAD_METRIC_NAME


def check(facts: Facts, findings: Findings) -> None:
    node = facts.scalar("objective.metric")
    if node is not None and not re.fullmatch(METRIC, node.text.strip()):
        help = "name it as the run prints it, one word such as `val_loss`"
        findings.add(CODE, node.span, f"`{node.text.strip()}` is not the name of a metric", help)
