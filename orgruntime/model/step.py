"""One step of an agent role at its desk: what the desk is given and what it hands back. Data only; no keys."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from pydantic import Field

from orgruntime.model.amounts import Amounts
from orgruntime.model.base import Noun
from orgruntime.model.dialogue import ModelCall, ModelReply, ToolResult, ToolSpec, ToolUse
from orgruntime.model.ids import CommitId, InquiryId, RoleSlug, TreeId


class PastTrial(Noun):
    """A proposal that was tried, as a search species learns from it. Newest last in a request."""

    settings: dict[str, float | int | bool | str]
    metric: float | None
    """None: crashed, invalid, ended early (`partial`), or still running (`running`)."""
    partial: float | None = None
    """What it had when it was ended early: less than its whole budget would have shown."""
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


class StepLimits(Noun):
    """What one step of a language model may take. Reaching one ends the step as a recorded failure."""

    turns: int = Field(default=60, ge=1)
    """Model calls."""
    output_tokens: int = Field(default=8192, ge=1)
    """Of one call."""
    context_tokens: int = Field(default=160_000, ge=1)
    """Of one call, everything counted."""
    nudges: int = 3
    """Answers in a row without a tool, and handoffs in a row that were refused as malformed."""
    result_chars: int = 30_000
    """Of one tool's result."""
    written_bytes: int = 4_000_000
    """Of all files that differ from the base commit together."""
    tool_s: float = 120.0
    """Of one command."""


class Bench(Noun):
    """What a language model at a desk is given beside the request: who it is, what it may use, where it works."""

    model: str
    """A name that `Manifest.species_of` knows."""
    tree: TreeId
    """Of the base commit: what its worktree begins as."""
    editable: tuple[str, ...]
    system: tuple[str, ...]
    """Blocks of the prompt, the most stable first."""
    brief: str
    """The first message: what to do now."""
    tools: tuple[ToolSpec, ...]
    """Granted tools, and one tool for each payload that the role hands off."""
    handoffs: tuple[str, ...]
    """Names of those of `tools` that end the step."""
    limits: StepLimits = StepLimits()


class AskKind(StrEnum):
    """What a desk asks of the driver in the middle of a step."""

    MODEL = "model"
    """A model call: no desk has a key."""
    MAY = "may"
    """May this tool be used? The border of tools is in the driver."""
    DID = "did"
    """A tool was run at the desk; this is what it did."""


class Ask(Noun):
    """The `n`-th question of one step. The same step asked again asks the same questions up to the point where its
    record ends."""

    n: int = Field(ge=0)
    kind: AskKind
    call: ModelCall | None = None
    """Its system and tools are those of the bench, and need not be sent."""
    use: ToolUse | None = None
    result: ToolResult | None = None
    """Of a tool that was run."""
    changes: dict[str, str | None] = {}
    """What the tool changed in the worktree: path → new text, None for a file that is gone."""
    files: dict[str, str] = {}
    """With `MAY`: the editable text files that differ from the base commit, as they stand."""


class Answer(Noun):
    """Exactly one of `reply`, `run`, `result`, `handed` and `over` answers an ask; to a `DID` nothing needs to be
    said."""

    reply: ModelReply | None = None
    run: bool = False
    """The desk may run the tool."""
    result: ToolResult | None = None
    """The use is answered: refused, served by the driver, or recorded by an earlier driver (then with `changes`, which
    the desk makes instead of running the tool again)."""
    changes: dict[str, str | None] = {}
    handed: bool = False
    """The handoff is accepted, and the step ends with it."""
    over: str = ""
    """The step ends here without a handoff, and why."""


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
    bench: Bench | None = None
    """For a language model; None for a species that answers in one go."""


class StepReply(Noun):
    """A handoff, or a refusal. `type` is the payload's type; empty with a reason in `declined` (the species has nothing
    to hand off) or in `failed` (it was to, and came to no end: a failed decision, never an invented one)."""

    type: str
    body: dict[str, Any] = {}
    files: dict[str, str] = {}
    """For a proposal: full new contents of the changed editable files."""
    settings: dict[str, float | int | bool | str] = {}
    declined: str = ""
    failed: str = ""
    spent: Amounts = Amounts()
    answered: tuple[str, ...] = ()
    """Names of the models that answered, the last one last: those that were asked, or that stood in for them."""
    refusals: int = 0
    """Refused uses of tools that are no event of their own yet."""
    cpu_s: float = 0.0
