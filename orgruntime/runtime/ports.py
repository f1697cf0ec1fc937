"""What the runtime needs of the world, as Protocols. Adapters live in `backends`, fakes in `testing`;
both inherit the conformance suite of their port (`testing.conformance`).

Invariant: nothing here can name ray, langgraph, optuna or git; only nouns cross.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from orgruntime.model.amounts import Amounts
from orgruntime.model.dialogue import ModelCall, ModelReply, ToolResult, ToolSpec, ToolUse, Usage
from orgruntime.model.fleet import Fleet
from orgruntime.model.ids import AttemptId, CommitId, InquiryId, PayloadId, RoleSlug, TreeId
from orgruntime.model.manifest import ModelSpec, Resources
from orgruntime.model.step import Answer, Ask, StepReply, StepRequest
from orgruntime.model.trial import TrialOutcome, TrialProgress, TrialSpec


class Clock(Protocol):
    def now(self) -> float:
        """UTC seconds since the epoch, for people's eyes only: no decision rests on it."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back."""
        ...

    async def sleep(self, seconds: float) -> None: ...


class ExecutorError(Exception):
    """The cluster cannot be used: one sentence with the remedy."""


class Executor(Protocol):
    """Runs attempts on the cluster. At-least-reported: every submitted attempt yields exactly one outcome,
    also when its node dies (`Ending.INFRASTRUCTURE`), as long as the executor lives."""

    async def start(self) -> Fleet:
        """Joins or starts the cluster. Raises ExecutorError."""
        ...

    def fleet(self) -> Fleet: ...

    def fits(self, shape: Resources) -> bool:
        """Whether some node of the present fleet could ever hold the shape."""
        ...

    def free_slots(self, shape: Resources) -> int:
        """How many more trials of this shape would start at once, were they submitted now."""
        ...

    def submit(self, specs: Sequence[TrialSpec]) -> None:
        """Hands attempts over; returns at once. Never more than `free_slots` of a shape."""
        ...

    async def ask_for(self, shapes: Sequence[Resources]) -> None:
        """Says what the run would hold at once if it could, so that a cluster that grows by demand grows. Each word
        takes the place of the one before; an empty one withdraws it, as `close` does."""
        ...

    async def outcomes(self) -> list[TrialOutcome]:
        """Waits for at least one outcome; returns all that are there. Cancellable without loss."""
        ...

    async def progress(self) -> list[TrialProgress]:
        """Waits for points of the curves of attempts that run and that have rungs; waits for ever where none comes.
        Cancellable without loss."""
        ...

    async def cancel(self, attempts: Sequence[AttemptId]) -> None:
        """Ends attempts early; each still yields its outcome (`Ending.CANCELLED`)."""
        ...

    async def close(self) -> None:
        """Ends what runs, gives every lease back, removes an embedded cluster. Idempotent."""
        ...


Serve = Callable[[Ask], Awaitable[Answer]]
"""How the driver answers a desk in the middle of a step. Asked in order, one at a time."""


class Desks(Protocol):
    """Where agent steps run: one desk a role instance."""

    async def step(self, request: StepRequest, serve: Serve | None = None) -> StepReply:
        """Performs one step. A request with a `bench` is a language model's: the desk keeps its worktree and runs its
        tools, and asks `serve` for everything else. A desk that is lost in the middle begins the step anew, with the
        same questions.

        Raises StepError when the species failed, ExecutorError when the cluster that the desks are on is gone; bad
        replies are the caller's to refuse. What `serve` raises ends the step and is raised here.
        """
        ...

    async def close(self) -> None: ...


class ModelFault(StrEnum):
    """Why a model gave no answer."""

    RATE_LIMITED = "rate limited"
    OVERLOADED = "overloaded"
    SERVER = "server error"
    BROKEN = "broken stream"
    TIMEOUT = "no answer in time"
    UNREACHABLE = "unreachable"
    TOO_LONG = "too long for the model"
    INVALID = "refused as invalid"
    AUTHORITY = "no authority"
    """The key is missing, wrong, or may not use the model."""

    @property
    def is_passing(self) -> bool:
        """Whether asking again can help."""
        return self not in (ModelFault.TOO_LONG, ModelFault.INVALID, ModelFault.AUTHORITY)


