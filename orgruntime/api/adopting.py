"""Adopt a foreign organization: read it, draft an org of copied bytes, compile the draft, then put it in place.

Runs nothing of what it reads and never writes into the folder that it reads. Invariant: the org is there as a whole or
not at all.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from orgruntime.api.errors import UserError
from orgruntime.importer.adopt import Adopted, adopt
from orgruntime.importer.agents import project_of, read_agents
from orgruntime.importer.company import read_company
from orgruntime.importer.draft import RECORD, TRAINER_ROLE, added_trainer, program_text
from orgruntime.importer.effective import PROBE_ANSWERS, PROBE_FILE, PROBE_FOLDER, ForeignReport, compared, role_faults
from orgruntime.importer.foreign import Fate, Foreign
from orgruntime.importer.foreign_text import render
from orgruntime.importer.gather import MOST_FILES, TooMany
from orgruntime.importer.kinds import PROGRAM, Kind


@dataclass(frozen=True)
class ForeignImport:
    """A foreign organization: what it is, and the draft if one was written."""

    report: ForeignReport

    @property
    def is_settled(self) -> bool:
        return self.report.is_settled

    def as_json(self) -> dict[str, Any]:
        return self.report.as_json()

    def lines(self) -> list[str]:
        return render(self.report).splitlines()


def import_foreign(path: Path, kind: Kind, into: Path | None, *, write: bool) -> ForeignImport:
    """Roles, hints, and what they become. `write`: the draft is put into `into`, else `NAME-org` beside the folder.

    Raises UserError where there is no role, and where the draft cannot be written.
    """
    folder = path.parent if path.is_file() else path
    target = _target(folder, into) if write else None
    foreign = _read(folder, kind)
    try:
        with tempfile.TemporaryDirectory(prefix=".orgrun-import-", dir=target.parent if target else None) as scratch:
            report = _compiled(foreign, kind, Path(scratch))
            if target is not None:
                report = replace(report, into=target)
                _finish(Path(scratch) / "org", report)
                os.rename(Path(scratch) / "org", target)
    except OSError as error:
        where = target or tempfile.gettempdir()
        raise UserError(f"{where} cannot be written: {error.strerror}; choose another place with --into") from error
    return ForeignImport(report)


def _compiled(foreign: Foreign, kind: Kind, scratch: Path) -> ForeignReport:
    """The report on the draft, which is left in `scratch`. A role that does not compile is refused like one that cannot
    be read. Raises UserError where no role is left."""
    while True:
        if not foreign.roles:
            raise UserError(f"{foreign.root} holds no role that can be taken over{_first_reason(foreign)}")
        draft = scratch / "org"
        made = adopt(foreign)
        files = _write(draft, foreign, made)
        report = replace(compared(str(kind), foreign, made, draft), files=files)
        refused = role_faults(report)
        if not refused:
            return report
        foreign = foreign.without(refused)
        shutil.rmtree(draft)


def _target(folder: Path, into: Path | None) -> Path:
    """Where the org goes: a folder that is not there or empty, outside the folder that is read."""
    project = project_of(folder)
    target = into if into is not None else project.parent / f"{project.name}-org"
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        what = "is not empty" if target.is_dir() else "is a file"
        raise UserError(f"{target} {what}; choose a new folder with --into")
    if target.resolve().is_relative_to(folder.resolve()):
        raise UserError(f"{target} is inside {folder}, which is never written to; choose another place with --into")
    if not target.parent.is_dir():
        raise UserError(f"{target.parent} is not a folder; make it first, or choose another place with --into")
    return target


def _read(folder: Path, kind: Kind) -> Foreign:
    try:
        return read_company(folder) if kind is Kind.COMPANY else read_agents(folder)
    except TooMany as error:
        raise UserError(f"{folder} holds more than {MOST_FILES} files; name the folder of the roles") from error
    except OSError as error:
        raise UserError(f"{folder} cannot be read: {error.strerror}") from error


def _first_reason(foreign: Foreign) -> str:
    for fate in (Fate.REFUSED, Fate.LEFT):
        first = next((file for file in foreign.files if file.fate is fate), None)
        if first:
            return f"; {foreign.count(fate)} {fate}, the first {first.path}: {first.why}"
    return ""


def _write(draft: Path, foreign: Foreign, made: Adopted) -> tuple[str, ...]:
    """The roles' bytes, and the draft with stand-in answers. Returns what will be in the org."""
    draft.mkdir()
    files = [PROGRAM, RECORD, *(role.stored for role in foreign.roles)]
    for role in foreign.roles:
        data = (foreign.root / role.path).read_bytes()
        if hashlib.sha256(data).hexdigest() != role.file.sha256:
            raise UserError(f"{foreign.root / role.path} changed while it was read; import it again")
        stored = draft / role.stored
        stored.parent.mkdir(parents=True, exist_ok=True)
        stored.write_bytes(data)
    if trainer := added_trainer(foreign, made):
        (draft / trainer).write_text(TRAINER_ROLE, encoding="utf-8")
        files.append(trainer)
    (draft / PROBE_FOLDER).mkdir()
    (draft / PROBE_FILE).write_text("", encoding="utf-8")
    (draft / PROGRAM).write_text(program_text(foreign, made, PROBE_ANSWERS), encoding="utf-8")
    return tuple(files)


def _finish(draft: Path, report: ForeignReport) -> None:
    """The draft as people get it: open questions instead of the stand-ins, and the record of the import."""
    shutil.rmtree(draft / PROBE_FOLDER)
    (draft / PROGRAM).write_text(program_text(report.foreign, report.adopted), encoding="utf-8")
    text = json.dumps(report.as_json(), indent=1, ensure_ascii=False)
    (draft / RECORD).write_text(text + "\n", encoding="utf-8")
