"""What every species is shown before it acts: the files it may change, and where the run stands.

Reads only. Does not know who is asked. Invariant: the files of a commit are read once for all who ask for them next.
"""

from __future__ import annotations

from orgruntime.model.ids import CommitId
from orgruntime.model.step import Scene
from orgruntime.runtime.lab import Lab


def editable_files(lab: Lab, commit: CommitId) -> dict[str, str]:
    """The editable files of a commit that are UTF-8 text."""
    if commit not in lab.texts:
        # Leads follow each other: whoever asks next asks for the newest one.
        lab.texts = {commit: _texts(lab, commit)}
    return lab.texts[commit]


def _texts(lab: Lab, commit: CommitId) -> dict[str, str]:
    texts = {}
    for path in lab.workspace.paths(commit):
        if lab.is_editable(path):
            try:
                texts[path] = lab.workspace.read(commit, path).decode("utf-8")
            except UnicodeDecodeError:
                continue
    return texts


def scene(lab: Lab) -> Scene:
    ledger, objective = lab.ledger, lab.manifest.objective
    noise, lead, champion = ledger.noise(), ledger.lead(), ledger.champion()
    certificate = champion.certificate if champion is not None else None
    bound = lab.manifest.budget.trials
    return Scene(
        metric=objective.metric,
        direction=objective.direction.value,
        baseline=noise.baseline if noise else None,
        noise_sd=noise.sd if noise else None,
        lead=lead.metric if lead else None,
        champion=certificate.champion_metric if certificate else None,
        trials_left=None if bound is None else max(0, bound - ledger.settled_trials()),
    )