class ModelError(Exception):
    """An attempt at a model call came to nothing: one sentence, and what the server has charged for it all the same."""

    def __init__(
        self, fault: ModelFault, message: str, *, retry_after_s: float | None = None, usage: Usage | None = None
    ) -> None:
        super().__init__(message)
        self.fault = fault
        self.retry_after_s = retry_after_s
        """As the server asks; None where it does not say."""
        self.usage = usage
        """None: nothing was charged."""


class ModelCancelled(asyncio.CancelledError):
    """An attempt was cancelled in the middle; says what the server had charged by then."""

    def __init__(self, usage: Usage | None) -> None:
        super().__init__()
        self.usage = usage
        """None: nobody knows."""


class Models(Protocol):
    """Language models, in the driver: the only place where a key is. One attempt a call: who waits, tries again, turns
    to another model and keeps the books is the gateway (`runtime.gateway`)."""

    def worst_case(self, model: ModelSpec, call: ModelCall) -> Amounts:
        """The most that one attempt can use, in tokens and dollars. Never less than what `complete` then reports."""
        ...

    def cost(self, model: ModelSpec, usage: Usage) -> Amounts:
        """What the server charges for a usage."""
        ...

    async def complete(self, model: ModelSpec, call: ModelCall) -> ModelReply:
        """One attempt; `spent` of the reply is left empty. Raises ModelError.

        Cancelling it ends the connection and raises CancelledError: ModelCancelled where the usage so far is known.
        """
        ...

    async def close(self) -> None:
        """Idempotent."""
        ...


class ToolServers(Protocol):
    """Tools of servers that an org brings along, as the driver uses them."""

    @property
    def specs(self) -> Sequence[ToolSpec]:
        """Every tool of every server that answers, named `mcp__SERVER__TOOL`."""
        ...

    async def call(self, use: ToolUse) -> ToolResult:
        """Whatever goes wrong is a result that says so. Cancellable."""
        ...

    async def close(self) -> None:
        """Idempotent."""
        ...


class StepError(Exception):
    """A species could not answer. `retry` says whether asking again can help."""

    def __init__(self, message: str, *, retry: bool = False) -> None:
        super().__init__(message)
        self.retry = retry


@dataclass(frozen=True)
class Commit:
    id: CommitId
    tree: TreeId


@dataclass(frozen=True)
class Diff:
    """`text` is a unified diff, at most 200 kB; `files` maps changed path → (lines added, lines removed)."""

    files: Mapping[str, tuple[int, int]]
    text: str

    @property
    def lines(self) -> int:
        return sum(added + removed for added, removed in self.files.values())


@dataclass(frozen=True)
class Conflict:
    paths: tuple[str, ...]


class WorkspaceError(Exception):
    """The workspace's source cannot be used: one sentence with the remedy."""


