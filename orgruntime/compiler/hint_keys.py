"""Every hint below `org:` of a role file: the one table of them, as `keys.py` is of the program. Reads nothing.

Each can be given in `program.md` instead, so that a foreign role needs no edit: in the column of its name, by the list
of handoffs (`hands_off_to`), by the kind (`human`). Invariant: what a file says here asks; only the program grants.
"""

from __future__ import annotations

from orgruntime.compiler.keys import BLAST_RADIUS, RESOURCES, SETTINGS, Key, Kind, Range, Table
from orgruntime.model.vocabulary import FieldType, Memory, RoleKind

INPUT_TYPES = (FieldType.STRING, FieldType.NUMBER, FieldType.BOOLEAN, FieldType.CHOICE)

ROLE_RISK = Table(
    (
        Key("preset", Kind.CHOICE, "whose blast radius is taken: a word of the dial", "the org's", choices=SETTINGS),
        Key(
            "blast_radius",
            Kind.MAPPING,
            "the largest change of one of its proposals",
            "the preset's",
            choices=SETTINGS,
            keys=BLAST_RADIUS,
        ),
    )
)

INPUT = Table(
    (
        Key("type", Kind.CHOICE, "what may be filled in", "string", choices=INPUT_TYPES),
        Key(
            "default", Kind.TEXT, "what stands there if the program says nothing", "none: it must", example="attention"
        ),
        Key("choices", Kind.COMMAS, "the words of a `choice`", "none", example="[low, high]"),
        Key("meaning", Kind.TEXT, "words for whoever fills it in", "", example="what to survey"),
    )
)

HINTS = Table(
    (
        Key("kind", Kind.CHOICE, "what the role is", "agent", choices=tuple(RoleKind)),
        Key("count", Kind.DESKS, "desks of an agent", "1", range=Range(1, 1000), example="4"),
        Key(
            "model",
            Kind.COMMAS,
            "a model or a panel, as in the table of roles; the program grants",
            "default",
            example="search/tpe",
        ),
        Key(
            "tools", Kind.COMMAS, "what the role asks for; the program grants", "all that is granted", example="[Read]"
        ),
        Key("resources", Kind.RESOURCES, "what a trial of this role reserves", "1 CPU", keys=RESOURCES),
        Key("title", Kind.TEXT, "for people", "", example="Principal investigator"),
        Key(
            "produces",
            Kind.COMMAS,
            "payloads that the role can hand off; its handoffs are held to them",
            "what its kind and model can make",
            example="[idea, note]",
        ),
        Key(
            "consumes",
            Kind.COMMAS,
            "payloads that the role can work on; handoffs to it are held to them",
            "what its kind takes",
            example="[result]",
        ),
        Key(
            "hands_off_to",
            Kind.COMMAS,
            "roles that it would hand work to; `orgrun import --adopt` makes handoffs of them",
            "none",
            example="[referee]",
        ),
        Key(
            "risk",
            Kind.MAPPING,
            "a smaller blast radius for the role's own proposals; only the program widens it",
            "the org's",
            choices=SETTINGS,
            keys=ROLE_RISK,
        ),
        Key(
            "inputs",
            Kind.INPUTS,
            "what the program fills in where the words say `{{NAME}}`: a default, or a mapping",
            "none",
            keys=INPUT,
            example="{topic: attention}",
        ),
        Key("human", Kind.YES_NO, "the role is a person: the same as `kind: human`", "no", example="yes"),
        Key(
            "memory",
            Kind.CHOICE,
            "what an agent is shown of earlier proposals: nothing, its own, or the org's",
            "org",
            choices=tuple(Memory),
        ),
        Key("was", Kind.COMMAS, "former slugs of the role, so that a rename is followed", "none", example="analyst"),
    )
)
