"""What two orgs differ in: folders, versions of repositories, runs. Compiles and compares; runs nothing.

Invariant: two folders are compared as if they lay in the same place: what an org is called by its folder, and where on
the disk its own workspace lies, is no difference.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from orgruntime.api.errors import MISUSE, UserError
from orgruntime.api.folders import DEFAULT_RUNS, RunFolder
from orgruntime.api.org_sources import OpenedOrg, address_of, folder_of, is_version, refuse_no_org, version_of
from orgruntime.compiler import Compilation, compile_org
from orgruntime.diagnostics.diagnostic import Severity
from orgruntime.diagnostics.render import full
from orgruntime.model.manifest import Manifest
from orgruntime.plan.dials import dial_plans
from orgruntime.plan.plan import DialPlan
from orgruntime.study.changes import Difference
from orgruntime.study.fork import PROGRAM
from orgruntime.study.meaning import difference_of, with_dials

MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Side:
    """One of the two. `place` is the org's folder; None for a run, which is closed over its manifest."""

    name: str
    manifest: Manifest
    texts: Mapping[str, str] | None = None
    """Path relative to the org → text, of the program and the roles; None for a run."""
    place: Path | None = None


@dataclass(frozen=True)
class TextChange:
    """A text that differs. `diff` is unified."""

    path: str
    added: int
    removed: int
    diff: str


@dataclass(frozen=True)
class OrgDiff:
    old: Side
    new: Side
    difference: Difference
    texts: tuple[TextChange, ...]


def diff_orgs(old: str, new: str, runs: Path = DEFAULT_RUNS) -> OrgDiff:
    """`runs` is where a run is looked for that is named by its id. Raises UserError (code 2) for a side that is no org,
    or that does not compile and so means nothing."""
    before, after = _side(old, runs), _side(new, runs)
    one, other = _in_one_place(before, after)
    found = difference_of(one, other)
    if not found.equal:
        found = with_dials(found, _dials(one), _dials(other))
    return OrgDiff(before, after, found, tuple(_text_changes(before, after)))


def _side(text: str, runs: Path) -> Side:
    run = _run_folder(text, runs)
    if run is not None:
        return Side(text, RunFolder(run).manifest())
    address = address_of(text)
    if is_version(address):
        with version_of(address) as opened:
            return _compiled(text, opened)
    folder = folder_of(address)
    refuse_no_org(folder)
    return _compiled(text, OpenedOrg(address, folder))


def _run_folder(text: str, runs: Path) -> Path | None:
    path = Path(text)
    if path.name == MANIFEST and os.path.isfile(path):
        return path.parent
    candidates = (path, runs / text) if text and not os.path.exists(path) else (path,)
    return next((one for one in candidates if os.path.isfile(one / MANIFEST) and not (one / PROGRAM).exists()), None)


def _compiled(name: str, opened: OpenedOrg) -> Side:
    found = compile_org(opened.folder)
    if found.manifest is None:
        faults = [one for one in found.diagnostics if one.severity is not Severity.INFO]
        said = full(faults, found.texts).rstrip().replace(str(opened.folder), name)
        raise UserError(f"{name} does not compile, so there is nothing to compare\n\n{said}", MISUSE)
    place = opened.real(opened.folder)
    manifest = _really_at(found.manifest, opened)
    return Side(name, manifest, _texts(found), Path(os.path.abspath(place or opened.folder)))


def _really_at(manifest: Manifest, opened: OpenedOrg) -> Manifest:
    """The workspace's source as it is called outside the folder that a version is laid out in."""
    source = Path(manifest.workspace.source)
    real = opened.real(source)
    if real == source:
        return manifest
    if real is not None:
        return _with_source(manifest, str(real))
    if opened.top is None or source.is_relative_to(opened.folder) or not source.is_relative_to(opened.top):
        return manifest
    return _with_source(manifest, f"{opened.address.place}//{source.relative_to(opened.top).as_posix()}")


def _with_source(manifest: Manifest, source: str) -> Manifest:
    return manifest.model_copy(update={"workspace": manifest.workspace.model_copy(update={"source": source})})


def _texts(found: Compilation) -> dict[str, str]:
    assert found.manifest is not None
    places = {file.slug: file.path for file in found.files if file.slug is not None}
    program = next(file.path for file in found.files if file.kind == "program")
    texts = {"program.md": found.texts[program]}
    for role in found.manifest.roles:
        path = places.get(str(role.slug), "")
        if role.source is not None and path in found.texts:
            texts[role.source] = found.texts[path]
    return texts


def _in_one_place(old: Side, new: Side) -> tuple[Manifest, Manifest]:
    if old.place is None or new.place is None:
        return old.manifest, new.manifest
    one, other = (_below(side.manifest, side.place) for side in (old, new) if side.place is not None)
    # An org without a heading is titled by its folder.
    untitled = one.title == one.org and other.title == other.org
    return one, other.model_copy(update={"org": one.org, "title": one.title if untitled else other.title})


def _below(manifest: Manifest, place: Path) -> Manifest:
    """The workspace's source relative to the org, where it lies in it."""
    source = Path(manifest.workspace.source)
    inside = source.is_absolute() and source.is_relative_to(place)
    return _with_source(manifest, source.relative_to(place).as_posix()) if inside else manifest


def _dials(manifest: Manifest) -> tuple[DialPlan, ...]:
    # Numbers need numpy, and equal orgs need no numbers.
    from orgruntime.api.planning import numbers_of

    return dial_plans(manifest.appetite, numbers_of(manifest))


def _text_changes(old: Side, new: Side) -> Iterator[TextChange]:
    if old.texts is None or new.texts is None:
        before, after = _words(old.manifest), _words(new.manifest)
    else:
        before, after = dict(old.texts), dict(new.texts)
    changed = [path for path in dict.fromkeys((*before, *after)) if before.get(path) != after.get(path)]
    if changed:
        from orgruntime.backends.text_patch import unified
    moved = {before.get(path) for path in changed} & {after.get(path) for path in changed} - {None}
    for path in changed:
        was, now = before.get(path), after.get(path)
        if (was is None and now in moved) or (now is None and was in moved):
            continue
        diff = unified(
            was or "",
            now or "",
            "/dev/null" if was is None else f"a/{path}",
            "/dev/null" if now is None else f"b/{path}",
        )
        yield TextChange(path, diff.added, diff.removed, diff.text)


def _words(manifest: Manifest) -> dict[str, str]:
    """The words of a manifest, as far as it holds them: a run keeps no files."""
    sections = {f"program.md ## {heading}": f"{text}\n" for heading, text in manifest.guidance.items()}
    prompts = {f"{role.source or role.slug} (prompt)": f"{role.prompt}\n" for role in manifest.roles if role.prompt}
    return {"program.md (mission)": f"{manifest.mission}\n", **sections, **prompts}
