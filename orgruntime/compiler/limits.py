"""What one trial may take. Knows roles and the workspace; reports nothing."""

from __future__ import annotations

from orgruntime.model.manifest import Role, WorkspaceSpec


def trial_seconds(role: Role, workspace: WorkspaceSpec) -> float:
    """The time limit of one trial: the role's, where it has one, else the workspace's."""
    return workspace.time_limit_s if role.minutes is None else role.minutes * 60


def time_text(milliseconds: float) -> str:
    """`45 s`, `10 min`, `1.5 h`, for people."""
    seconds = milliseconds / 1000
    if seconds < 120:
        return f"{seconds:.3g} s"
    return f"{seconds / 60:.3g} min" if seconds < 7200 else f"{seconds / 3600:.3g} h"
