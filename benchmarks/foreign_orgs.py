"""Claim: nothing of a foreign organization is lost, its declared handoffs resolve, and each draft compiles.

Measures `orgrun import` on collections that you have: each folder given is one collection, or, where it holds companies
(COMPANY.md), one a company. Nothing of them is run or written to. Exit code 1 where a file has no fate, a hint is lost,
a draft does not compile, or a key that names a role by its slug (`reportsTo:`) resolves in less than 99 %.

    python benchmarks/foreign_orgs.py ~/src/agents ~/src/companies
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from orgruntime.api.adopting import import_foreign
from orgruntime.api.errors import UserError
from orgruntime.importer.effective import ForeignReport
from orgruntime.importer.kinds import Kind, kind_of

KEYS = ("reportsTo:", "includes:", "handoffs:", "agents:", "tools:", "permission.task:", "subagents:", "sub_agents:")
LEAST_RESOLVED = 0.99
UNRESOLVED = ("no role has that name", "the name is that of", "that role was refused")


@dataclass
class Tally:
    collections: int = 0
    roles: int = 0
    refused: int = 0
    unfated: int = 0
    lost: int = 0
    broken: list[str] = field(default_factory=list)
    named: Counter[str] = field(default_factory=Counter)
    resolved: Counter[str] = field(default_factory=Counter)
    why: Counter[str] = field(default_factory=Counter)


def collections(folder: Path) -> Iterator[Path]:
    companies = sorted(path.parent for path in folder.rglob("COMPANY.md"))
    yield from companies or [folder]


def measure(folder: Path, tally: Tally) -> dict[str, object]:
    started = time.perf_counter()
    kind = kind_of(folder)
    if kind not in (Kind.COMPANY, Kind.AGENTS):
        return {"collection": str(folder), "kind": kind.value}
    try:
        report = import_foreign(folder, kind, None, write=False).report
    except UserError as error:
        return {"collection": str(folder), "kind": kind.value, "refused": str(error)}
    count(report, tally)
    if report.faults:
        tally.broken.append(f"{folder}: {report.faults[0].message}")
    counts = report.as_json()["counts"]
    return {"collection": str(folder), "kind": kind.value, **counts, "s": round(time.perf_counter() - started, 2)}


def count(report: ForeignReport, tally: Tally) -> None:
    tally.collections += 1
    tally.roles += len(report.rows)
    tally.refused += sum(file.fate == "refused" for file in report.foreign.files)
    fated = {file.path for file in report.foreign.files}
    tally.unfated += sum(path not in fated for path in walked(report))
    used = [hint for one in report.adopted.handoffs for hint in one.hints]
    tally.lost += len(report.foreign.hints) - len(used) - len(report.adopted.left_out)
    unresolved = {one.hint for one in report.adopted.lost if one.hint.why_not or one.why.startswith(UNRESOLVED)}
    for hint in report.foreign.hints:
        origin = hint.origin if hint.origin in KEYS else f"prose, {hint.way}"
        tally.named[origin] += 1
        tally.resolved[origin] += hint not in unresolved
    tally.why.update(re.sub(r"`[^`]*`", "…", one.why) for one in report.adopted.left_out)


def walked(report: ForeignReport) -> Iterator[str]:
    """Markdown below the folders that were looked into, found without the importer."""
    tops = {file.path.split("/")[0] for file in report.foreign.files}
    for root, names, files in os.walk(report.foreign.root):
        names[:] = [name for name in names if name not in (".git", "node_modules", ".venv", "venv", "__pycache__")]
        for name in files:
            path = (Path(root) / name).relative_to(report.foreign.root).as_posix()
            inside = report.kind == "company" or not any(top.startswith(".") for top in tops)
            if inside and name.endswith(".md"):
                yield path


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path)
    tally = Tally()
    for folder in parser.parse_args().folders:
        for one in collections(folder):
            print(json.dumps(measure(one, tally)), flush=True)
    shares = {key: f"{tally.resolved[key]}/{total}" for key, total in sorted(tally.named.items())}
    print(
        json.dumps(
            {
                "collections": tally.collections, "roles": tally.roles, "refused": tally.refused,
                "files without a fate": tally.unfated, "hints lost": tally.lost, "drafts that fail": tally.broken,
                "resolved": shares, "left out because": dict(tally.why.most_common(8)),
            },
            indent=1, ensure_ascii=False,
        )
    )  # fmt: skip
    reports = tally.named["reportsTo:"]
    is_good = not reports or tally.resolved["reportsTo:"] / reports >= LEAST_RESOLVED
    return 0 if is_good and not (tally.unfated or tally.lost or tally.broken) else 1


if __name__ == "__main__":
    sys.exit(main())
