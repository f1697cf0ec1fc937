"""Links to roles that may be written: those that the program has, the org's other files, the shared library.

Reads folder listings only. Invariant: every link that is offered resolves.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from lsprotocol.types import CompletionItem, CompletionItemKind

from orgruntime.compiler.library import RoleRef
from orgruntime.compiler.rolefile import slug_of
from orgruntime.lsp.inert import inert
from orgruntime.lsp.program import ProgramView
from orgruntime.lsp.proposal import Slot

_HREF = re.compile(r"\[[^\[\]\n]*\]\((?P<word>[^()\s]*)$")
_LABEL = re.compile(r"(?<!!)\[(?P<word>[^\[\]\n]*)$")
_REST_OF_LINK = re.compile(r"[^\[\]\n|`→]*\](?:\([^()\n|]*\)?)?|")
_REST_OF_HREF = re.compile(r"[^()\s|]*\)?")
_PLAIN = re.compile(r"[^\s()<>\[\]|`\\]+")
"""What can stand in a link without more ado; a file of another name is linked by hand."""
_DOCUMENTS = ("readme", "contributing", "changelog", "license", "security", "claude")


def open_link(view: ProgramView, start: int, offset: int) -> list[CompletionItem] | None:
    """Proposals inside a link that is being typed since `start`; None where there is none.

    Brackets that the editor has closed already are replaced with the rest of the link.
    """
    before = view.buffer.text[start:offset]
    rest = Slot(view.buffer, offset, offset).rest
    if href := _HREF.search(before):
        end = _REST_OF_HREF.match(rest)
        slot = Slot(view.buffer, start + href.start("word"), offset + (end.end() if end else 0))
        files = role_links(view).items()
        return [
            slot.offer(path, inert(label), CompletionItemKind.File, text=f"{path})", match=path)
            for label, path in files
        ]
    if label := _LABEL.search(before):
        end = _REST_OF_LINK.match(rest)
        return list(link_words(view, Slot(view.buffer, start + label.start(), offset + (end.end() if end else 0))))
    return None


def link_words(view: ProgramView, slot: Slot) -> Iterator[CompletionItem]:
    """Whole links."""
    for label, href in role_links(view).items():
        link = f"[{label}]({href})"
        match = link if slot.typed.startswith("[") else label
        yield slot.offer(label, inert(href), CompletionItemKind.Class, text=link, match=match)


def role_links(view: ProgramView) -> dict[str, str]:
    """Label → path. A role keeps the label that the program gave it first."""
    found: dict[str, str] = {}
    for mention in view.roles:
        if mention.label and not mention.href.startswith("lib/") and view.resolve(mention):
            found.setdefault(mention.label, mention.href)
    linked = set(found.values())
    own = [ref.source for ref in view.links.own_files() if is_role_file(ref)]
    for href in (*own, *library_files(view).values()):
        if href not in linked and _PLAIN.fullmatch(href):
            found.setdefault(_label(href), href)
    return found


def is_role_file(ref: RoleRef) -> bool:
    """Whether a file below `roles/` may be a role, by its name."""
    return Path(ref.source).stem.casefold() not in _DOCUMENTS


def imports(view: ProgramView) -> dict[str, str]:
    """What `imports:` may name."""
    return {f"lib/{slug}": inert(href) for slug, href in library_files(view).items()}


def library_files(view: ProgramView) -> dict[str, str]:
    """Slug → link of each role of the shared library: relative to the org where the library is above it."""
    root = view.links.library
    if root is None:
        return {}
    files = sorted(path.relative_to(root).as_posix() for path in root.rglob("*.md"))
    files = [name for name in files if Path(name).stem.casefold() not in _DOCUMENTS]
    if root.parent not in view.org.parents:
        return {slug_of(name): f"lib/{name}" for name in files}
    return {slug_of(name): Path(os.path.relpath(root / name, view.org)).as_posix() for name in files}


def _label(href: str) -> str:
    words = re.sub(r"[-_]+", " ", slug_of(href).split("/")[-1]).strip()
    return words[:1].upper() + words[1:]
