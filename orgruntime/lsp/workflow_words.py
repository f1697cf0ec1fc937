"""What may be written next in an item of the workflow. Knows its grammar as far as the words before the cursor tell.

Invariant: a word is offered only where the compiler's reader would take it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lsprotocol.types import CompletionItem, CompletionItemKind

from orgruntime.compiler.library import RoleRef
from orgruntime.compiler.payloads import conditions, is_typed
from orgruntime.compiler.workflow import Edge
from orgruntime.lsp.program import ProgramView
from orgruntime.lsp.proposal import Slot
from orgruntime.lsp.role_words import link_words, open_link
from orgruntime.model.payload import PayloadType
from orgruntime.orgfile.inline import PieceKind, pieces

_LINK = re.compile(r"\[[^\[\]\n]*\]\(([^()\s]*)\)")
_ARROW = r"(?:→|⟶|⇒|-->|->|=>|asks)"
_VERBS = {
    "→": "hands over: the work goes on there",
    "asks": "calls and waits for the answer",
    "every": "calls the role on a schedule",
}
_PERIODS = {"20 trials": "after every 20 trials", "2h": "every two hours"}
_CLAUSES = {
    "when": "taken only where this holds",
    "otherwise": "taken where no condition of the items above held",
    "at most 2 times": "how often one inquiry may take it",
}
_MARKS = {PieceKind.LINK: "L", PieceKind.CODE: "C"}


def workflow_words(view: ProgramView, start: int, offset: int) -> Iterator[CompletionItem]:
    """Proposals inside one item, whose text begins at `start`."""
    before = view.buffer.text[start:offset]
    if before.count("`") % 2:
        slot = Slot(view.buffer, start + before.rindex("`") + 1, offset)
        yield from _payloads(view, before, slot, "", "" if slot.rest.startswith("`") else "`")
        return
    link = open_link(view, start, offset)
    yield from link if link is not None else _next_words(view, before, _shape(view, start, offset), offset)


def fields_of(payload: PayloadType) -> str:
    """A payload in one line."""
    names = ", ".join(f"`{field.name}`" + ("" if field.required else "?") for field in payload.fields)
    return ("built in: " if payload.builtin else "the org's own: ") + names


def _shape(view: ProgramView, start: int, offset: int) -> str:
    """The text with each link as `L`, each code span as `C`, and small letters otherwise."""
    return "".join(_MARKS.get(one.kind) or one.text.lower() for one in pieces(view.buffer.text, start, offset))


def _next_words(view: ProgramView, before: str, shape: str, offset: int) -> Iterator[CompletionItem]:
    def slot(words: str) -> Slot:
        return Slot(view.buffer, offset - len(words), offset)

    if found := re.fullmatch(rf"(?:L\s*{_ARROW}\s*)?([^\s:LC]*)", shape):
        yield from link_words(view, slot(found[1]))
    elif found := re.fullmatch(r"L\s+([^\s:LC]*)", shape):
        yield from slot(found[1]).words(_VERBS, after=" ")
    elif found := re.fullmatch(r"L\s+every\s+([\w ]*)", shape):
        yield from slot(found[1]).words(_PERIODS)
    elif found := re.fullmatch(rf"L\s*{_ARROW}\s*L(?:\s*[×x]\s*\d+)?(\s*)", shape):
        yield from _payloads(view, before, slot(found[1]), ": `", "`")
    elif found := re.fullmatch(r"L[^C:]*:\s*([^\sLC]*)", shape):
        yield from _payloads(view, before, slot(found[1]), "`", "`")
    elif clauses := re.search(r"C([^C]*)$", shape):
        yield from _clauses(view, before, clauses[1], offset)


def _clauses(view: ProgramView, before: str, clauses: str, offset: int) -> Iterator[CompletionItem]:
    def slot(words: str) -> Slot:
        return Slot(view.buffer, offset - len(words), offset)

    if asked := re.search(r"\bwhen\s+([^,;]*)$", clauses):
        named = re.findall(r"`([^`\n]+)`", before)
        payload = view.payloads.get(named[-1].strip())
        yield from slot(asked[1]).words(dict.fromkeys(conditions(payload), f"of `{payload.name}`") if payload else {})
        return
    used = {word for word in ("when", "otherwise", "at") if re.search(rf"\b{word}\b", clauses.rpartition(",")[0])}
    if used & {"when", "otherwise"}:
        used |= {"when", "otherwise"}
    fresh = {word: doc for word, doc in _CLAUSES.items() if word.split()[0] not in used}
    if begun := re.search(r"[,;]\s*([^,;]*)$", clauses):
        yield from slot(begun[1]).words(fresh)
    elif clauses.strip() == "" and clauses:
        yield from slot(clauses).words(fresh, before=", ")


def _payloads(view: ProgramView, before: str, slot: Slot, opening: str, closing: str) -> Iterator[CompletionItem]:
    """Payloads that the source can give and the target takes."""
    blank = slot.typed if slot.typed.isspace() else ""
    source, target = _ends(view, before)
    for name, payload in view.payloads.items():
        if source is None or _is_typed(view, source, target, name):
            text = f"{opening}{name}{closing}"
            yield slot.offer(name, fields_of(payload), CompletionItemKind.Struct, text=text, match=blank + name)


def _ends(view: ProgramView, before: str) -> tuple[RoleRef | None, RoleRef | None]:
    """The two roles of an item, where the table says what they are."""
    linked = [view.links.resolve(link[1]) for link in _LINK.finditer(before)]
    known = [one if isinstance(one, RoleRef) and one.slug in view.people else None for one in linked]
    source, target, *_ = (*known, None, None)
    return source, target


def _is_typed(view: ProgramView, source: RoleRef, target: RoleRef | None, payload: str) -> bool:
    """Whether the compiler would take the payload between the two."""
    here = view.document.source.span(0)
    edge = Edge(0, here, source, here, payload, here, target)
    return is_typed(edge, view.people, view.payloads, view.models)
