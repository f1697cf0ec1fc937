"""Trees on a node: from the tar that the driver packs to the plan by which each trial gets its copy. Standard library
and the rule of editable files only.

Works on tar bytes, relative paths and the globs of editable files; does not know git, commands or the sandbox's
program. Invariant: a cached tree is never written to, and in the sandbox every path of a `Layout` that is neither
editable nor the parent of an editable file is mounted read-only.
"""

from __future__ import annotations

import base64
import contextlib
import errno
import hashlib
import io
import os
import shutil
import tarfile
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from orgruntime.model.editable import is_editable

WORKSPACE = "/workspace"
"""Where a trial finds its tree inside the sandbox."""
MOUNTS = 400
"""At most so many read-only mounts a tree; frozen files beyond are copied and compared at the end instead."""


@dataclass(frozen=True)
class Layout:
    """How a trial's fresh tree is made: `folders` are made, `files` copied, `watched` ones must be unchanged at the
    end, `binds` are the sandbox's words that mount the rest."""

    folders: list[str]
    files: list[str]
    watched: list[str]
    binds: list[str]


def unpack(pack: bytes, folder: str, blobs: str) -> list[str]:
    """Lays a tar of regular files out in `folder`, which must not exist yet; equal files of all trees share one inode
    in `blobs`. Returns the paths, sorted. Raises ValueError for any other kind of member or a path that leads
    outside."""
    fresh = f"{folder}.{uuid.uuid4().hex}"
    os.makedirs(blobs, exist_ok=True)
    os.makedirs(fresh)
    paths = []
    for path, data, executable in _members(pack):
        _store(data, executable, os.path.join(fresh, path), blobs)
        paths.append(path)
    _settle(fresh, folder)
    return sorted(paths)


def lay_out_in_memory(pack: bytes, editable: Sequence[str]) -> tuple[Layout, dict[str, tuple[str, bool]]]:
    """The plan of a small tree that no sandbox mounts anything of: every file is copied, so it needs no folder of its
    own. Returns the contents too: path → base64 and whether it is executable. Raises ValueError as `unpack` does."""
    contents = {path: (base64.b64encode(data).decode(), executable) for path, data, executable in _members(pack)}
    folders = {parent for path in contents for parent in _parents(path)}
    files = sorted(contents)
    frozen = [path for path in files if not is_editable(path, editable)]
    return Layout(sorted(folders), files, frozen, []), contents


def _members(pack: bytes) -> Iterator[tuple[str, bytes, bool]]:
    """Path, content and executable bit of each file."""
    with tarfile.open(fileobj=io.BytesIO(pack), mode="r:") as tar:
        for member in tar:
            if member.isdir():
                continue
            path = os.path.normpath(member.name)
            if not member.isreg() or path.startswith(("/", "..")):
                raise ValueError(f"the packed tree holds {member.name!r}, which is not a plain file inside it")
            stream = tar.extractfile(member)
            assert stream is not None
            yield path, stream.read(), bool(member.mode & 0o100)


def _parents(path: str) -> Iterator[str]:
    while path := os.path.dirname(path):
        yield path


def frozen_digest(folder: str, paths: Iterable[str], editable: Sequence[str]) -> str:
    """sha256 over the frozen files: what a set-up command's product depends on."""
    total = hashlib.sha256()
    for path in paths:
        if not is_editable(path, editable):
            with open(os.path.join(folder, path), "rb") as file:
                total.update(f"{path}\0{hashlib.sha256(file.read()).hexdigest()}\n".encode())
    return total.hexdigest()


def product_key(setup: str, frozen: str) -> str:
    """Under which the product of a set-up command is kept on a node. `frozen`: the digest of the frozen files."""
    return hashlib.sha256(f"{setup}\0{frozen}".encode()).hexdigest()[:32]


def lay_out(folder: str, editable: Sequence[str], *, sandbox: bool) -> Layout:
    """Plans the copies and mounts of the cached tree in `folder`."""
    layout = Layout([], [], [], [])
    _visit(folder, "", editable, sandbox, layout)
    return layout