class Workspace(Protocol):
    """The repository under research: a bare git directory in the run's folder, that no trial ever sees.

    Commits are never lost: a ref below `refs/orgrun/` reaches each of them from `close` on. Author and time of a commit
    are given, never read from the machine's configuration, so equal content gives equal ids. A commit survives the
    process at once, and a power cut after the next `flush`.
    """

    def base(self) -> Commit:
        """The commit that the source was imported as."""
        ...

    def get(self, commit: CommitId) -> Commit:
        """Raises KeyError."""
        ...

    def paths(self, commit: CommitId) -> list[str]:
        """Every file, sorted, with `/`."""
        ...

    def read(self, commit: CommitId, path: str) -> bytes:
        """Raises KeyError."""
        ...

    def commit(self, base: CommitId, files: Mapping[str, bytes], *, message: str, author: str) -> Commit:
        """`base` with the given files replaced (or added). Paths are relative, plain, and never inside `.git*`:
        WorkspaceError otherwise."""
        ...

    def flush(self) -> None:
        """Blocks until every commit and branch so far is on disk. May be called from any thread."""
        ...

    def close(self) -> None:
        """Leaves every commit where git itself finds it. Idempotent; what is called afterwards works all the same."""
        ...

    def diff(self, old: CommitId, new: CommitId) -> Diff: ...

    def merge(self, base: CommitId, ours: CommitId, theirs: CommitId, *, message: str) -> Commit | Conflict:
        """Three-way merge of `theirs` into `ours`."""
        ...

    def branch(self, name: str) -> CommitId | None: ...

    def move_branch(self, name: str, commit: CommitId) -> None:
        """`lead` and `champion`. The old commit stays reachable."""
        ...

    def pack(self, tree: TreeId) -> bytes:
        """The tree as an uncompressed tar: regular files and their executable bit only, sorted, no owner, no time."""
        ...


class StepRunner(Protocol):
    """The one callback from the engine into the runtime: perform a role's step.

    Returns the payload it hands off and the words by which edges select it (`promising`, `crashed`, …).
    Idempotent for (inquiry, visit): a replayed step returns what was recorded.
    """

    async def __call__(self, address: StepAddress, inbox: PayloadId | None, /) -> Handed: ...


@dataclass(frozen=True)
class StepAddress:
    inquiry: InquiryId
    role: RoleSlug
    visit: int
    """Counted from 0 over the whole inquiry: the n-th step of the thread."""


@dataclass(frozen=True)
class Handed:
    payload: PayloadId | None
    """None: nothing to hand off, the inquiry ends here."""
    type: str = ""
    words: tuple[str, ...] = ()


class Engine(Protocol):
    """Runs inquiries as threads of the lowered graph, durably."""

    async def open(self, step: StepRunner) -> None: ...

    async def run(self, inquiry: InquiryId, at: RoleSlug, payload: PayloadId | None) -> None:
        """Starts the thread, or goes on with it where its checkpoint stands; returns when the thread has ended.
        One that had ended may ask for its last step once more."""
        ...

    async def forget(self, inquiries: Sequence[InquiryId]) -> None:
        """Prunes finished threads."""
        ...

    async def close(self) -> None: ...


class JobsError(Exception):
    """The job server cannot be used, or refuses: one sentence with the remedy."""


class JobState(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    ENDED = "ended"
    """By `Jobs.end`."""

    @property
    def is_over(self) -> bool:
        return self not in (JobState.WAITING, JobState.RUNNING)


@dataclass(frozen=True)
class Job:
    """`marks`: what was said of it when it was submitted. Whoever may submit jobs can read them all."""

    id: str
    state: JobState
    message: str = ""
    marks: Mapping[str, str] = field(default_factory=dict)


class Jobs(Protocol):
    """Runs commands on the head of a cluster that is elsewhere. A job goes on when who submitted it leaves. Every
    method raises JobsError."""

    def submit(self, id: str, command: Sequence[str], marks: Mapping[str, str], folder: Path | None = None) -> None:
        """Starts a command in a copy of `folder`. An id is used once."""
        ...

    def get(self, id: str) -> Job | None: ...

    def all(self) -> list[Job]:
        """Those that the cluster remembers; it forgets when its head starts anew."""
        ...

    def output(self, id: str) -> Iterator[str]:
        """What the job printed, by lines, from the first to the last; waits for more until the job is over."""
        ...

    def end(self, id: str) -> None:
        """Kills it, if it still runs."""
        ...

    def forget(self, id: str) -> None:
        """Removes a job that is over from the list; one that is not, or is not there, stays as it is."""
        ...


PackTree = Callable[[TreeId], bytes]
Notify = Callable[[], Awaitable[None]]
