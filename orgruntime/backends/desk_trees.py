"""Base trees at a desk: each unpacked once, kept while it is used, and a bounded number of them after that.

Works on tar bytes as trials get them; does not know what a step does with its tree. Invariant: a tree is never written
to once it is here, and never removed while a step works on it.
"""

from __future__ import annotations

import os
import threading
from collections import Counter, OrderedDict
from dataclasses import dataclass, replace

from orgruntime.backends import trial_layout
from orgruntime.backends.desk_paths import may_change
from orgruntime.backends.trial_files import remove_tree
from orgruntime.model.ids import TreeId

KEPT = 8
"""Trees beyond those in use: leads follow each other, and steps begin on the newest few."""


@dataclass(frozen=True)
class Tree:
    id: TreeId
    base: str
    """Its folder."""
    editable: tuple[str, ...]
    frozen: frozenset[str]
    changeable: frozenset[str]
    """The files that a proposal can change."""
    layout: trial_layout.Layout
    paths: frozenset[str]
    known: frozenset[str]
    """The files and the folders above them."""


@dataclass(frozen=True)
class Products:
    """What a set-up command made on this node for trials."""

    setup: str
    """The command."""
    folder: str
    """Where agents of the node keep products, by `trial_layout.product_key`."""


class MissingTree(Exception):
    """The tree has to be sent."""


class Trees:
    """`boxed`: commands run in a sandbox that mounts frozen files; else every worktree gets copies of them. May be used
    from any thread."""

    def __init__(self, folder: str, *, boxed: bool, kept: int = KEPT, products: Products | None = None) -> None:
        """`products` are laid into trees as frozen files, where they are mounted and as far as they are there when a
        tree comes."""
        self._folder = folder
        self._products = products
        self._boxed = boxed
        self._kept = kept
        self._trees: OrderedDict[tuple[TreeId, tuple[str, ...]], Tree] = OrderedDict()
        self._users: Counter[TreeId] = Counter()
        self._lock = threading.Lock()
        os.makedirs(folder, mode=0o700, exist_ok=True)

    def take(self, id: TreeId, editable: tuple[str, ...], pack: bytes | None) -> Tree:
        """The tree, to be given back. Raises MissingTree when it is not here and comes without its `pack`, ValueError
        for a pack that is no tree."""
        with self._lock:
            key = (id, editable)
            if key not in self._trees:
                self._trees[key] = self._unpacked(id, editable, pack)
            self._trees.move_to_end(key)
            self._users[id] += 1
            return self._trees[key]

    def give_back(self, tree: Tree) -> None:
        with self._lock:
            self._users[tree.id] -= 1
            idle = [key for key in self._trees if self._users[key[0]] <= 0]
            for key in idle[: max(0, len(idle) - self._kept)]:
                del self._trees[key]
                if not any(other == key[0] for other, _ in self._trees):
                    remove_tree(self._place(key[0]))
                    trial_layout.drop_blobs(os.path.join(self._folder, "blobs"))

    def _unpacked(self, id: TreeId, editable: tuple[str, ...], pack: bytes | None) -> Tree:
        base = self._place(id)
        if not os.path.isdir(base):
            if pack is None:
                raise MissingTree(id)
            trial_layout.unpack(pack, base, os.path.join(self._folder, "blobs"))
            self._add_products(base, editable)
        paths = frozenset(trial_layout.walk(base))
        changeable = frozenset(path for path in paths if may_change(path, editable))
        layout = trial_layout.lay_out(base, editable, sandbox=self._boxed)
        # Every copy that no proposal can change is watched: also what git would read, where a pattern allows it.
        layout = replace(layout, watched=[path for path in layout.files if path not in changeable])
        known = paths | {path[:at] for path in paths for at, letter in enumerate(path) if letter == "/"}
        return Tree(id, base, editable, paths - changeable, changeable, layout, paths, known)

    def _add_products(self, base: str, editable: tuple[str, ...]) -> None:
        # Without a sandbox each worktree would get a copy of them.
        if self._products is None or not self._boxed:
            return
        paths = trial_layout.walk(base)
        frozen = trial_layout.frozen_digest(base, paths, editable)
        made = os.path.join(self._products.folder, trial_layout.product_key(self._products.setup, frozen))
        if os.path.isdir(made):
            # What lies where a proposal may change something would pass for a part of the base commit.
            fresh = [path for path in sorted({*trial_layout.walk(made)} - {*paths}) if not may_change(path, editable)]
            trial_layout.add_products(made, base, fresh)

    def _place(self, id: TreeId) -> str:
        if not id.isalnum():
            raise ValueError(f"{id!r} is no id of a tree")
        return os.path.join(self._folder, id)
