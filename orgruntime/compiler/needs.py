"""What a trial of a role reserves, and how many desks a role has: written as a cell or as keys. Knows no role.

Invariant: an amount that cannot be read is a finding and counts as absent.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from orgruntime.compiler import reading_rules, words
from orgruntime.compiler.fields import convert
from orgruntime.compiler.keys import RESOURCES, ROLE_BUDGET, Table
from orgruntime.compiler.nodes import split_commas
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.diagnostics.span import Span
from orgruntime.orgfile.tree import ScalarNode

if TYPE_CHECKING:
    from orgruntime.model.amounts import Budget
    from orgruntime.model.manifest import Resources

MOST_DESKS = 1000


class Needs(NamedTuple):
    """What a trial of a role reserves. Absent parts are None. `amounts`: fields of `Resources` with their values."""

    amounts: tuple[tuple[str, Any], ...] = ()
    minutes: float | None = None
    span: Span | None = None
    given: bool = False

    @property
    def resources(self) -> Resources:
        return _resources(self.amounts)


def read_needs(node: ScalarNode, path: str, findings: Findings) -> Needs:
    """`gpus: 1, nodes: 2, cpus: 2, memory: 4 GiB, minutes: 6, accelerator: H100 or A100, labels: zone=eu`."""
    return bind_needs(_pairs(node, path, RESOURCES, findings), path, findings, node.span)


def read_budget(node: ScalarNode, findings: Findings) -> Budget | None:
    """`usd: 5, tokens: 2M`: what the models of a role may spend."""
    values = _pairs(node, "budget", ROLE_BUDGET, findings)
    usd, tokens = values.get("usd"), values.get("tokens")
    dollars = convert(usd.text, usd.span, "budget.usd", words.not_negative, findings) if usd else None
    made = convert(tokens.text, tokens.span, "budget.tokens", words.whole, findings) if tokens else None
    if dollars is None and made is None:
        return None
    from orgruntime.model.amounts import Budget  # noqa: PLC0415  # as above

    return Budget(usd_micro=None if dollars is None else round(dollars * 1_000_000), tokens=made)


def bind_needs(values: dict[str, ScalarNode], path: str, findings: Findings, span: Span) -> Needs:
    nodes = values.get("nodes")
    span_of = convert(nodes.text, nodes.span, f"{path}.nodes", words.count, findings) if nodes else None
    gpus, cpus = (_amount(values, name, path, findings) for name in ("gpus", "cpus"))
    minutes = values.get("minutes")
    memory = values.get("memory")
    accelerator, labels = values.get("accelerator"), values.get("labels")
    kinds = re.split(r"\s+or\s+", accelerator.text) if accelerator else []
    conditions = convert(labels.text, labels.span, f"{path}.labels", words.conditions, findings) if labels else None
    read = None if memory is None else convert(memory.text, memory.span, f"{path}.memory", words.mebibytes, findings)
    amounts = (
        ("nodes", span_of or 1),
        ("cpus", 1.0 if cpus is None else cpus),
        ("gpus", 0.0 if gpus is None else gpus),
        ("memory_mb", read),
        ("accelerator", kinds[0] if kinds else None),
        ("fallbacks", tuple(dict.fromkeys(kind for kind in kinds[1:] if kind != kinds[0]))),
        ("labels", conditions or ()),
    )
    limit = convert(minutes.text, minutes.span, f"{path}.minutes", words.positive, findings) if minutes else None
    return Needs(amounts, limit, span, given=bool(values))


@lru_cache(maxsize=256)
def _resources(amounts: tuple[tuple[str, Any], ...]) -> Resources:
    # A file that is looked at again after an edit is judged without the nouns: see `RoleFile.hints`.
    from orgruntime.model.manifest import Resources  # noqa: PLC0415  # see above

    return Resources(**dict(amounts))


def _amount(values: dict[str, ScalarNode], name: str, path: str, findings: Findings) -> float | None:
    node = values.get(name)
    return convert(node.text, node.span, f"{path}.{name}", words.not_negative, findings) if node else None


def desks(text: str) -> int:
    """How many desks: `4` or `×4`, at most MOST_DESKS."""
    value = words.count(text.lstrip("×x").strip())
    if value > MOST_DESKS:
        raise words.OutOfRange(f"`{text}` is above {MOST_DESKS}", "use fewer desks")
    return value


def pairs(cell: ScalarNode, path: str, findings: Findings) -> tuple[tuple[ScalarNode, ScalarNode], ...]:
    """The parts `name: value` of a cell, parted by commas, each name once."""
    found: dict[str, tuple[ScalarNode, ScalarNode]] = {}
    for part in split_commas(cell):
        name, sign, value = part.text.partition(":")
        if not sign or not value.strip():
            findings.put(part.span, reading_rules.bad_value.part_empty(path, name.strip()))
        elif name.strip() in found:
            findings.put(part.span, reading_rules.bad_value.part_again(path, name.strip()))
        else:
            start = len(name) + 1 + len(value) - len(value.lstrip())
            text = value.strip()
            key = ScalarNode(part.part(0, len(name.rstrip())), name.strip())
            found[key.text] = key, ScalarNode(part.part(start, start + len(text)), text, plain=False)
    return tuple(found.values())


def _pairs(cell: ScalarNode, path: str, known: Table, findings: Findings) -> dict[str, ScalarNode]:
    """The parts whose names are known, by name."""
    values: dict[str, ScalarNode] = {}
    for key, value in pairs(cell, path, findings):
        if key.text.casefold() in known:
            values[key.text.casefold()] = value
        elif known is RESOURCES:
            findings.put(key.span, reading_rules.unknown_key.resource(key.text, path, known))
        else:
            findings.put(key.span, reading_rules.unknown_key.bound(key.text, path, known))
    return values
