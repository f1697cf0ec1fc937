"""What a fork is made of: the source's files byte for byte, a new title, and what the org leads to outside its folder.

Pure: works on bytes that were read before, and asks `moved` where a place of the program leads from the new folder.
Invariant: no file but `program.md` and the lock differs from the source, and the lock names each edit and each file
that was not in the source's folder.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from orgruntime.study.lock import (
    LOCK,
    Brought,
    Edit,
    Entry,
    Licence,
    Lock,
    Origin,
    lineage_of,
    read_lock,
    sha256,
    tree_hash,
)
from orgruntime.study.words import Lead, ProgramWords, WordsError

PROGRAM = "program.md"
_LICENCES = ("license", "licence", "copying", "unlicense")


class ForkError(ValueError):
    """There is no fork to be made: one sentence."""


@dataclass(frozen=True)
class Moved:
    """Where a place of the program leads from the fork: what it says there, and the files that it needs there."""

    text: str
    files: tuple[Entry, ...] = ()
    source: str = ""
    """What the files were in the source."""
    folder: str = ""
    """Where the files lie in the fork; empty for one file alone."""


@dataclass(frozen=True)
class Draft:
    """A fork before it is written; `files` hold no lock yet."""

    files: tuple[Entry, ...]
    edits: tuple[Edit, ...]
    brought: tuple[Brought, ...]
    licence: Licence | None
    lineage: tuple[Origin, ...]

    def lock(self, origin: Origin) -> Lock:
        return Lock(origin=origin, edits=self.edits, brought=self.brought, lineage=self.lineage)


def make_fork(
    files: Sequence[Entry], title: str, moved: Callable[[Lead], Moved | None], licence: Entry | None = None
) -> Draft:
    """The fork of an org's files under a new title. `moved` is None for what leads to the same thing from the fork;
    `licence` is that of the repository, for an org without its own; it comes along unless the fork lies below it.
    Raises ForkError."""
    kept = {file.path: file for file in files if file.path != LOCK}
    program = kept.get(PROGRAM)
    if program is None:
        raise ForkError(f"it holds no {PROGRAM}")
    try:
        words = ProgramWords(program.data)
        replacements, edits = [words.titled(title)], [Edit(what="title", before=words.title, after=title.strip())]
        brought: dict[str, Brought] = {}
        for lead in words.leads():
            place = moved(lead)
            if place is not None:
                replacements.append(words.leading(lead, place.text))
                edits.append(Edit(what=lead.kind.value, before=lead.text, after=place.text))
                _bring(place, kept, brought)
    except WordsError as error:
        raise ForkError(str(error)) from error
    kept[PROGRAM] = program._replace(data=words.changed(replacements))
    own = _licence_among(kept)
    if own is None and licence is not None:
        own = licence
        if not licence.path.startswith("../"):
            _bring(Moved("", (licence,), licence.path), kept, brought)
    earlier = next((read_lock(file.data) for file in files if file.path == LOCK), None)
    return Draft(
        files=tuple(sorted(kept.values())),
        edits=tuple(dict.fromkeys(edit for edit in edits if edit.before != edit.after)),
        brought=tuple(brought[path] for path in sorted(brought)),
        licence=Licence(path=own.path, sha256=sha256(own.data)) if own else None,
        lineage=lineage_of(earlier) if earlier else (),
    )


def is_licence(name: str) -> bool:
    """`LICENSE`, `LICENCE.md`, `COPYING`, `LICENSE-MIT`."""
    return name.casefold().startswith(_LICENCES)


def _bring(place: Moved, kept: dict[str, Entry], brought: dict[str, Brought]) -> None:
    """Adds files to the fork; one that is there already with other bytes stops it all."""
    new = [file for file in place.files if file.path not in kept]
    for file in place.files:
        if file.path in kept and kept[file.path].data != file.data:
            raise ForkError(
                f"its program needs {place.source}, which would be {file.path} in the fork, and there is another file "
                "of that name; rename one of them in the source"
            )
    kept.update({file.path: file for file in new})
    if new:
        path = place.folder or new[0].path
        known = tree_hash(new).partition(":")[2] if place.folder else sha256(new[0].data)
        brought[path] = Brought(source=place.source, path=path, files=len(new), sha256=known)


def _licence_among(files: dict[str, Entry]) -> Entry | None:
    return next((files[path] for path in sorted(files) if "/" not in path and is_licence(path)), None)
