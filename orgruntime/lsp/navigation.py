"""Where a role or payload is declared, where it is used, and how to rename a role everywhere. Changes nothing itself.

Invariant: a rename is refused, with the reason, wherever it could not be done in all places at once.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from lsprotocol.types import (
    Location,
    OptionalVersionedTextDocumentIdentifier,
    Position,
    PrepareRenamePlaceholder,
    Range,
    RenameFile,
    TextDocumentEdit,
    TextEdit,
    WorkspaceEdit,
)

from orgruntime.compiler.naming import slug_named
from orgruntime.lsp.buffer import Buffer
from orgruntime.lsp.front import cursor_at
from orgruntime.lsp.program import PayloadMention, ProgramView, RoleMention
from orgruntime.lsp.session import Session

_TOP = Range(Position(0, 0), Position(0, 0))
_NAME = re.compile(r"[\w/.-]+")
_SLUG = re.compile(r"[A-Za-z0-9][\w-]*(?:/[A-Za-z0-9][\w-]*)*")
_BEHIND_PATH = re.compile(r"^[^#?]*")


class Refused(Exception):
    """A rename that cannot be done; the message is for people."""


def definition(session: Session, view: ProgramView, offset: int) -> Location | None:
    """The file of a role, or the row that declares a payload. A built-in payload is declared nowhere."""
    if mention := view.role_at(offset):
        ref = view.resolve(mention)
        return Location(session.uri(ref.path), _TOP) if ref else None
    named = view.payload_at(offset)
    return _declaration(session, view, named) if named else None


def definition_in_role(session: Session, buffer: Buffer, view: ProgramView, offset: int) -> Location | None:
    """The role, or the payload, that a hint of a role file names."""
    begin, end = buffer.line_of(offset)
    word = next((one for one in _NAME.finditer(buffer.text, begin, end) if one.start() <= offset <= one.end()), None)
    cursor = cursor_at(buffer.text, word.start()) if word else None
    if word is None or cursor is None or not cursor.is_value:
        return None
    if cursor.path == ("org", "hands_off_to"):
        slug = slug_named(word[0])
        refs = {ref.slug: ref.path for ref in view.links.own_files()}
        found = refs.get(slug) or (view.org / view.slugs[slug] if slug in view.slugs else None)
        return Location(session.uri(Path(os.path.normpath(found))), _TOP) if found else None
    if cursor.path in (("org", "produces"), ("org", "consumes")):
        return _declaration(session, view, PayloadMention(word[0], 0, 0))
    return None


def references(session: Session, view: ProgramView, offset: int, declared: bool) -> list[Location]:
    """Every place that names the role or payload at a place of a program; with its declaration where asked for."""
    if mention := view.role_at(offset):
        ref = view.resolve(mention)
        return role_references(session, ref.path, declared) if ref else []
    named = view.payload_at(offset)
    if named is None:
        return []
    own = _declaration(session, view, named)
    places = [_location(session, view, one.start, one.end) for one in view.carried if one.name == named.name]
    return [*([own] if own and declared else []), *places]


def role_references(session: Session, path: Path, declared: bool) -> list[Location]:
    """Every link to a role file, in every program that can be seen."""
    found = [Location(session.uri(path), _TOP)] if declared else []
    for view in session.views():
        found += [_location(session, view, one.start, one.end) for one in _links_to(view, path)]
    return found


def renamable(view: ProgramView, offset: int) -> PrepareRenamePlaceholder:
    """The slug under the cursor. Raises Refused."""
    mention, _, slug = _own_role(view, offset)
    return PrepareRenamePlaceholder(view.buffer.range(mention.target, mention.target_end), slug)


def rename(session: Session, view: ProgramView, offset: int, name: str) -> WorkspaceEdit:
    """Moves a role file of the org and mends every link to it. Raises Refused."""
    _, path, _ = _own_role(view, offset)
    slug = name.strip().removeprefix("roles/").removesuffix(".md")
    if not _SLUG.fullmatch(slug):
        raise Refused(f"`{name}` is no slug: use letters, digits, `-` and `_`, such as `data-analyst`")
    target = view.links.own / f"{slug}.md"
    if target == path:
        return WorkspaceEdit(document_changes=[])
    if os.path.lexists(target):
        raise Refused(f"`roles/{slug}.md` is there already")
    edits = [
        TextEdit(view.buffer.range(one.target, one.target_end), f"roles/{slug}.md" + _BEHIND_PATH.sub("", one.href))
        for one in _links_to(view, path)
    ]
    program = OptionalVersionedTextDocumentIdentifier(session.uri(view.buffer.path), view.buffer.version)
    return WorkspaceEdit(
        document_changes=[
            TextDocumentEdit(program, list(edits)),
            RenameFile(old_uri=session.uri(path), new_uri=target.as_uri()),
        ]
    )


def _own_role(view: ProgramView, offset: int) -> tuple[RoleMention, Path, str]:
    mention = view.role_at(offset)
    ref = view.resolve(mention) if mention else None
    if mention is None or ref is None:
        raise Refused("only a link to a role can be renamed here")
    if not ref.path.is_relative_to(view.links.own):
        raise Refused(f"`{ref.slug}` is a role of the shared library, which other orgs use")
    if ref.path.name == "AGENTS.md":
        raise Refused(f"`{ref.slug}` is named by its folder: rename the folder")
    return mention, ref.path, ref.slug


def _links_to(view: ProgramView, path: Path) -> list[RoleMention]:
    resolved = [(one, view.resolve(one)) for one in view.roles]
    return [one for one, ref in resolved if ref is not None and ref.path == path]


def _declaration(session: Session, view: ProgramView, named: PayloadMention) -> Location | None:
    first = next((one for one in view.declared if one.name == named.name), None)
    return _location(session, view, first.start, first.end) if first else None


def _location(session: Session, view: ProgramView, start: int, end: int) -> Location:
    return Location(session.uri(view.buffer.path), view.buffer.range(start, end))
