"""`digest/ledger`: the memo of a stand-up, written from the ledger's facts by rule.

Works on the facts in a `StepRequest`. Does not interpret: it repeats what was recorded, and says how far the noise
reaches.

Invariant: every number in a memo stands in the request.
"""

from __future__ import annotations

from collections.abc import Sequence

from orgruntime.model.step import Digest, Scene, StepReply, StepRequest

SHOWN = 3
"""Lines of each kind. A memo is read by agents at every step, so that its length is paid for many times."""


def memo(request: StepRequest) -> StepReply:
    """A `memo` (or a `note`, where that is what the role hands off) in markdown."""
    kind = next((kind for kind in ("memo", "note") if kind in request.produces), None)
    if kind is None:
        handed = ", ".join(request.produces) or "nothing"
        reason = f"digest/ledger: it writes memos, and this role hands off {handed}; give the role another model"
        return StepReply(type="", declined=reason)
    if request.digest is None:
        return StepReply(
            type="",
            declined="digest/ledger: there are no facts to write about; call it on a cadence, `every 20 trials`",
        )
    return StepReply(type=kind, body={"text": _written(request.digest, request.scene) + _hearsay(request.history)})


def _hearsay(history: Sequence[str]) -> str:
    """What a log of before the run says."""
    if not history:
        return ""
    return "\n".join(["", "What an earlier log says, which this run has not measured:", *_listed(history, "")]) + "\n"


def _written(facts: Digest, scene: Scene) -> str:
    verdicts = ", ".join(f"{count} {word}" for word, count in sorted(facts.verdicts.items()) if count) or "no verdict"
    left = "" if scene.trials_left is None else f", {scene.trials_left} left in the budget"
    lines = [
        f"**{facts.trials} trials so far**{left}: {verdicts}.",
        "",
        *_standing(scene),
        "",
        "What gained:",
        *_listed(facts.gained, "nothing yet"),
        "",
        "What failed:",
        *_listed(facts.failed, "nothing yet"),
        "",
        "Where the money went:",
        *_listed(facts.spend, "nothing was spent"),
    ]
    return "\n".join(lines) + "\n"


def _standing(scene: Scene) -> list[str]:
    """Where the metric stands, and how much of it can be luck."""
    if scene.baseline is None:
        return [f"{scene.metric} ({scene.direction}) has no baseline yet, so no change of it means anything."]
    parts = [f"baseline {scene.baseline:.6g}"]
    parts += [f"lead {scene.lead:.6g}"] if scene.lead is not None else []
    parts += [f"champion {scene.champion:.6g}" if scene.champion is not None else "no champion yet"]
    standing = f"{scene.metric} ({scene.direction}): {', '.join(parts)}."
    if scene.noise_sd is None:
        return [standing, "The noise is not measured yet: read no difference as a gain."]
    if scene.noise_sd == 0:
        return [standing, "Runs repeat exactly, so that any difference is real for these seeds."]
    noise = f"Two runs of the same code differ by {scene.noise_sd:.3g} (one standard deviation)"
    best = scene.champion if scene.champion is not None else scene.lead
    if best is None or abs(best - scene.baseline) > 2 * scene.noise_sd:
        return [standing, f"{noise}: a single trial that moved less may be luck."]
    return [standing, f"{noise}, and nothing so far stands clear of that: treat it as luck until it is certified."]


def _listed(lines: Sequence[str], empty: str) -> list[str]:
    if not lines:
        return [f"* {empty}"]
    more = [f"* and {len(lines) - SHOWN} more"] if len(lines) > SHOWN else []
    return [*(f"* {' '.join(line.split())}" for line in lines[:SHOWN]), *more]
