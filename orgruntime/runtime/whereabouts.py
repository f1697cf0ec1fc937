"""How an inquiry came to a step: read from its recorded steps, never from the engine.

Works on one address. Invariant: a step that is taken again stands where it stood, since the steps before it do not
change.
"""

from __future__ import annotations

from dataclasses import replace

from orgruntime.model.ids import PayloadId
from orgruntime.model.payload import Payload
from orgruntime.runtime.calls import Call
from orgruntime.runtime.lab import Lab
from orgruntime.runtime.ports import StepAddress
from orgruntime.runtime.routing import Past, way_so_far


def past_of(lab: Lab, address: StepAddress) -> Past:
    """Of the step at this address."""
    if address.visit == 0:
        return Past()
    steps = lab.ledger.steps(address.inquiry)[: address.visit]
    return way_so_far(lab.manifest.graph, ((row.role, row.type if row.payload else "", row.words) for row in steps))


def located(lab: Lab, call: Call) -> Call:
    """The call with how it came about: who waits for its answer; or what its own desk had asked, and about what."""
    if call.address.visit == 0:
        return call
    past = past_of(lab, call.address)
    if past.asked is None:
        return replace(call, past=past)
    steps = lab.ledger.steps(call.address.inquiry)
    row = lab.ledger.inquiry(call.address.inquiry)
    first = row.payload if row is not None else None
    before = steps[past.asked - 1].payload if past.asked else first
    return replace(call, past=past, asked=_payload(lab, steps[past.asked].payload), before=_payload(lab, before))


def _payload(lab: Lab, id: PayloadId | None) -> Payload | None:
    return lab.ledger.payload(id) if id else None
