"""How many role files of a folder load: the share without an error, without a warning, and mended by `orgrun fix`.

    python benchmarks/role_files.py FOLDER [FOLDER ...]      one row a subfolder, then all of them; files are only read

Give it clones of collections of agents, one subfolder each. Exit code 1: fewer than 99 % load without an error, or
fewer than 95 % without a warning.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from pathlib import Path

from orgruntime.api.fixing import fix_paths
from orgruntime.compiler import Compilation, read_role_files
from orgruntime.diagnostics.diagnostic import Severity

WITHOUT_ERROR, WITHOUT_WARNING = 0.99, 0.95


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("folders", nargs="+", type=Path)
    given = parser.parse_args()
    start = time.process_time()
    rows: Counter[str] = Counter()
    codes: Counter[str] = Counter()
    print(f"{'':44}{'roles':>7}{'others':>7}{'errors':>7}{'warned':>7}{'fixed':>7}")
    for folder in given.folders:
        for part in sorted(one for one in folder.iterdir() if one.is_dir()) or [folder]:
            found = read_role_files([part])
            row = tally(found) + Counter(fixed=len(fix_paths([part], write=False).files))
            codes += Counter(f"{one.code} {one.name}" for one in found.diagnostics)
            rows += row
            show(part.name, row)
    show("all", rows)
    for code, count in sorted(codes.items()):
        print(f"  {code:32}{count:>7}")
    loaded, quiet = share(rows, "errors"), share(rows, "errors", "warned")
    print(f"without an error {loaded:.2%}, without a warning {quiet:.2%}; {time.process_time() - start:.1f} s of CPU")
    return 0 if loaded >= WITHOUT_ERROR and quiet >= WITHOUT_WARNING else 1


def tally(found: Compilation) -> Counter[str]:
    """Roles, files that are none, roles with an error, and roles with a warning at most."""
    roles = {file.path for file in found.files if file.kind == "role"}
    failed = {one.span.file for one in found.diagnostics if one.severity is Severity.ERROR} & roles
    warned = {one.span.file for one in found.diagnostics if one.severity is Severity.WARNING} & roles
    others = len(found.files) - len(roles)
    return Counter(roles=len(roles), others=others, errors=len(failed), warned=len(warned - failed))


def share(rows: Counter[str], *faults: str) -> float:
    return 1 - sum(rows[fault] for fault in faults) / max(1, rows["roles"])


def show(name: str, row: Counter[str]) -> None:
    cells = "".join(f"{row[kind]:>7}" for kind in ("roles", "others", "errors", "warned", "fixed"))
    print(f"{name[:43]:44}{cells}")


if __name__ == "__main__":
    sys.exit(main())
