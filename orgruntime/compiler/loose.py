"""Role files that belong to no org yet: single files and folders of them. Compiles nothing."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from orgruntime.compiler.compile import Compilation
from orgruntime.compiler.listing import list_roles
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.orgfile.source import Reader, read_source


def read_role_files(paths: Iterable[Path], read: Reader = read_source) -> Compilation:
    """Reads each file, and each `.md` below each folder. The compilation has no manifest."""
    findings = Findings()
    reports, roles = list_roles(paths, findings, read)
    return Compilation(None, findings.sorted(), reports, {role.shown: role.text for role in roles}, findings.of_whole())
