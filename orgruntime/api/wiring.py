"""Where ports meet adapters: builds the lab of a run. Opening this module's functions imports ray and langgraph.

Invariant: the same run folder always yields the same lab, whoever drives it.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from orgruntime.api.folders import RunFolder
from orgruntime.ledger.store import Ledger
from orgruntime.model.ids import AttemptId
from orgruntime.model.manifest import Choice, Manifest, ModelSpec, RoleKind
from orgruntime.model.numbers import Numbers
from orgruntime.model.species import by_name, is_language_model, serving
from orgruntime.model.step import StepReply, StepRequest
from orgruntime.model.tools import server_of
from orgruntime.model.trial import Ending, TrialOutcome
from orgruntime.plan.keys import DEFAULT_KEY
from orgruntime.runtime.board import Board
from orgruntime.runtime.events import EventKind, Listener
from orgruntime.runtime.gateway import Gateway
from orgruntime.runtime.lab import Lab, Ports, evaluator_hash
from orgruntime.runtime.logs import TrialLogs
from orgruntime.runtime.ports import Desks, ExecutorError, Jobs, PackTree, Serve, Workspace
from orgruntime.runtime.transcripts import Transcripts

RECOVERY_S = 3.0
"""How long a resuming driver waits for outcomes that dying supervisors are still writing."""


@dataclass(frozen=True)
class ClusterChoice:
    """Where trials run. `address` None: an embedded cluster with so many CPUs and GPUs (None: all)."""

    address: str | None = None
    cpus: float | None = None
    gpus: float | None = None
    sandbox: bool = True
    wait_s: float = 0.0
    """How long nodes that hold the roles' trials are waited for."""


class SystemClock:
    """The machine's clocks."""

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def open_workspace(manifest: Manifest, folder: RunFolder) -> tuple[Workspace, str]:
    """The run's workspace, imported on the first call; and what a person should know about the import.

    Raises WorkspaceError.
    """
    from orgruntime.backends.git_workspace import GitWorkspace

    if folder.git_dir.exists():
        return GitWorkspace.open(folder.git_dir), ""
    workspace = GitWorkspace.create(folder.git_dir, manifest.workspace)
    return workspace, workspace.notice


def build_lab(
    manifest: Manifest,
    numbers: Numbers,
    folder: RunFolder,
    ledger: Ledger,
    choice: ClusterChoice,
    listener: Listener,
) -> Lab:
    """The lab of a run, with nothing started yet. Raises WorkspaceError."""
    from orgruntime.backends.langgraph_engine import LangGraphEngine
    from orgruntime.backends.ray_executor import ClusterOptions, RayExecutor, TrialOptions

    workspace, _ = open_workspace(manifest, folder)
    cluster = ClusterOptions(choice.address, choice.cpus, choice.gpus, keys=key_names(manifest))
    trials = TrialOptions(
        editable=manifest.workspace.editable,
        setup=manifest.workspace.setup,
        sandbox=choice.sandbox,
        spool=folder.outcomes,
    )
    executor = RayExecutor(cluster, workspace.pack, trials)
    ports = Ports(
        clock=SystemClock(),
        workspace=workspace,
        desks=_LateDesks(manifest, workspace.pack, sandbox=choice.sandbox),
        executor=executor,
        engine=LangGraphEngine(manifest, folder.graph_file),
    )
    lab = Lab(
        manifest=manifest,
        numbers=numbers,
        ledger=ledger,
        ports=ports,
        board=Board(ledger.trial),
        seed=ledger.run().seed,
        evaluator="",
        listener=listener,
        logs=TrialLogs(folder.logs / "trials"),
    )
    editable = {path: lab.is_editable(path) for path in workspace.paths(workspace.base().id)}
    lab.evaluator = evaluator_hash(workspace, editable, manifest.workspace.setup)
    if language_models(manifest):
        _give_thought(lab, folder)
    return lab


def _give_thought(lab: Lab, folder: RunFolder) -> None:
    """What steps of language models need beside a desk: a door to the models, and a place for what was said."""
    from orgruntime.backends.anthropic_model import AnthropicModels

    models = AnthropicModels()

    def tell(text: str) -> None:
        lab.tell(EventKind.MODEL, text)

    lab.ports.models = models
    lab.gateway = Gateway(lab.manifest, models, lab.ports.clock, lab.board.write, lab.rng, tell=tell)
    lab.transcripts = Transcripts(folder.steps, lambda: keys_of(lab.manifest, os.environ))


async def open_tool_servers(lab: Lab, folder: RunFolder, *, sandbox: bool) -> list[str]:
    """Starts or reaches the tool servers that some role may use; returns what of them there is not, in sentences.
    Raises ExecutorError when none can be used at all."""
    granted = {server_of(tool) for role in lab.manifest.roles for tool in role.tools}
    servers = [server for server in lab.manifest.servers if server.name in granted]
    if not servers:
        return []
    from orgruntime.backends.mcp_tools import ToolServersError, open_servers

    try:
        opened = await open_servers(
            servers, folder.org_folder(), os.environ, unsandboxed=not sandbox, scratch_in=_own_folder(lab)
        )
    except ToolServersError as error:
        raise ExecutorError(str(error)) from error
    lab.ports.servers = opened
    return [*opened.faults.values(), *opened.dropped]


async def close_lab(lab: Lab) -> None:
    """Ends what the lab holds, in the order in which it depends on each other."""
    await lab.ports.desks.close()
    if lab.ports.models is not None:
        await lab.ports.models.close()
    if lab.ports.servers is not None:
        await lab.ports.servers.close()
    if lab.transcripts is not None:
        lab.transcripts.close()
    await lab.ports.executor.close()
    lab.workspace.close()


