"""Import a folder: see what it is, and hand it to the importer of that kind. Never writes into the folder itself.

Invariant: what an import has written may be written again only while nobody has touched it, so that no answer of a
person is lost.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from orgruntime.api.adopting import import_foreign
from orgruntime.api.adopting_own import import_own
from orgruntime.api.errors import FINDINGS, UserError
from orgruntime.api.orgs import load_org
from orgruntime.api.proving import Proof, Tell, prove
from orgruntime.api.wiring import ClusterChoice
from orgruntime.importer.bare import BareError, BareProgram, read_bare
from orgruntime.importer.bare_draft import DRAFTED, QUESTION, draft
from orgruntime.importer.bare_facts import Findings
from orgruntime.importer.kinds import PROGRAM, Kind, kind_of
from orgruntime.model.manifest import Direction, Manifest

RECORD = "import.json"
"""What was found, what was written, and the proof: beside the draft."""
IMPORTS = Path(".orgrun/imports")
"""Where `orgrun run` puts the drafts of bare programs."""


@dataclass(frozen=True)
class ImportOptions:
    """What `orgrun import` can say beside the folder. `into` None: `<folder>-org` beside it."""

    into: Path | None = None
    direction: Direction | None = None
    prove: bool = False
    cluster: ClusterChoice = ClusterChoice()
    adopt: bool = False
    """Whether the roles of another tool are drafted as an org; without it they are listed."""


class Imported(Protocol):
    """What an import of any kind ends with."""

    @property
    def is_settled(self) -> bool:
        """Whether nothing has to be asked any more."""
        ...

    def as_json(self) -> dict[str, Any]: ...

    def lines(self) -> list[str]:
        """The same for people."""
        ...


def import_path(path: Path, options: ImportOptions, tell: Tell) -> Imported:
    """Raises UserError for what is no folder of a known kind, and for a draft that cannot be proved."""
    kind = _kind(path)
    if kind is Kind.BARE:
        return import_bare(path, options, tell)
    if kind in (Kind.COMPANY, Kind.AGENTS):
        return _foreign(path, kind, options)
    if kind is Kind.ORG:
        return _own(path, options)
    raise UserError(f"{path}: nothing that can be imported: no program.md, and no role files near its top")


def _foreign(path: Path, kind: Kind, options: ImportOptions) -> Imported:
    if options.prove or options.direction:
        name = "--prove" if options.prove else "--direction"
        raise UserError(f"{name} is for a bare program.md; {path} holds roles, and no objective or workspace yet")
    if options.into and not options.adopt:
        raise UserError(f"--into needs --adopt: without it the roles of {path} are listed, and nothing is written")
    return import_foreign(path, kind, options.into, write=options.adopt)


def _own(path: Path, options: ImportOptions) -> Imported:
    given = {"--prove": options.prove, "--direction": options.direction, "--into": options.into}
    if name := next((name for name, value in given.items() if value), None):
        raise UserError(f"{path} is an org already, so there is nothing for {name}; `--adopt` adds to its workflow")
    return import_own(path, adopt=options.adopt)


def _kind(path: Path) -> Kind:
    if not path.exists():
        raise UserError(f"{path} does not exist; give the folder that holds program.md")
    try:
        return kind_of(path)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from error


@dataclass(frozen=True)
class BareImport:
    """A bare program as a draft in `into`."""

    program: BareProgram
    into: Path
    files: tuple[str, ...]
    proof: Proof | None = None

    @property
    def is_settled(self) -> bool:
        return not self.program.findings.questions

    def as_json(self) -> dict[str, Any]:
        found, logs = self.program.findings, self.program.logs
        return {
            "kind": Kind.BARE.value,
            "source": str(self.program.root),
            "program": self.program.file,
            "into": str(self.into),
            "files": list(self.files),
            "facts": [one.as_json() for one in found.facts],
            "questions": [one.as_json() for one in found.questions],
            "remarks": list(found.remarks),
            "history": [{"file": log.file, "rows": len(log.rows), "column": log.column} for log in logs],
            "proof": self.proof.as_json() if self.proof else None,
        }

    def lines(self) -> list[str]:
        found = self.program.findings
        said = [f"{self.program.root / self.program.file}: {_counted(found)}"]
        for fact in found.facts:
            said.append(f"  {fact.topic.value:<12} {fact.value}   ({fact.confidence.value}, {fact.evidence[0].place})")
        for question in found.questions:
            said.append(f"  ? {question.topic.value:<10} {question.text}")
            said += [f"      {one.place}: {one.quote}" for one in question.seen]
        said += [f"  note: {remark}" for remark in found.remarks]
        said += [f"  history: {len(log.rows)} rows of {log.file}" for log in self.program.logs]
        return [*said, *self._next()]

    def _next(self) -> list[str]:
        said = [f"drafted: {self.into / PROGRAM}"]
        if not self.is_settled:
            return [*said, f"next: answer the lines that begin with `# ?` there, then `orgrun check {self.into}`"]
        if self.proof is None:
            return [*said, f"next: `orgrun run {self.into} --budget trials=100`, or prove it first with --prove"]
        both = ", ".join(f"{value:.6g}" for value in self.proof.metrics)
        proved = f"proved: {self.proof.metric} {both} ({self.proof.isolation} isolation)"
        return [*said, proved, f"next: `orgrun run {self.into} --budget trials=100`"]


def import_bare(path: Path, options: ImportOptions, tell: Tell) -> BareImport:
    """Reads a bare program, writes the draft, proves it where that was asked for. Raises UserError."""
    program = _read(path, options.direction)
    into = options.into or _beside(program.root)
    _refuse_place(program.root, into)
    files = draft(program, _way(into, program.root))
    made = BareImport(program, into, tuple(files))
    _write(into, files, made.as_json())
    if not options.prove:
        return made
    if not made.is_settled:
        raise UserError("\n".join([*made.lines(), "a draft with open questions cannot be proved"]), FINDINGS)
    manifest, _ = load_org(into)
    return BareImport(program, into, tuple(files), prove_once(into, manifest, options.cluster, tell))


def import_for_run(path: Path, tell: Tell) -> Path:
    """The draft of a bare program that `orgrun run` or `plan` was given. Raises UserError with the open questions.

    A draft that a person has edited is taken as it is, as long as the program has not changed since.
    """
    program = _read(path)
    into = IMPORTS / (program.root.resolve().name or "program")
    if not (into / PROGRAM).exists() or _is_untouched(into):
        made = import_bare(path, ImportOptions(into=into), tell)
        tell(f"{program.file} is a bare program: it is imported into {into}")
        if not made.is_settled:
            raise UserError("\n".join([f"{path} leaves questions open", *made.lines()]), FINDINGS)
        return into
    record = read_record(into)
    if (record.get("program_sha256"), record.get("source")) != (program.sha256, str(program.root.resolve())):
        raise UserError(
            f"{into} holds a draft that was edited, and {program.root / program.file} has changed since, or is "
            f"another: run the draft itself (`orgrun run {into}`), or remove it"
        )
    tell(f"{program.file} is a bare program: its edited draft in {into} is used")
    refuse_open_questions(into)
    return into


def drafted(path: Path, tell: Tell) -> Path:
    """The org at `path`; of a bare program its draft, unproved. Raises UserError with the open questions."""
    if is_bare(path):
        return import_for_run(path, tell)
    refuse_open_questions(path)
    return path


def is_bare(path: Path) -> bool:
    """Whether a program without front matter of ours lies there; looks at nothing else."""
    try:
        return (path.is_file() or (path / PROGRAM).is_file()) and kind_of(path) is Kind.BARE
    except OSError:
        return False


def refuse_open_questions(org: Path) -> None:
    """Raises UserError for a drafted `program.md` in which a question stands."""
    program = org if org.is_file() else org / PROGRAM
    try:
        text = program.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return
    front = text.split("\n---", 1)[0]
    open_ones = [match["text"] for match in QUESTION.finditer(front)]
    if DRAFTED in front and open_ones:
        listed = "\n".join(f"  ? {one}" for one in open_ones)
        raise UserError(
            f"{program} has open questions:\n{listed}\nanswer each with its key, and delete its `# ?` line", FINDINGS
        )


def prove_once(org: Path, manifest: Manifest, cluster: ClusterChoice, tell: Tell) -> Proof:
    """Proves a draft and keeps the proof beside it; what was proved already is not measured again."""
    record = read_record(org)
    proof = prove(manifest, cluster, tell, Proof.from_json(record.get("proof")))
    _write_text(org / RECORD, json.dumps(record | {"proof": proof.as_json()}, indent=1, ensure_ascii=False) + "\n")
    return proof


def read_record(org: Path) -> dict[str, Any]:
    """What an import left beside its draft; empty where there is none that can be read."""
    try:
        held = json.loads((org / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return held if isinstance(held, dict) else {}


def _counted(found: Findings) -> str:
    facts, questions = len(found.facts), len(found.questions)
    return f"{facts} fact{'s' * (facts != 1)}, {questions} question{'s' * (questions != 1)}"


def _read(path: Path, direction: Direction | None = None) -> BareProgram:
    try:
        return read_bare(path, direction)
    except BareError as error:
        raise UserError(f"{path}: {error}") from error


def _beside(root: Path) -> Path:
    whole = root.resolve()
    return (root.parent if root.name else whole.parent) / f"{whole.name or 'program'}-org"


def _way(into: Path, root: Path) -> str:
    """From the org to the folder, as the front matter takes it."""
    return Path(os.path.relpath(root.resolve(), into.resolve())).as_posix()


def _refuse_place(root: Path, into: Path) -> None:
    """Raises UserError for a place inside the original, or one that holds something of somebody else."""
    inside = into.resolve().is_relative_to(root.resolve())
    if inside and ".orgrun" not in into.resolve().relative_to(root.resolve()).parts:
        raise UserError(f"{into} lies in the folder that is imported, which stays as it is; choose another with --into")
    if into.exists() and (not into.is_dir() or (any(into.iterdir()) and not _is_untouched(into))):
        what = "holds files that no import wrote, or that were edited since" if into.is_dir() else "is a file"
        raise UserError(f"{into} {what}; choose another place with --into, or remove it")


def _is_untouched(into: Path) -> bool:
    """Whether the folder holds exactly what an import wrote there."""
    written = read_record(into).get("written")
    if not isinstance(written, dict):
        return False
    there = {path.relative_to(into).as_posix() for path in into.rglob("*") if path.is_file()} - {RECORD}
    return there == set(written) and all(_sha256((into / name).read_bytes()) == written[name] for name in there)


def _write(into: Path, files: dict[str, str], found: dict[str, Any]) -> None:
    before = read_record(into)
    for name in set(before.get("written", ())) - set(files):
        (into / name).unlink(missing_ok=True)
    for name, text in files.items():
        _write_text(into / name, text)
    record = found | {
        "proof": found["proof"] or before.get("proof"),
        "source": str(Path(found["source"]).resolve()),
        "program_sha256": _sha256((Path(found["source"]) / found["program"]).read_bytes()),
        "written": {name: _sha256(text.encode()) for name, text in files.items()},
    }
    _write_text(into / RECORD, json.dumps(record, indent=1, ensure_ascii=False) + "\n")


def _write_text(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}; choose another place with --into") from error


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
