"""What is asked for a role beside its words: below `org:` of its file, or in the cells of its row. Knows no program.

Invariant: what is asked is checked where it is read, whether the role has work or not; an absent or faulty part is None
or empty, and what a file asks for is granted by nobody here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from orgruntime.compiler import reading_rules, words
from orgruntime.compiler.fields import Fields, near_of, one_of
from orgruntime.compiler.hint_keys import HINTS
from orgruntime.compiler.inputs import Input, bind_inputs
from orgruntime.compiler.keys import RESOURCES
from orgruntime.compiler.needs import Needs, bind_needs, desks, read_needs
from orgruntime.compiler.panel import Panel, read_panel
from orgruntime.compiler.risk import RadiusWish, bind_role_risk
from orgruntime.compiler.rolevalues import report_tools
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.diagnostics.span import Span
from orgruntime.model.vocabulary import Memory, RoleKind
from orgruntime.orgfile.tree import MapNode, ScalarNode

if TYPE_CHECKING:
    from orgruntime.model.amounts import Budget

Names = tuple[ScalarNode, ...]


@dataclass(frozen=True)
class Hints:
    """`places`: where each part that is given stands. None, (), "": not said."""

    kind: RoleKind | None = None
    count: int | None = None
    panel: Panel = Panel()
    tools: Names | None = None
    needs: Needs = Needs()
    budget: Budget | None = None
    title: str = ""
    produces: Names | None = None
    consumes: Names | None = None
    hands_off_to: Names = ()
    risk: RadiusWish | None = None
    inputs: tuple[Input, ...] = ()
    memory: Memory | None = None
    was: Names = ()
    places: Mapping[str, Span] = field(default_factory=dict)

    @property
    def model(self) -> Names:
        return self.panel.names

    @property
    def leading(self) -> Hints | None:
        """What of them counts for a role that has no work; None for nothing."""
        places = {name: span for name, span in self.places.items() if name in _LEADING}
        if not places and self.kind is None:
            return None
        return Hints(kind=self.kind, inputs=self.inputs, was=self.was, places=places)

    def over(self, other: Hints) -> Hints:
        """These, and what is not said here of the others."""
        if not self.places or not other.places:
            # Most files hint at nothing, and most rows say little: this is asked thrice a role.
            return self if self.places else other
        given = {
            name: getattr(self, name) for name in _PARTS if getattr(self, name) not in (None, (), "", Needs(), Panel())
        }
        return replace(other, **given, places={**other.places, **self.places})


NONE = Hints()
_LEADING = ("kind", "human", "inputs", "was")
_PARTS = (
    "kind", "count", "panel", "tools", "needs", "budget", "title", "produces", "consumes", "hands_off_to", "risk",
    "inputs", "memory", "was",
)  # fmt: skip


def bind_hints(fields: Fields, findings: Findings) -> Hints:
    """The mapping below `org:`."""
    return Hints(
        kind=_kind(fields, findings),
        count=fields.read("count", desks),
        panel=read_panel(fields.words("model", comma_string=True) or (), findings),
        tools=_tools(fields, findings),
        needs=_needs(fields, findings),
        title=fields.text("title") or "",
        produces=names_of(fields.words("produces", comma_string=True)),
        consumes=names_of(fields.words("consumes", comma_string=True)),
        hands_off_to=names_of(fields.words("hands_off_to", comma_string=True)) or (),
        risk=bind_role_risk(fields, findings),
        inputs=bind_inputs(fields, findings),
        memory=fields.read("memory", memory_of),
        was=names_of(fields.words("was", comma_string=True)) or (),
        places={name.text: value.span for name, value in fields.node.entries},
    )


def read_hints(node: MapNode, findings: Findings) -> Hints:
    """The same, of a mapping that nothing was read of yet."""
    return bind_hints(Fields(node, "org", HINTS, findings), findings)


def names_of(nodes: Names | None) -> Names | None:
    """Names without the backticks and blanks around them."""
    return None if nodes is None else tuple(node._replace(text=node.text.strip().strip("`").strip()) for node in nodes)


def memory_of(text: str) -> Memory:
    """One of the words; an amount was meant for a trial."""
    try:
        words.mebibytes(text)
    except words.Unclear:
        return one_of(text, Memory)
    fault = f"`{text}` is an amount, and this is what the role is shown of earlier proposals"
    raise words.Unclear(fault, f"the memory of a trial is written `resources: {{memory: {text}}}`")


def _kind(fields: Fields, findings: Findings) -> RoleKind | None:
    """`kind`, or what `human: yes` says. The two may not contradict each other."""
    kind, human = fields.choice("kind", RoleKind), fields.read("human", words.yes_no)
    node = fields.value("kind")
    if kind is None and isinstance(node, ScalarNode):
        kind = near_of(node.text.strip(), RoleKind)
    if kind is not None and human is not None and human is not (kind is RoleKind.HUMAN):
        findings.put(fields.span("human"), reading_rules.bad_value.contradicts_kind(fields.path("human"), human, kind))
        return kind
    return RoleKind.HUMAN if human else kind


def _tools(fields: Fields, findings: Findings) -> Names | None:
    names = fields.words("tools", comma_string=True)
    report_tools(names or (), fields.path("tools"), findings)
    return names


def _needs(fields: Fields, findings: Findings) -> Needs:
    node = fields.value("resources")
    path = fields.path("resources")
    if isinstance(node, ScalarNode) and not node.is_null:
        return read_needs(node, path, findings)
    inner = fields.mapping("resources", RESOURCES)
    if inner is None or not isinstance(node, MapNode):
        return Needs()
    values = {name: value for name in RESOURCES if (value := inner.scalar(name)) is not None}
    return bind_needs(values, path, findings, node.span)
