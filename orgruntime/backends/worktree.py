"""The worktree of one step: what an agent reads, changes and hands off.

Works on one base tree and one folder of its own; does not know tools or models. Frozen files are read from the base
tree itself; only what can change is copied, and what commands need and no mount gives them. Invariants: `texts` are
exactly the editable files that differ from the base, each as it stands on disk; after `settle` the folder holds
nothing but plain files, within the step's bound on what it may write.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from orgruntime.backends.desk_paths import Fault, may_change
from orgruntime.backends.desk_trees import Tree
from orgruntime.backends.trial_files import copy, remove_tree, signature, unchanged
from orgruntime.backends.worktree_scan import SLACK, Found, held, scan

MOST_FILES = 1000
"""Files and folders that the base does not have."""
NOTES = 20
"""Sentences of a kind."""

Changes = dict[str, str | None]
"""Path → new text; None: the file is gone, or is as in the base again."""


@dataclass
class Settled:
    changes: Changes = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    """What was put back or removed, a sentence each."""


class Worktree:
    """Belongs to one thread. `folder` must not exist yet; nobody else can look into it."""

    def __init__(self, tree: Tree, folder: str, written_bytes: int) -> None:
        self.tree = tree
        self.written_bytes = written_bytes
        self._folder = folder
        self.top = os.path.join(folder, "work")
        self._texts: dict[str, str] = {}
        self._stamps: dict[str, tuple[int, ...]] = {}
        os.makedirs(folder, mode=0o700)
        self._lay_out()

    def place(self, path: str) -> str:
        """Where a file is to be read. Whether it exists is not said."""
        return os.path.join(self.tree.base if path in self.tree.frozen else self.top, path)

    def paths(self) -> list[str]:
        """Every file that can be read, sorted."""
        return sorted(self.tree.paths | self._scan().files.keys())

    def is_folder(self, path: str) -> bool:
        return not path or os.path.isdir(os.path.join(self.top, path)) or os.path.isdir(f"{self.tree.base}/{path}")

    def texts(self) -> dict[str, str]:
        """The editable files that differ from the base."""
        return dict(self._texts)

    def text(self, path: str) -> str:
        """A file as text. Raises Fault for one that is not there or is no text."""
        if path not in self.tree.paths and not os.path.isfile(self.place(path)):
            what = "is a folder" if self.is_folder(path) else "does not exist"
            raise Fault(f"{path or 'the workspace'} {what}")
        text = self._read(self.place(path))
        if text is None:
            raise Fault(f"{path} is no UTF-8 text, or is too large to edit")
        return text

    def write(self, path: str, text: str) -> Changes:
        """Gives an editable file a new content. Returns what changed. Raises Fault."""
        if not may_change(path, self.tree.editable):
            raise Fault(f"{path or 'the workspace'} is frozen; {self._what_is_editable()}")
        if self.is_folder(path):
            raise Fault(f"{path} is a folder")
        for above in (path[:at] for at, letter in enumerate(path) if letter == "/"):
            if os.path.isfile(self.place(above)):
                raise Fault(f"{above} is a file, so nothing can lie below it")
        total = _size(text) + sum(_size(other) for name, other in self._texts.items() if name != path)
        if total > self.written_bytes:
            raise Fault(f"all changed files together may hold {self.written_bytes} bytes, and would hold {total}")
        if path not in self._texts and len(self._texts) >= MOST_FILES:
            raise Fault(f"no more than {MOST_FILES} files may change")
        self._put(path, text)
        return {path: text}

    def apply(self, changes: Mapping[str, str | None]) -> None:
        """Makes recorded changes. Raises Fault."""
        for path, text in changes.items():
            if text is not None:
                self.write(path, text)
            elif may_change(path, self.tree.editable):
                self._texts.pop(path, None)
                self._restore(path)

    def is_too_much(self) -> bool:
        """Whether a command that runs has left more than can be kept. Touches nothing."""
        found = self._scan()
        grown = sum(
            max(0, held(status) - self._base_size(path)) if path in self.tree.paths else held(status)
            for path, status in found.files.items()
        )
        return found.strays > MOST_FILES or grown > self.written_bytes + SLACK

    def settle(self) -> Settled:
        """After a command: sweeps, puts back what may not change, takes in what may."""
        found = scan(self.top, self.tree.known, most=MOST_FILES, sweep=True)
        before, settled = dict(self._texts), Settled()
        settled.notes += [f"{name} was removed: files and folders only" for name in found.swept[:NOTES]]
        if found.strays > MOST_FILES:
            return self._undo(before, f"it left more than {MOST_FILES} new files and folders")
        written = sum(held(status) for path, status in found.files.items() if self._is_written(path))
        if written > self.written_bytes:
            return self._undo(before, f"it left {written} bytes in new and changed files; {self.written_bytes} may be")
        settled.notes += [f"{path} is frozen and was put back" for path in self._restore_watched()[:NOTES]]
        settled.notes += self._take_in(found)[:NOTES]
        names = sorted(before.keys() | self._texts.keys())
        settled.changes = {name: self._texts.get(name) for name in names if before.get(name) != self._texts.get(name)}
        return settled

    def remove(self) -> None:
        remove_tree(self._folder)

    def _lay_out(self) -> None:
        os.mkdir(self.top, 0o700)
        self._stamps.clear()
        for folder in self.tree.layout.folders:
            os.mkdir(os.path.join(self.top, folder), 0o755)
        for path in self.tree.layout.files:
            copy(os.path.join(self.tree.base, path), os.path.join(self.top, path))
            self._stamps[path] = signature(os.path.join(self.top, path))

    def _undo(self, texts: Mapping[str, str], reason: str) -> Settled:
        self._texts = {}
        remove_tree(self.top)
        self._lay_out()
        for path, text in texts.items():
            self._put(path, text)
        return Settled(notes=[f"{reason}; all that this command left in the workspace was undone"])

    def _scan(self) -> Found:
        return scan(self.top, self.tree.known, most=MOST_FILES)

    def _restore_watched(self) -> list[str]:
        """The frozen files that were changed."""
        changed = []
        for path in self.tree.layout.watched:
            place, base = os.path.join(self.top, path), os.path.join(self.tree.base, path)
            if not unchanged(place, self._stamps[path], base):
                self._restore(path)
                changed.append(path)
        return changed

    def _take_in(self, found: Found) -> list[str]:
        """Brings `_texts` up to what is on disk. Returns what could not be taken in."""
        notes = []
        mine = {path for path in found.files if path in self.tree.changeable or may_change(path, self.tree.editable)}
        for path in sorted(mine | self.tree.changeable | self._texts.keys()):
            place = os.path.join(self.top, path)
            if path in found.files:
                if not self._is_written(path) or signature(place) == self._stamps.get(path):
                    continue
                text = self._read(place)
                if text is not None:
                    self._note(path, text)
                    continue
                if path not in self.tree.changeable and path not in self._texts:
                    notes.append(f"{path} is no UTF-8 text, so no proposal can hold it")
                    continue
                notes.append(f"{path} was no UTF-8 text any more, and was put back")
            elif path not in self.tree.changeable:
                del self._texts[path]
                continue
            else:
                notes.append(f"{path} cannot be removed by a proposal, and was put back")
            self._restore(path)
        return notes

    def _is_written(self, path: str) -> bool:
        """Whether a file of the folder is not as in the base. A file that was only touched is."""
        if path not in self.tree.paths or path in self._texts:
            return True
        place = os.path.join(self.top, path)
        if path not in self.tree.changeable or signature(place) == self._stamps.get(path):
            return False
        if not _same_bytes(place, os.path.join(self.tree.base, path)):
            return True
        self._stamps[path] = signature(place)
        return False

    def _restore(self, path: str) -> None:
        """As it was before the command, or else as in the base; gone when the base has none."""
        place = os.path.join(self.top, path)
        if path in self._texts:
            self._put(path, self._texts[path])
            return
        if os.path.lexists(place):
            remove_tree(place) if os.path.isdir(place) else os.unlink(place)
        if path in self.tree.paths:
            self._make_parents(path)
            copy(os.path.join(self.tree.base, path), place)
            self._stamps[path] = signature(place)

    def _put(self, path: str, text: str) -> None:
        place, fresh = os.path.join(self.top, path), os.path.join(self._folder, "fresh")
        executable = path in self.tree.paths and os.stat(os.path.join(self.tree.base, path)).st_mode & 0o100
        with open(fresh, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        os.chmod(fresh, 0o755 if executable else 0o644)
        self._make_parents(path)
        if os.path.isdir(place):
            remove_tree(place)
        os.rename(fresh, place)
        self._note(path, text)

    def _make_parents(self, path: str) -> None:
        """A file that stands in the way was put there by a command, and gives way."""
        place = self.top
        for part in path.split("/")[:-1]:
            place = os.path.join(place, part)
            if not os.path.isdir(place):
                if os.path.lexists(place):
                    os.unlink(place)
                os.mkdir(place, 0o755)

    def _note(self, path: str, text: str) -> None:
        self._stamps[path] = signature(os.path.join(self.top, path))
        if path in self.tree.paths and self._read(os.path.join(self.tree.base, path)) == text:
            self._texts.pop(path, None)
        else:
            self._texts[path] = text

    def _read(self, place: str) -> str | None:
        """None for what is no text, and for more than can be handed off."""
        fd = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with open(fd, "rb") as file:
            data = file.read(self.written_bytes + 1)
        if len(data) > self.written_bytes or b"\0" in data:
            return None
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError:
            return None

    def _base_size(self, path: str) -> int:
        return os.lstat(os.path.join(self.tree.base, path)).st_size

    def _what_is_editable(self) -> str:
        shown = ", ".join(self.tree.editable[:20])
        return f"what may be changed: {shown}" if shown else "nothing may be changed"


def _size(text: str) -> int:
    return len(text.encode())


def _same_bytes(one: str, other: str) -> bool:
    if os.path.getsize(one) != os.path.getsize(other):
        return False
    with open(one, "rb") as mine, open(other, "rb") as theirs:
        while piece := mine.read(1 << 20):
            if piece != theirs.read(1 << 20):
                return False
    return True
