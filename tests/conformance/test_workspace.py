"""Both workspaces keep the promises of the port."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from orgruntime.backends.git_workspace import GitWorkspace
from orgruntime.model.manifest import WorkspaceSpec
from orgruntime.runtime.ports import Workspace
from orgruntime.testing.conformance.workspace import WorkspaceConformance
from orgruntime.testing.memory_workspace import MemoryWorkspace


class TestGitWorkspace(WorkspaceConformance):
    def make(self, files: Mapping[str, bytes], executable: frozenset[str], folder: Path) -> Workspace:
        source = folder / "source"
        for path, data in files.items():
            (source / path).parent.mkdir(parents=True, exist_ok=True)
            (source / path).write_bytes(data)
            (source / path).chmod(0o755 if path in executable else 0o644)
        spec = WorkspaceSpec(source=str(source), editable=("train.py",), run="python train.py", time_limit_s=1)
        return GitWorkspace.create(folder / "workspace.git", spec)


class TestMemoryWorkspace(WorkspaceConformance):
    def make(self, files: Mapping[str, bytes], executable: frozenset[str], folder: Path) -> Workspace:
        return MemoryWorkspace(files, executable)
