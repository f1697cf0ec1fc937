"""What a language model wants to hand off, checked before anything is spent: so that its author can still mend it.

Works on one handoff at a time. Does not know desks or journals. Invariants: what passes here passes the border behind
it (`agent_step`), so a step that was told `accepted` ends with that payload; a fault is a sentence to its author.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from orgruntime.model.ids import CommitId
from orgruntime.model.payload import PayloadType
from orgruntime.runtime.admission import blast, earlier_proposal, frozen_files
from orgruntime.runtime.calls import Call
from orgruntime.runtime.lab import Lab
from orgruntime.runtime.payloads import faults
from orgruntime.runtime.ports import Commit, WorkspaceError
from orgruntime.runtime.redaction import clean, redacted
from orgruntime.runtime.routing import leads_nowhere
from orgruntime.runtime.toolset import STATED, produced, stated

LARGEST_BODY = 100_000
"""Characters of a payload as JSON."""
LONGEST_HYPOTHESIS = 500
"""Characters that the record keeps."""


@dataclass(frozen=True)
class Refusal:
    """Why a handoff is not accepted. `malformed`: its form is wrong; else what it hands off will not do."""

    sentence: str
    malformed: bool


def well_formed(manifest_kind: PayloadType, body: Mapping[str, Any]) -> str:
    """What is wrong with the form of a payload, in one sentence; empty when nothing is."""
    if set(body) == {"malformed"}:
        return f"the input of the handoff is no JSON object: {str(body['malformed'])[:200]!r}"
    found = faults(manifest_kind, body)
    found += [f"`{name}` must be a finite number" for name in _infinite(body)]
    found += [
        f"`{field.name}` is empty"
        for field in manifest_kind.fields
        if field.required and isinstance(body.get(field.name), str) and not body[field.name].strip()
    ]
    try:
        size = len(json.dumps(body))
    except (ValueError, TypeError, RecursionError):
        return "; ".join([*found, "the input of the handoff cannot be written as JSON"])
    if size > LARGEST_BODY:
        found.append(f"the payload has {size} characters, at most {LARGEST_BODY} are taken")
    return "; ".join(found)


def tidy(value: Any) -> Any:
    """A JSON value whose texts hold no keys, no control characters and nothing that is no Unicode."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, Mapping):
        return {str(tidy(name)): tidy(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [tidy(item) for item in value]
    return value


def refusal(lab: Lab, call: Call, kind: str, body: Mapping[str, Any], files: Mapping[str, str]) -> Refusal | None:
    """Why this handoff is not accepted; None when it is. `files`: what differs from `call.base`."""
    if wrong := well_formed(stated(lab.manifest, kind), body):
        return Refusal(wrong, malformed=True)
    graph, role = lab.manifest.graph, call.role.slug
    if stuck := leads_nowhere(graph, role, kind, call.past):
        others = [one for one in produced(lab.manifest, call.role) if not leads_nowhere(graph, role, one, call.past)]
        instead = " or ".join(f"a `{one}`" for one in others)
        return Refusal(f"{stuck}: hand off {instead}, or decline" if instead else f"{stuck}: decline", malformed=False)
    if kind != STATED.name:
        return None
    said = keys_held(lab, call, files)
    will_not_do = f"the proposal {said}" if said else _unfit(lab, call, str(body["hypothesis"]), files)
    return Refusal(will_not_do, malformed=False) if will_not_do else None


def committed(lab: Lab, call: Call, base: CommitId, files: Mapping[str, str], hypothesis: str) -> Commit:
    """The commit of a desk's files on a base. The same for the same arguments. Raises WorkspaceError."""
    encoded = {path: text.encode("utf-8", "replace") for path, text in files.items()}
    return lab.workspace.commit(base, encoded, message=shortened(hypothesis), author=call.author)


def keys_held(lab: Lab, call: Call, files: Mapping[str, str]) -> str:
    """That files hold something in the shape of a key that their base commit does not hold; empty when none does."""
    found = sorted(path for path, text in files.items() if keyless(lab, call, path, text) != text)
    return f"holds what has the shape of a key: take it out of {', '.join(found[:3])}" if found else ""


def keyless(lab: Lab, call: Call, path: str, text: str) -> str:
    """A file's text without what has the shape of a key, unless the base commit holds it there."""
    if redacted(text) == text:
        return text
    assert call.base is not None, "a step of a language model has begun on a commit"
    try:
        known = lab.workspace.read(call.base, path).decode("utf-8", "replace")
    except KeyError:
        known = ""
    return redacted(text, known)


def shortened(hypothesis: str) -> str:
    """As the record keeps it: one line."""
    return " ".join(hypothesis.split())[:LONGEST_HYPOTHESIS]


def inbox_proposal(call: Call) -> str:
    """Id of the proposal that arrived at this step, as itself or in its result, or that an answer which arrived is
    about. Empty: none did."""
    return next((id for one in call.arrived if (id := str(one.body.get("proposal", "")))), "")


def _unfit(lab: Lab, call: Call, hypothesis: str, files: Mapping[str, str]) -> str:
    assert call.base is not None, "a step of a language model has begun on a commit"
    if not files:
        return "no editable file is changed: edit the files first, then hand off; or decline"
    try:
        commit = committed(lab, call, call.base, files, hypothesis)
    except WorkspaceError as error:
        return str(error)
    diff = lab.workspace.diff(call.base, commit.id)
    if not diff.files:
        return "the editable files are as they were at the base commit: the proposal changes nothing"
    if said := frozen_files(lab, diff) or blast(lab, lab.experimenter, diff, call.role):
        return f"the proposal {said}"
    earlier = earlier_proposal(lab, commit.tree)
    if earlier is None or _passes_on(call, earlier[0].id):
        return ""
    return f"this is {earlier[1]}, and is not measured again: change something that matters, or decline"


def _passes_on(call: Call, proposal: str) -> bool:
    """A reviewer may hand on what it was handed, as it is; so may who asked about its own proposal."""
    return any(one.type == STATED.name and one.body.get("proposal") == proposal for one in call.arrived)


def _infinite(value: Any, name: str = "the payload") -> Iterator[str]:
    if isinstance(value, float) and not math.isfinite(value):
        yield name
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _infinite(item, str(key))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _infinite(item, name)
