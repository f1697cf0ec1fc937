"""One step of an agent role at its desk: what the desk is given and what it hands back. Data only; no keys."""

from __future__ import annotations

from typing import Any

from orgruntime.model.amounts import Amounts
from orgruntime.model.base import Noun
from orgruntime.model.ids import CommitId, InquiryId, RoleSlug


class PastTrial(Noun):
    """A proposal that was tried, as a search species learns from it. Newest last in a request."""

    settings: dict[str, float | int | bool | str]
    metric: float | None
    """None: crashed, invalid, or still running (`running`)."""
    running: bool = False
    species: str = ""
    text: str = ""
    """Hypothesis and reason in one line, for readers of words."""


class Digest(Noun):
    """The ledger's facts for a memo."""

    trials: int
    verdicts: dict[str, int]
    gained: tuple[str, ...]
    failed: tuple[str, ...]
    spend: tuple[str, ...]
    """One line each, ready to print; best or largest first."""


class Scene(Noun):
    """What every role sees before it acts."""

    metric: str
    direction: str
    baseline: float | None
    noise_sd: float | None
    lead: float | None
    champion: float | None
    trials_left: int | None


class StepRequest(Noun):
    role: RoleSlug
    desk: int
    species: str
    """As in `ModelSpec.species`."""
    inquiry: InquiryId
    produces: tuple[str, ...]
    """Payload types that the role's handoffs carry."""
    idea: str
    """Empty: no particular idea, improve the metric as you see fit."""
    inbox: dict[str, Any]
    """Body of the payload that arrived, with its `type`."""
    prompt: str
    base: CommitId
    files: dict[str, str]
    """Editable text files at the base commit: path → content."""
    seed: int
    """For every random choice of this step."""
    scene: Scene
    past: tuple[PastTrial, ...] = ()
    digest: Digest | None = None
    history: tuple[str, ...] = ()
    """What a log of before the run says was tried, one line each, for readers of words. Untrusted, and no evidence."""
    params: dict[str, Any] = {}
    """Species parameters of the org (`base_url`, `key_env`, …)."""


class StepReply(Noun):
    """A handoff, or a refusal. `type` is the payload's type; empty with a reason in `declined`."""

    type: str
    body: dict[str, Any] = {}
    files: dict[str, str] = {}
    """For a proposal: full new contents of the changed editable files."""
    settings: dict[str, float | int | bool | str] = {}
    declined: str = ""
    spent: Amounts = Amounts()
    cpu_s: float = 0.0
