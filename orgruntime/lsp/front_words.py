"""Keys and values of the front matter that may stand at a place. Knows the table of keys, nothing of the body.

Invariant: a key that its mapping has already is not offered again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from lsprotocol.types import CompletionItem, CompletionItemKind

from orgruntime.lsp.buffer import Buffer
from orgruntime.lsp.front import Cursor, keys_of
from orgruntime.lsp.keys import Key
from orgruntime.lsp.proposal import Slot


def front_words(
    buffer: Buffer, offset: int, cursor: Cursor, tree: Mapping[str, Key], values: Mapping[str, str] | None = None
) -> Iterator[CompletionItem]:
    """Keys, or values of a key. `values` stand in for those of the table where they are given."""
    slot = Slot(buffer, min(cursor.start, offset), offset)
    if not cursor.is_value:
        yield from _keys(slot, _level(tree, cursor.path), _taken(buffer, cursor.path, offset))
        return
    key = key_at(tree, cursor.path)
    if key is None:
        return
    words = key.values if values is None else values
    for word, doc in words.items():
        yield slot.last().offer(word, doc, CompletionItemKind.EnumMember)
    if key.example and not words:
        yield slot.offer(key.example, key.doc, CompletionItemKind.Value)


def key_at(tree: Mapping[str, Key], path: tuple[str, ...]) -> Key | None:
    """What a path of the front matter means; None for one that the language does not know."""
    if not path:
        return None
    parent = tree.get(path[0])
    if parent is not None and parent.is_open and len(path) == 2:
        return parent
    return _level(tree, path[:-1]).get(path[-1])


def _level(tree: Mapping[str, Key], path: tuple[str, ...]) -> Mapping[str, Key]:
    """The keys that may stand in the mapping at a path. In an open one, names are the author's and keys come below."""
    while path:
        key = tree.get(path[0])
        if key is None or (key.is_open and len(path) == 1):
            return {}
        tree, path = key.keys, path[2 if key.is_open else 1 :]
    return tree


def _taken(buffer: Buffer, path: tuple[str, ...], offset: int) -> set[str]:
    """Keys that the mapping has; the one under the cursor is not counted."""
    return {
        place.path[-1]
        for place in keys_of(buffer.text)
        if place.path[:-1] == path and not place.start <= offset <= place.end
    }


def _keys(slot: Slot, level: Mapping[str, Key], taken: set[str]) -> Iterator[CompletionItem]:
    colon = "" if re.match(r"[\w-]*[ \t]*:", slot.rest) else ": "
    for name, key in level.items():
        if name not in taken:
            yield slot.offer(name, key.doc, CompletionItemKind.Property, text=name + colon)
