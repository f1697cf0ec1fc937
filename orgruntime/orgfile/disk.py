"""What is asked of files and folders beside their words: whether they are there, and what lies below them.

Works on paths. Knows neither roles nor why something is asked. Invariant: what a reading of an org learns of the disk,
it learns here or through a `Reader`, so that whoever takes notes can ask the same again and see whether anything that
was read is different now.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from pathlib import Path
from typing import Any

from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.orgfile.source import Reader, Source

Question = tuple[str, ...]
"""Its kind, then the paths that it is about."""
Note = Callable[[Question, object], None]
_MOST_FILES = 20_000
"""Files of a workspace that are looked at to match patterns and offer near names."""
_START_BYTES = 1 << 18


@lru_cache(maxsize=1 << 14)
def path_of(name: str) -> Path:
    """The same path for the same name: to part a name takes longer than to ask the disk about it."""
    return Path(name)


def exists(path: str | Path) -> bool:
    """Raises OSError where the folder above cannot be searched, and ValueError for what is no path."""
    return bool(_asked("exists", path))


def is_there(path: str | Path) -> bool:
    """As `exists`; False where that raises."""
    return bool(_asked("is_there", path))


def is_file(path: str | Path) -> bool:
    return bool(_asked("is_file", path))


def is_folder(path: str | Path) -> bool:
    return bool(_asked("is_folder", path))


def is_link(path: str | Path) -> bool:
    return bool(_asked("is_link", path))


def real(path: str | Path) -> str:
    """The path with symbolic links followed."""
    return str(_asked("real", path))


def names(folder: str | Path) -> tuple[str, ...]:
    """Of everything in a folder, sorted. Raises OSError and ValueError."""
    return tuple(_asked("names", folder))


def folders(folder: str | Path) -> tuple[str, ...]:
    """Names of the folders in a folder, sorted. Raises OSError and ValueError."""
    return tuple(_asked("folders", folder))


def markdown(folder: str | Path) -> tuple[Path, ...]:
    """Markdown files below a folder, links among them, sorted. Raises OSError."""
    return tuple(map(Path, _asked("markdown", folder)))


def markdown_kinds(folder: str | Path) -> Mapping[str, bool]:
    """Markdown files below a folder, in order, relative to it, and whether each is a regular file and no link.

    What is in folders behind links is not among them.
    """
    return dict(_asked("markdown_kinds", folder))


def files(root: str | Path) -> tuple[str, ...]:
    """Paths of the files below `root`, with `/`, sorted, without hidden folders."""
    return tuple(_asked("files", root))


def start(path: str | Path) -> bytes:
    """The first 256 KiB of a file. Raises OSError."""
    return bytes(_asked("start", path))


def read_whole(read: Reader, path: Path, shown: str, findings: Findings) -> Source | None:
    """A file every word of which matters: read, with a note of what it holds."""
    own = Findings()
    source = read(path, shown, own)
    for one in own:
        findings.keep(one)
    noted(("read", str(path), shown), of_reading(source, own))
    return source


def of_reading(source: Source | None, own: Findings) -> object:
    """What a note of a reading says."""
    return (source.sha256 if source else "", tuple(own))


@contextmanager
def noting(note: Note | None) -> Iterator[None]:
    """Inside, each question is told to `note` with its answer."""
    token = _NOTE.set(note)
    try:
        yield
    finally:
        _NOTE.reset(token)


def noted(question: Question, answer: object) -> None:
    """Tells whoever takes notes."""
    if (note := _NOTE.get()) is not None:
        note(question, answer)


def again(question: Question) -> object:
    """The answer of now, or what stands for the error that is raised."""
    kind, path = question
    try:
        return _KINDS[kind](path)
    except (OSError, ValueError) as error:
        return _as_answer(error)


def is_asked_here(question: Question) -> bool:
    return question[0] in _KINDS


def digest(answer: object) -> str:
    """Equal for equal answers, and short. Answers are made of words, numbers, bytes and tuples of them."""
    content = answer if isinstance(answer, bytes) else repr(answer).encode("utf-8", "surrogatepass")
    return hashlib.sha256(content).hexdigest()


_NOTE: ContextVar[Note | None] = ContextVar("note", default=None)


def _asked(kind: str, path: str | Path) -> Any:
    question = (kind, str(path))
    try:
        answer = _KINDS[kind](question[1])
    except (OSError, ValueError) as error:
        noted(question, _as_answer(error))
        raise
    noted(question, answer)
    return answer


def _as_answer(error: Exception) -> object:
    return (type(error).__name__, str(error))


def _folders(folder: str) -> tuple[str, ...]:
    with os.scandir(folder) as entries:
        return tuple(sorted(entry.name for entry in entries if entry.is_dir()))


def _markdown(folder: str) -> tuple[str, ...]:
    return tuple(map(str, sorted(one for one in Path(folder).rglob("*.md") if one.is_file())))


def _markdown_kinds(folder: str) -> tuple[tuple[str, bool], ...]:
    found: dict[tuple[str, ...], bool] = {}
    waiting: list[tuple[str, ...]] = [()]
    while waiting:
        inside = waiting.pop()
        try:
            with os.scandir(os.path.join(folder, *inside)) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append((*inside, entry.name))
                    elif entry.name.endswith(".md") and (entry.is_file() or entry.is_symlink()):
                        found[*inside, entry.name] = entry.is_file(follow_symlinks=False)
        except OSError:
            continue
    return tuple(("/".join(parts), found[parts]) for parts in sorted(found))


def _files(root: str) -> tuple[str, ...]:
    found: list[str] = []
    for folder, inside, names in os.walk(root):
        inside[:] = sorted(name for name in inside if not name.startswith(".") and name != "__pycache__")
        found += [Path(folder, name).relative_to(root).as_posix() for name in sorted(names)]
        if len(found) > _MOST_FILES:
            break
    return tuple(found)


def _start(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read(_START_BYTES)


_KINDS: dict[str, Callable[[str], Any]] = {
    "exists": lambda path: Path(path).exists(),
    "is_there": os.path.exists,
    "is_file": os.path.isfile,
    "is_folder": os.path.isdir,
    "is_link": os.path.islink,
    "real": os.path.realpath,
    "names": lambda folder: tuple(sorted(os.listdir(folder))),
    "folders": _folders,
    "markdown": _markdown,
    "markdown_kinds": _markdown_kinds,
    "files": _files,
    "start": _start,
}