def language_models(manifest: Manifest) -> list[ModelSpec]:
    """Those that serve some role, by themselves or when another cannot answer."""
    entries = by_name(manifest.models)
    found = {spec.name: spec for role in manifest.roles for spec in serving(entries, role)}
    return [spec for spec in found.values() if is_language_model(spec.species)]


def key_names(manifest: Manifest) -> tuple[str, ...]:
    """Environment variables that hold keys of this run."""
    models = [spec.key_env or DEFAULT_KEY for spec in language_models(manifest)]
    return tuple(dict.fromkeys([*models, *(server.key_env for server in manifest.servers if server.key_env)]))


def keys_of(manifest: Manifest, environ: Mapping[str, str]) -> list[str]:
    """The keys themselves: so that no file of the run ever holds one."""
    return [environ[name] for name in key_names(manifest) if environ.get(name)]


class _LateDesks:
    """Ray desks, made once the executor has joined the cluster."""

    def __init__(self, manifest: Manifest, pack: PackTree, *, sandbox: bool) -> None:
        self._manifest, self._pack, self._sandbox = manifest, pack, sandbox
        self._desks: Desks | None = None

    def open(self, folder: Path | None) -> None:
        """Starts the desks' actors without waiting for them: a second of work each that overlaps the baseline."""
        from orgruntime.backends.desk_trees import Products
        from orgruntime.backends.office import DeskOptions
        from orgruntime.backends.ray_desks import RayDesks

        setup = self._manifest.workspace.setup
        options = DeskOptions(
            unsandboxed=not self._sandbox,
            keys=key_names(self._manifest),
            folder=None if folder is None else str(folder),
            products=None if folder is None or setup is None else Products(setup, str(folder / "n" / "setup")),
        )
        desks = RayDesks(pack=self._pack, options=options)
        for role in self._manifest.roles:
            if role.kind is RoleKind.AGENT:
                for desk in range(role.count):
                    in_turn = role.choice is Choice.TURNS
                    for name in (role.species[desk % len(role.species)],) if in_turn else role.species:
                        desks.warm(role.slug, desk, self._manifest.species_of(name).species)
        self._desks = desks

    async def step(self, request: StepRequest, serve: Serve | None = None) -> StepReply:
        assert self._desks is not None, "desks open once the cluster is there"
        return await self._desks.step(request, serve)

    async def close(self) -> None:
        if self._desks is not None:
            await self._desks.close()


def open_jobs(address: str) -> Jobs:
    """The job server of a cluster. Raises JobsError."""
    from orgruntime.backends.ray_jobs import RayJobs

    return RayJobs(address)


def open_desks(lab: Lab) -> None:
    """To be called once the executor has started."""
    desks = lab.ports.desks
    if isinstance(desks, _LateDesks):
        desks.open(_own_folder(lab))


def _own_folder(lab: Lab) -> Path | None:
    """The embedded cluster's: what is made there is removed even when this process is killed."""
    from orgruntime.backends.ray_executor import RayExecutor

    executor = lab.ports.executor
    return executor.folder if isinstance(executor, RayExecutor) else None


async def recovered(ledger: Ledger, folder: RunFolder) -> list[TrialOutcome]:
    """Outcomes of the attempts that an earlier driver left running. Waits for them, up to three seconds.

    What was written down on this machine is taken. Of the rest, what is known to have started is charged from then on,
    what is known never to have started costs nothing, and an attempt of which nothing is known is charged in full.
    """
    from orgruntime.backends.spool import clear_spool, marks_are_promised, read_marks, read_spool

    open_attempts = {row.attempt: row for row in ledger.running_attempts()}
    deadline = time.monotonic() + RECOVERY_S
    while True:
        known = {outcome.attempt: outcome for outcome in read_spool(folder.outcomes)}
        missing = [attempt for attempt in open_attempts if attempt not in known]
        if not missing or time.monotonic() >= deadline:
            break
        await asyncio.sleep(0.1)
    clear_spool(folder.outcomes, [attempt for attempt in known if attempt not in open_attempts])
    found = [outcome for attempt, outcome in known.items() if attempt in open_attempts]
    started, promised = read_marks(folder.outcomes), marks_are_promised(folder.outcomes)
    return found + [_unheard_of(attempt, started.get(attempt), promised) for attempt in missing]


def begin_marks(folder: RunFolder, *, embedded: bool) -> None:
    """To be called once what `recovered` found is settled: only on an embedded cluster every start is marked, since
    all of it is on this machine."""
    from orgruntime.backends.spool import promise_marks

    promise_marks(folder.outcomes, promised=embedded)


def _unheard_of(attempt: AttemptId, started: float | None, promised: bool) -> TrialOutcome:
    """`started` in UTC seconds, if it has a mark; `promised`: without one it never started."""
    said = "its driver died and it left no outcome; charged"
    if started is None and promised:
        detail = "its driver died before it started"
        return TrialOutcome(attempt=attempt, ending=Ending.NEVER_STARTED, wall_s=0.0, detail=detail)
    elapsed = None if started is None else time.time() - started
    if elapsed is None or elapsed < -1.0:  # The clock was set back.
        return TrialOutcome(attempt=attempt, ending=Ending.INFRASTRUCTURE, wall_s=1e9, detail=f"{said} in full")
    detail = f"{said} since it started"
    return TrialOutcome(attempt=attempt, ending=Ending.INFRASTRUCTURE, wall_s=max(0.0, elapsed), detail=detail)
