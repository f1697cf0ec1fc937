"""What a trial of a role reserves, and how many desks a role has: written as a cell or as keys. Knows no role.

Invariant: an amount that cannot be read is a finding and counts as absent.
"""

from __future__ import annotations

from dataclasses import dataclass

from orgruntime.compiler import reading_rules, words
from orgruntime.compiler.fields import convert, split_commas
from orgruntime.compiler.keys import RESOURCES
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.diagnostics.span import Span
from orgruntime.model.manifest import Resources
from orgruntime.orgfile.tree import ScalarNode

MOST_DESKS = 1000


@dataclass(frozen=True)
class Needs:
    """What a trial of a role reserves. Absent parts are None."""

    resources: Resources = Resources()
    minutes: float | None = None
    span: Span | None = None
    given: bool = False


def read_needs(node: ScalarNode, path: str, findings: Findings) -> Needs:
    """`gpus: 1, cpus: 2, memory: 4 GiB, minutes: 6, accelerator: H100`."""
    values: dict[str, ScalarNode] = {}
    for part in split_commas(node):
        key, sign, value = part.text.partition(":")
        name = key.strip().casefold()
        if name not in RESOURCES:
            fault = reading_rules.unknown_key.resource(key.strip(), path, RESOURCES)
            findings.put(part.part(0, len(key.rstrip())), fault)
        elif not sign or not value.strip() or name in values:
            of = reading_rules.bad_value
            findings.put(part.span, of.part_again(path, name) if name in values else of.part_empty(path, name))
        else:
            start = len(key) + 1 + len(value) - len(value.lstrip())
            values[name] = ScalarNode(part.part(start, start + len(value.strip())), value.strip())
    return bind_needs(values, path, findings, node.span)


def bind_needs(values: dict[str, ScalarNode], path: str, findings: Findings, span: Span) -> Needs:
    gpus, cpus = (_amount(values, name, path, findings) for name in ("gpus", "cpus"))
    minutes = values.get("minutes")
    memory = values.get("memory")
    accelerator = values.get("accelerator")
    read = None if memory is None else convert(memory.text, memory.span, f"{path}.memory", words.mebibytes, findings)
    resources = Resources(
        cpus=1.0 if cpus is None else cpus,
        gpus=0.0 if gpus is None else gpus,
        memory_mb=read,
        accelerator=accelerator.text if accelerator else None,
    )
    limit = convert(minutes.text, minutes.span, f"{path}.minutes", words.positive, findings) if minutes else None
    return Needs(resources, limit, span, given=bool(values))


def _amount(values: dict[str, ScalarNode], name: str, path: str, findings: Findings) -> float | None:
    node = values.get(name)
    return convert(node.text, node.span, f"{path}.{name}", words.not_negative, findings) if node else None


def desks(text: str) -> int:
    """How many desks: `4` or `×4`, at most MOST_DESKS."""
    value = words.count(text.lstrip("×x").strip())
    if value > MOST_DESKS:
        raise words.OutOfRange(f"`{text}` is above {MOST_DESKS}", "use fewer desks")
    return value
