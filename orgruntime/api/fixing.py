"""Fix: puts in the edits that the findings of `check` carry. Runs nothing of what it reads.

Works on the files below the given paths alone. Invariant: a file is written only if its new text is read back as the
same role or program as before; a second fix of the same files changes nothing.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from orgruntime.api.checking import is_org
from orgruntime.api.errors import UserError
from orgruntime.api.files import replace_file
from orgruntime.compiler import compile_org, read_role_files
from orgruntime.compiler.rolefile import RoleFile, role_of
from orgruntime.diagnostics.diagnostic import Diagnostic, Findings, Severity, in_order
from orgruntime.diagnostics.fixes import Fix, apply
from orgruntime.orgfile.document import parse_document
from orgruntime.orgfile.source import decode

_MOST_ROUNDS = 40
"""Safe fixes are done in one or two rounds; of the others, each takes one."""
_LINE = re.compile(r"[^\n]*\n|[^\n]+")


@dataclass(frozen=True)
class FixedFile:
    """`mended` are the findings that went away; `before` and `after` the whole text, line ends and mark included."""

    path: str
    before: str
    after: str
    mended: tuple[Diagnostic, ...]


@dataclass(frozen=True)
class Fixed:
    """`left` are errors and warnings that no fix mended, `unsafe` those of them that `--unsafe` would."""

    files: tuple[FixedFile, ...]
    left: tuple[Diagnostic, ...]
    unsafe: int = 0


def fix_paths(paths: Sequence[Path], *, unsafe: bool = False, write: bool = True) -> Fixed:
    """Mends the files of orgs, role files and folders of role files. `write=False` only says what would be done.

    Raises UserError where a path is not there, or a file cannot be written.
    """
    for path in paths:
        if not os.path.lexists(path):
            raise UserError(f"`{path.as_posix()}` does not exist; give an org, a role file, or a folder of role files")
    files: list[FixedFile] = []
    left: list[Diagnostic] = []
    for shown, kind, found in _findings(paths):
        file = _fixed(shown, kind, found, unsafe) if any(one.fix for one in found) else None
        if file is not None:
            files.append(file)
            if write:
                _write(file)
        mended = set(file.mended) if file else set()
        left += [one for one in found if one not in mended and one.severity is not Severity.INFO]
    return Fixed(tuple(files), in_order(left), sum(one.fix is not None for one in left))


def as_diff(fixed: Fixed) -> str:
    """The changes as a unified diff that `patch -p1` takes; line ends are those of the file."""
    parts: list[str] = []
    for file in fixed.files:
        old, new = (_LINE.findall(text) for text in (file.before, file.after))
        name = file.path.lstrip("/")
        for line in difflib.unified_diff(old, new, f"a/{name}", f"b/{name}"):
            parts.append(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n")
    return "".join(parts)


def _findings(paths: Iterable[Path]) -> Iterator[tuple[str, str, list[Diagnostic]]]:
    """(file, kind, its findings) of each file that is a role or a program and lies below one of the paths."""
    seen: set[str] = set()
    for path in paths:
        compiled = compile_org(path) if is_org(path) else read_role_files([path])
        root = path.parent if path.name == "program.md" and path.is_file() else path
        by_file: dict[str, list[Diagnostic]] = {}
        for one in compiled.diagnostics:
            by_file.setdefault(one.span.file, []).append(one)
        for report in compiled.files:
            if report.path not in seen and _is_below(Path(report.path), root):
                seen.add(report.path)
                yield report.path, report.kind, by_file.get(report.path, [])


def _is_below(path: Path, root: Path) -> bool:
    """Shared roles outside of the path, and links that leave it, are other people's files."""
    try:
        return path.resolve(strict=True).is_relative_to(root.resolve(strict=True))
    except (OSError, RuntimeError):
        return False


def _fixed(shown: str, kind: str, found: Iterable[Diagnostic], unsafe: bool) -> FixedFile | None:
    try:
        before = Path(shown).read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"`{shown}` changed while it was read; run it again") from error
    text, mended = before, list[Diagnostic]()
    wanted = [one for one in found if one.fix]
    for _ in range(_MOST_ROUNDS):
        new, done = _round(text, wanted, shown, kind, unsafe)
        if new == text:
            break
        text = new
        mended += [one for one in wanted if one.fix in done]
        wanted = _wanted(text, shown, kind)
    return None if text == before else FixedFile(shown, before, text, tuple(mended))


def _round(text: str, wanted: Iterable[Diagnostic], shown: str, kind: str, unsafe: bool) -> tuple[str, tuple[Fix, ...]]:
    """All safe fixes at once, else all of them, else one that holds by itself."""
    fixes = [one.fix for one in wanted if one.fix and (unsafe or one.fix.is_safe)]
    safe = [fix for fix in fixes if fix.is_safe]
    for attempt in [safe, fixes, *([fix] for fix in fixes)]:
        new, done = apply(text, attempt)
        if not done or new == text:
            continue
        if all(fix.is_safe for fix in done):
            holds = _reading(new, shown, kind) == _reading(text, shown, kind)
        else:
            holds = _errors(new, shown, kind) <= _errors(text, shown, kind)
        if holds:
            return new, done
    return text, ()


def _wanted(text: str, shown: str, kind: str) -> list[Diagnostic]:
    """What is still to be fixed in a role; a program's fixes all come from its compilation."""
    findings = Findings()
    if kind != "program":
        _role(text, shown, findings)
    return [one for one in findings.sorted() if one.fix]


def _role(text: str, shown: str, findings: Findings) -> RoleFile | None:
    source = decode(text.encode(), shown, findings)
    return role_of(source, "role", findings) if source else None


def _reading(text: str, shown: str, kind: str) -> object:
    """What a file says to us, without the places where it says it."""
    if kind == "program":
        source = decode(text.encode(), shown, Findings())
        return source.text if source else None
    role = _role(text, shown, Findings())
    if role is None:
        return None
    lists = [
        None if names is None else [name.text for name in names] for names in (role.tools, role.denied, role.model)
    ]
    return role.name, role.description, role.body, role.broken, role.has_front_matter, lists, sorted(role.keys)


def _errors(text: str, shown: str, kind: str) -> int:
    """Errors that the text itself has, whatever else belongs to it."""
    findings = Findings()
    if kind != "program":
        _role(text, shown, findings)
    elif source := decode(text.encode(), shown, findings):
        parse_document(source, findings)
    return sum(one.severity is Severity.ERROR for one in findings)


def _write(file: FixedFile) -> None:
    try:
        replace_file(Path(file.path), file.after.encode())
    except OSError as error:
        reason = error.strerror or str(error)
        raise UserError(f"cannot write `{file.path}`: {reason}; check its permissions and run it again") from error