def walk(folder: str) -> list[str]:
    """Every file and symbolic link below, relative, sorted."""
    found = []
    for top, folders, files in os.walk(folder):
        links = [name for name in folders if os.path.islink(os.path.join(top, name))]
        found += [os.path.relpath(os.path.join(top, name), folder) for name in (*files, *links)]
    return sorted(found)


def copy_tree(source: str, target: str, paths: Iterable[str]) -> None:
    for path in paths:
        place = os.path.join(target, path)
        os.makedirs(os.path.dirname(place), exist_ok=True)
        shutil.copy(os.path.join(source, path), place, follow_symlinks=False)


def add_products(source: str, folder: str, paths: Iterable[str]) -> None:
    """Links what a set-up command made into a cached tree; what is there already stays."""
    for path in paths:
        place = os.path.join(folder, path)
        if os.path.lexists(place):
            continue
        os.makedirs(os.path.dirname(place), exist_ok=True)
        product = os.path.join(source, path)
        try:
            os.link(product, place, follow_symlinks=False)
        except OSError as error:
            if error.errno != errno.EMLINK:
                raise
            shutil.copy2(product, place, follow_symlinks=False)


def _store(data: bytes, executable: bool, place: str, blobs: str) -> None:
    blob = os.path.join(blobs, hashlib.sha256(data).hexdigest() + ("x" if executable else ""))
    os.makedirs(os.path.dirname(place), exist_ok=True)
    full = False
    while True:
        if full or not os.path.exists(blob):
            fresh = f"{blob}.{uuid.uuid4().hex}"
            with open(fresh, "wb") as file:
                file.write(data)
            os.chmod(fresh, 0o755 if executable else 0o644)
            os.rename(fresh, blob)
        try:
            os.link(blob, place)
            return
        except FileNotFoundError:
            continue  # Another agent has dropped it: nobody had it.
        except OSError as error:
            if error.errno != errno.EMLINK:
                raise
            full = True  # Of links: 65,000 on ext4.


def drop_blobs(blobs: str) -> None:
    """Those that no tree holds any more."""
    with os.scandir(blobs) as found:
        for blob in found:
            # A name with a dot is about to become a blob.
            with contextlib.suppress(FileNotFoundError):  # Another agent was first.
                if "." not in blob.name and blob.stat(follow_symlinks=False).st_nlink == 1:
                    os.unlink(blob.path)


def discard(trees: str, blobs: str) -> None:
    """Removes a folder of trees, and what none of the others holds. Never raises: it is only room."""
    shutil.rmtree(trees, ignore_errors=True)
    with contextlib.suppress(OSError):
        drop_blobs(blobs)


def _settle(fresh: str, folder: str) -> None:
    try:
        os.rename(fresh, folder)
    except OSError:
        # Another agent of the node was first; equal ids are equal trees.
        shutil.rmtree(fresh)
        if not os.path.isdir(folder):
            raise


def _visit(root: str, below: str, editable: Sequence[str], sandbox: bool, layout: Layout) -> None:
    for entry in sorted(os.scandir(os.path.join(root, below)), key=lambda entry: entry.name):
        path = os.path.join(below, entry.name)
        is_folder = entry.is_dir(follow_symlinks=False)
        opened = is_folder and _holds_editable(root, path, editable)
        frozen = not opened and not (not is_folder and is_editable(path, editable))
        if frozen and sandbox and not entry.is_symlink() and len(layout.binds) < 3 * MOUNTS:
            layout.binds.extend(("--ro-bind", os.path.join(root, path), f"{WORKSPACE}/{path}"))
        elif is_folder:
            layout.folders.append(path)
            if opened and sandbox:
                # A mount point cannot be renamed, so nobody can put another folder in its place and put it back.
                layout.binds.extend(("--bind", f"{{work}}/{path}", f"{WORKSPACE}/{path}"))
            _visit(root, path, editable, sandbox, layout)
        else:
            layout.files.append(path)
            if frozen and not entry.is_symlink():
                layout.watched.append(path)


def _holds_editable(root: str, folder: str, editable: Sequence[str]) -> bool:
    return any(is_editable(os.path.join(folder, path), editable) for path in walk(os.path.join(root, folder)))
