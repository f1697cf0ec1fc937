"""Where an org is to be found: `PLACE[//FOLDER][@REF]`, with a path or an address of a repository as the place.

Works on the words alone; whether there is anything at the place is another's to see. Invariant: an address that is
parsed names a scheme of the closed list, and neither place, folder nor ref can be taken for an option by a program.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

SCHEMES = ("https", "ssh", "git", "file")

_SCHEME = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<rest>.*)", re.DOTALL)
_HELPER = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*::")
_SHORT = re.compile(r"(?P<host>[A-Za-z0-9_][\w.-]*@[A-Za-z0-9][\w.-]*:)(?P<rest>[^/\s].*|/[^/\s].*)", re.DOTALL)
"""`git@host:owner/repo.git`, as code hosts print it for ssh."""
_HOST = re.compile(r"(?:(?P<user>[^/@]*)@)?(?P<host>[A-Za-z0-9][\w.-]*)(?::\d{1,5})?")
_PATH = re.compile(r"[^\s?#\x00-\x1f\x7f\\]+")
_REF = re.compile(r"[A-Za-z0-9_][\w./+~^-]{0,199}")


class AddressError(ValueError):
    """The words name no place that an org may come from: one sentence with the remedy."""


@dataclass(frozen=True)
class Address:
    """`place`: an address for git where `remote`, else a path. `folder` is below it, empty for the place itself."""

    place: str
    folder: str = ""
    ref: str | None = None
    remote: bool = False

    @property
    def text(self) -> str:
        """The address as it is written, without the ref."""
        return f"{self.place}//{self.folder}" if self.folder else self.place


def parse_address(text: str, exists: Callable[[str], bool] = lambda path: Path(path).exists()) -> Address:
    """The address that `text` is. `exists` tells whether a local path does: one with an `@` in it is no ref.

    Raises AddressError.
    """
    if not text.strip():
        raise AddressError("a source is a folder, or the address of a git repository")
    if match := _SCHEME.fullmatch(text):
        return _with_scheme(text, match["scheme"].lower(), match["rest"])
    if _HELPER.match(text):
        raise AddressError(f"{text}: git's helpers are not used; {_allowed()}")
    if (match := _SHORT.fullmatch(text)) and not exists(text):
        path, folder, ref = _split(match["rest"])
        _check(text, path, folder)
        return Address(match["host"] + path, folder, ref, remote=True)
    return _local(text, exists)


def _with_scheme(text: str, scheme: str, rest: str) -> Address:
    if scheme not in SCHEMES:
        raise AddressError(f"{text}: {scheme}:// is not used; {_allowed()}")
    host, slash, path = rest.partition("/")
    if scheme == "file":
        if host not in ("", "localhost"):
            raise AddressError(f"{text}: a file:// address names a file of this machine, as in file:///srv/org.git")
        path, folder, ref = _split(slash + path)
        return Address(path, folder, ref)
    found = _HOST.fullmatch(host)
    if found is None or not path.strip("/"):
        raise AddressError(f"{text} is no address of a repository; write e.g. https://host/owner/repo//orgs/lab@v1")
    if ":" in (found["user"] or "") or (found["user"] and scheme == "https"):
        raise AddressError(
            f"{scheme}://{found['host']}/{path}: leave user and password out of the address, where they would be "
            "kept in the lock; git's credential store has a place for them"
        )
    path, folder, ref = _split(path)
    _check(text, path, folder)
    return Address(f"{scheme}://{host}/{path}", folder, ref, remote=True)


def _local(text: str, exists: Callable[[str], bool]) -> Address:
    if "\0" in text:
        raise AddressError(f"{text!r} cannot be a path")
    if exists(text):
        return Address(text)
    path, folder, ref = _split(text)
    return Address(path, folder, ref)


def _split(text: str) -> tuple[str, str, str | None]:
    """(place, folder, ref) of what follows the host, or of a path."""
    place, sign, ref = text.rpartition("@")
    if not sign:
        place, ref = text, ""
    elif not _REF.fullmatch(ref) or ".." in ref:
        raise AddressError(f"`{ref}` cannot be a branch, a tag or a commit; write e.g. SOURCE@v1 or SOURCE@main")
    at = place.find("//", 1)
    folder = place[at:].strip("/") if at > 0 else ""
    place = place[:at] if at > 0 else place
    if any(part in ("", ".", "..") for part in folder.split("/")) and folder:
        raise AddressError(f"`{folder}` is no plain path below the repository")
    return place, folder, ref or None


def _check(text: str, path: str, folder: str) -> None:
    if not _PATH.fullmatch(path) or path.startswith("-") or (folder and not _PATH.fullmatch(folder)):
        raise AddressError(f"{text!r} is no address of a repository; write e.g. https://host/owner/repo//orgs/lab@v1")


def _allowed() -> str:
    return "write an address that begins with https://, ssh://, git:// or file://, or a path"
