"""What one role may use: tools that run at its desk, tools that the driver serves, and the handoffs that end its step.

Works on a compiled role. Does not run anything. Invariants: what is not in here is not granted; for the same role of
the same manifest the same tools in the same order, so that they stay in the prefix that a server caches.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from orgruntime.model.dialogue import ToolSpec, ToolUse
from orgruntime.model.manifest import Manifest, Role
from orgruntime.model.payload import FieldType, PayloadField, PayloadType
from orgruntime.model.payload_schema import object_schema
from orgruntime.model.research import RiskClass
from orgruntime.runtime.grants import Grants, grants_of, named_path
from orgruntime.runtime.routing import answers
from orgruntime.runtime.service import ServiceTool
from orgruntime.runtime.toolspecs import LOCAL_TOOLS

HAND_OFF = "hand_off_"
DECLINE = "decline"
SERVER = "mcp__"
WRITING = ("Edit", "Write")
"""Tools at the desk that change the file that they name."""

STATED = PayloadType(
    name="proposal",
    builtin=True,
    fields=(
        PayloadField(
            name="hypothesis", type=FieldType.STRING, meaning="what the change does, what should happen, and why"
        ),
        PayloadField(
            name="expected_gain",
            type=FieldType.NUMBER,
            meaning="by how much the metric should improve, in its own unit; positive is better",
        ),
        PayloadField(
            name="risk",
            type=FieldType.CHOICE,
            choices=tuple(risk.value for risk in RiskClass),
            meaning="`exploit`: refines what is known to work; `explore`: a long shot that may fail",
        ),
        PayloadField(
            name="cost",
            type=FieldType.STRING,
            meaning="what it costs in time, memory and complexity, in one sentence",
        ),
        PayloadField(
            name="summary", type=FieldType.STRING, required=False, meaning="what was changed, for who reads the diff"
        ),
    ),
)
"""What the author of a proposal states; the rest of the payload is the runtime's."""

_DECLINE = ToolSpec(
    name=DECLINE,
    description="End the step without handing anything off, and say why. Right when nothing you could hand off is "
    "worth what it would cost to try.",
    input_schema={
        "type": "object",
        "properties": {"reason": {"type": "string", "description": "one or two sentences"}},
        "required": ["reason"],
    },
)


@dataclass(frozen=True)
class Toolset:
    """`specs` are all of them, in the order in which a model is told of them."""

    grants: Grants
    specs: tuple[ToolSpec, ...]
    services: Mapping[str, ServiceTool]
    """Served by the driver."""
    remote: frozenset[str]
    """Served by the tool servers of the manifest, through the driver."""
    handoffs: Mapping[str, str]
    """Tool → the payload type that it hands off; `decline` → nothing."""

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(spec.name for spec in self.specs)

    def is_local(self, name: str) -> bool:
        return name in LOCAL_TOOLS and name in self.names


def toolset(
    manifest: Manifest, role: Role, services: Mapping[str, ServiceTool], remote: Sequence[ToolSpec] = ()
) -> Toolset:
    """The tools of a role. `services`: every one that this runtime has; `remote`: every tool of every tool server."""
    grants = grants_of(role.tools)
    local = [_told(spec, grants) for name, spec in LOCAL_TOOLS.items() if name in grants.names]
    served = {name: services[name] for name in sorted(services) if name in grants.whole}
    far = sorted((spec for spec in remote if _grants_remote(grants.whole, spec.name)), key=lambda spec: spec.name)
    ends = {hand_off_name(kind): kind for kind in produced(manifest, role)} | {DECLINE: ""}
    last = [_hand_off(manifest, role, kind) for kind in ends.values() if kind]
    return Toolset(
        grants=grants,
        specs=(*local, *(tool.spec for tool in served.values()), *far, *last, _DECLINE),
        services=served,
        remote=frozenset(spec.name for spec in far),
        handoffs=ends,
    )


def produced(manifest: Manifest, role: Role) -> tuple[str, ...]:
    """Payload types that the role's handoffs and stand-ups carry, and those by which it answers who asks it."""
    graph = manifest.graph
    kinds = [edge.payload for edge in graph.edges_from(role.slug)]
    kinds += [cadence.payload for cadence in graph.cadences if cadence.role == role.slug]
    kinds += [kind for kind in answers(graph, role.slug) if role.produces is None or kind in role.produces]
    return tuple(dict.fromkeys(kinds))


def hand_off_name(payload: str) -> str:
    """The tool that hands off a payload type."""
    return HAND_OFF + re.sub(r"[^A-Za-z0-9_-]", "_", payload)[: 64 - len(HAND_OFF)]


def stated(manifest: Manifest, payload: str) -> PayloadType:
    """The fields of a payload that its author states."""
    if payload == STATED.name:
        return STATED
    return next(kind for kind in manifest.payloads if kind.name == payload)


def out_of_bounds(use: ToolUse, is_editable: Callable[[str], bool]) -> str:
    """Why a tool at the desk may not touch the path that it names; empty when it may, or names none."""
    path = named_path(use)
    if path is None or use.name not in LOCAL_TOOLS:
        return ""
    if path.startswith(("/", "..")):
        return f"{path[:200]!r} is outside the workspace, where nothing can be read or written"
    if use.name in WRITING and not is_editable(path):
        return f"{path[:200]!r} is frozen: only the editable files can be changed"
    return ""


def _told(spec: ToolSpec, grants: Grants) -> ToolSpec:
    """With what a narrow grant leaves of it."""
    patterns = grants.narrow.get(spec.name)
    if patterns is None:
        return spec
    only = " and ".join(f"`{pattern}`" for pattern in patterns)
    return spec.model_copy(update={"description": f"{spec.description} Granted: {only}, and nothing else of it."})


def _grants_remote(granted: frozenset[str], name: str) -> bool:
    """`mcp__NAME` grants every tool `mcp__NAME__TOOL`."""
    return name in granted or any(grant.startswith(SERVER) and name.startswith(f"{grant}__") for grant in granted)


def _hand_off(manifest: Manifest, role: Role, payload: str) -> ToolSpec:
    return ToolSpec(
        name=hand_off_name(payload),
        description=_hand_off_words(manifest, role, payload),
        input_schema=object_schema(stated(manifest, payload).fields),
    )


def _hand_off_words(manifest: Manifest, role: Role, payload: str) -> str:
    targets = [
        manifest.role(edge.target).name for edge in manifest.graph.edges_from(role.slug) if edge.payload == payload
    ]
    to = f" to {' or '.join(dict.fromkeys(targets))}" if targets else ""
    if payload in answers(manifest.graph, role.slug):
        to += f"{', or' if to else ''} back to whoever asked you"
    if payload == STATED.name:
        return (
            f"End the step: hand off{to} the editable files as they stand in your worktree now, as a proposal to be "
            "measured. Say what you expect before it is measured. A proposal that changes nothing, changes too much "
            "at once, or is code that was measured before comes back with the reason."
        )
    return f"End the step: hand off a `{payload}`{to}."
