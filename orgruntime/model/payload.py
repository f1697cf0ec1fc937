"""Payloads: the typed things that handoffs carry, and the words by which an edge can select them.

Invariant: `CONDITIONS` is closed. A `when` word that is not listed for its payload does not compile.
"""

from __future__ import annotations

from typing import Any

from orgruntime.model.base import Noun
from orgruntime.model.ids import PayloadId, RoleSlug
from orgruntime.model.vocabulary import FieldType as FieldType


class PayloadField(Noun):
    name: str
    type: FieldType
    required: bool = True
    meaning: str = ""
    choices: tuple[str, ...] = ()
    of: str = ""
    """Of a `ref`: the payload whose fields it has."""
    fields: tuple[PayloadField, ...] = ()
    """Of an object and a `ref`: what must be in it. Of an array: one field, which each item must fit."""
    by_runtime: bool = False
    """The runtime fills it in when the payload is handed off; its author is not asked for it."""


class PayloadType(Noun):
    """A payload that an org may carry: built in, of the standard set, or the org's own, from its table `## Payloads` or
    a file `schemas/NAME.schema.json`."""

    name: str
    fields: tuple[PayloadField, ...]
    builtin: bool = False

    @property
    def stated(self) -> PayloadType:
        """The same with the fields alone that its author states."""
        return self.model_copy(update={"fields": tuple(field for field in self.fields if not field.by_runtime)})


class Payload(Noun):
    """One payload as the ledger keeps it."""

    id: PayloadId
    type: str
    body: dict[str, Any]
    source: RoleSlug


def _builtin(
    name: str, *fields: tuple[str, FieldType | tuple[str, ...], bool, str], by_runtime: tuple[str, ...] = ()
) -> PayloadType:
    """Words stand for the type of a choice of them."""
    made = []
    for field, kind, required, meaning in fields:
        words = kind if isinstance(kind, tuple) else ()
        type = FieldType.CHOICE if isinstance(kind, tuple) else kind
        made.append(
            PayloadField(
                name=field, type=type, required=required, meaning=meaning, choices=words, by_runtime=field in by_runtime
            )
        )
    return PayloadType(name=name, fields=tuple(made), builtin=True)


_S, _N, _B = FieldType.STRING, FieldType.NUMBER, FieldType.BOOLEAN

BUILTIN_PAYLOADS: dict[str, PayloadType] = {
    payload.name: payload
    for payload in (
        _builtin("idea", ("text", _S, True, "what to try, and why")),
        _builtin(
            "proposal",
            ("proposal", _S, True, "id of the proposal in the ledger"),
            ("commit", _S, True, "the commit"),
            ("hypothesis", _S, True, "what should happen, and why"),
            ("expected_gain", _N, False, "how much better the metric should get, in its units; positive is better"),
            ("risk", ("exploit", "explore"), False, "exploit: makes more of what works; explore: a long shot"),
            ("cost", _S, False, "what a trial of it takes beyond the usual, in words"),
            by_runtime=("proposal", "commit"),
        ),
        _builtin(
            "result",
            ("proposal", _S, True, "id of the proposal"),
            (
                "outcome",
                _S,
                True,
                "one of: promising, kept, worse, crashed, conflicted, invalid, duplicate, unmeasured",
            ),
            ("metric", _N, False, "the mean over its trials"),
            ("gain", _N, False, "mean improvement over the lead on the same seeds, positive is better"),
            ("reason", _S, True, "one sentence"),
        ),
        _builtin(
            "verdict",
            ("verdict", _S, True, "keep, discard, crash or inconclusive"),
            ("certified", _B, True, "whether the champion moved"),
            ("reason", _S, True, "one sentence"),
        ),
        _builtin("memo", ("text", _S, True, "markdown")),
        _builtin("note", ("text", _S, True, "markdown")),
    )
}

STANDARD_PAYLOADS: dict[str, PayloadType] = {
    name: PayloadType(name=name, fields=fields)
    for name, fields in {
        "hypothesis": (
            PayloadField(name="text", type=_S, meaning="what should happen, and why"),
            PayloadField(name="refuted_by", type=_S, required=False, meaning="what would show that it is wrong"),
        ),
        "experiment_plan": (
            PayloadField(name="text", type=_S, meaning="what is changed, what is compared, in what order"),
            PayloadField(name="trials", type=FieldType.INTEGER, required=False, meaning="how many trials it may take"),
        ),
        "finding": (
            PayloadField(name="text", type=_S, meaning="what was found"),
            PayloadField(
                name="evidence", type=_S, required=False, meaning="what it rests on: trials, proposals, files"
            ),
        ),
    }.items()
}
"""Ready to be carried, beside the built-in `result` and `verdict`. An org that declares one of these names means its
own."""


def note_called(name: str) -> PayloadType:
    """A payload that nobody declared: markdown, as a note is."""
    return PayloadType(name=name, fields=(PayloadField(name="text", type=_S, meaning="markdown"),))


CONDITIONS: dict[str, tuple[str, ...]] = {
    "result": ("promising", "kept", "worse", "crashed", "conflicted", "invalid", "duplicate", "unmeasured"),
    "verdict": ("certified", "discarded", "inconclusive", "crashed"),
}
"""`when` words of the built-in payloads. For an org's own payload: the names of its boolean fields,
and `FIELD is CHOICE` for its choice fields."""
