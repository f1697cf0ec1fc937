"""Run and resume: from a manifest to a finished run. The driver is the calling process.

Invariant: whatever ends the driver, the folder that it leaves can be resumed, and its report is as new as its ledger.
"""

from __future__ import annotations

import asyncio
import gc
import json
import secrets
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from orgruntime.api.errors import FINDINGS, UserError
from orgruntime.api.folders import DEFAULT_RUNS, RunFolder, find_run, new_folder
from orgruntime.api.histories import read_history
from orgruntime.api.importing import import_for_run, is_bare, prove_once, refuse_open_questions
from orgruntime.api.orgs import is_plan, load_org, refuse_unready
from orgruntime.api.packing import Packed
from orgruntime.api.planning import numbers_of, plan_file_manifest, plan_file_org
from orgruntime.api.reports import export_certificates, write_report
from orgruntime.api.statuses import run_status, tell_activity
from orgruntime.api.trusting import refuse_untrusted
from orgruntime.api.wiring import (
    ClusterChoice,
    begin_marks,
    build_lab,
    close_lab,
    open_desks,
    open_tool_servers,
    open_workspace,
    recovered,
)
from orgruntime.ledger.store import Ledger, LedgerError
from orgruntime.model.history import PastResult
from orgruntime.model.ids import RunId
from orgruntime.model.manifest import Manifest
from orgruntime.model.placement import nearest_miss
from orgruntime.model.status import RoleActivity, RunState, RunStatus
from orgruntime.plan.make import make_plan
from orgruntime.runtime.demand import CLUSTER
from orgruntime.runtime.events import EventKind, RunEvent
from orgruntime.runtime.gateway import settle_orphans
from orgruntime.runtime.hardware import settle_hardware, settled_manifest
from orgruntime.runtime.lab import Lab
from orgruntime.runtime.ports import ExecutorError, WorkspaceError
from orgruntime.runtime.settlement import settle
from orgruntime.runtime.supervisor import Supervisor


@dataclass(frozen=True)
class RunOptions:
    """What `orgrun run` can say beside the org."""

    models: dict[str, str] = field(default_factory=dict)
    budget: dict[str, str] = field(default_factory=dict)
    seed: int | None = None
    run_id: str | None = None
    runs: Path = DEFAULT_RUNS
    cluster: ClusterChoice = ClusterChoice()


class View:
    """What is shown of a run while it goes on. The base shows nothing."""

    def event(self, event: RunEvent) -> None:
        """One thing that happened."""

    def status(self, status: RunStatus) -> None:
        """Where the run stands; about twice a second."""


STATUS_S = 0.5


def start_run(org: Path, options: RunOptions, view: View) -> RunStatus:
    """Compiles, plans, runs to the end. `org` is a folder, a saved plan, or a bare program, which is imported and
    proved first. Raises UserError."""

    def tell(line: str) -> None:
        view.event(RunEvent(event=EventKind.NOTICE, text=line))

    _refuse_address(options.cluster.address)
    was_bare = is_bare(org)
    if was_bare:
        org = import_for_run(org, tell)
    manifest, org = compiled(org, options)
    refuse_unready(manifest)
    history = read_history(org)
    if was_bare:
        prove_once(org, manifest, options.cluster, tell)
    return _begun(manifest, history, options, view, lambda folder: org.absolute())


def _refuse_address(address: str | None) -> None:
    """Before there is a run that would never have begun."""
    if address is None:
        return
    from orgruntime.backends.ray_cluster import check_address

    try:
        check_address(address)
    except ExecutorError as error:
        raise UserError(str(error), FINDINGS) from error


def start_packed(packed: Packed, options: RunOptions, view: View) -> RunStatus:
    """Runs what another machine compiled and packed, to the end. Raises UserError."""
    refuse_unready(packed.manifest)

    def lay(folder: RunFolder) -> Path:
        packed.lay_into(folder)
        return folder.path / "org"

    return _begun(packed.manifest, packed.history, options, view, lay)


def _begun(
    manifest: Manifest,
    history: tuple[PastResult, ...],
    options: RunOptions,
    view: View,
    lay: Callable[[RunFolder], Path],
) -> RunStatus:
    """`lay` puts what there is into the run's folder, and says where the org's own files are."""
    folder = new_folder(options.runs, manifest.org, options.run_id)
    with folder.driving():
        folder.clear_away()
        seed = options.seed if options.seed is not None else secrets.randbelow(2**31)
        _write(folder.org_file, json.dumps({"folder": str(lay(folder))}))
        ledger = _new_ledger(manifest, folder, seed, view, history)
        if history:
            text = f"{len(history)} rows of an earlier log are kept as history; nothing is decided by them"
            view.event(RunEvent(event=EventKind.NOTICE, text=text))
        return _drive(manifest, folder, ledger, options.cluster, view)


def compiled(org: Path, options: RunOptions) -> tuple[Manifest, Path]:
    """The manifest, and the org's folder. A fork that nobody has accepted is refused."""
    if is_plan(org):
        manifest, folder = plan_file_manifest(org, options.models, options.budget), plan_file_org(org)
    else:
        refuse_open_questions(org)
        manifest, folder = load_org(org, options.models, options.budget)[0], org
    refuse_untrusted(folder)
    return manifest, folder


def resume_run(runs: Path, name: str | None, cluster: ClusterChoice, view: View) -> RunStatus:
    """Goes on with a run that was stopped, paused, or lost its driver. Raises UserError for one that is over."""
    folder = find_run(runs, name)
    manifest = folder.manifest()
    with folder.driving():
        ledger = folder.ledger(write=True)
        if folder.manifest_hash() != ledger.run().manifest_hash:
            ledger.close()
            raise UserError(
                f"{folder.manifest_file} is not the manifest that run {folder.id} was started with; put it back, "
                "or start another run: a run keeps its terms"
            )
        state = ledger.run().state
        if state.is_final:
            reason = ledger.run().reason
            ledger.close()
            raise UserError(
                f"run {folder.id} is over ({state.value}: {reason}); see it with `orgrun report {folder.id}`, "
                "or start another with `orgrun run`"
            )
        refuse_unready(manifest)
        return _drive(manifest, folder, ledger, cluster, view)


def _new_ledger(
    manifest: Manifest, folder: RunFolder, seed: int, view: View, history: tuple[PastResult, ...]
) -> Ledger:
    """Imports the workspace, then creates manifest, plan and ledger: the ledger last, it makes the folder a run."""
    try:
        workspace, notice = open_workspace(manifest, folder)
    except WorkspaceError as error:
        shutil.rmtree(folder.path)
        raise UserError(str(error)) from error
    if notice:
        view.event(RunEvent(event=EventKind.NOTICE, text=notice))
    _write(folder.manifest_file, manifest.model_dump_json(indent=1))
    plan = make_plan(manifest, numbers_of(manifest), None, str(folder.path))
    _write(folder.plan_file, plan.model_dump_json(indent=1))
    ledger = Ledger.create(
        folder.ledger_file,
        run=RunId(folder.id),
        manifest_hash=manifest.hash,
        org=manifest.org,
        budget=manifest.budget,
        seed=seed,
    )
    base = workspace.base()
    with ledger.transaction() as tx:
        tx.set_base(base.id, base.tree)
        tx.add_history(history)
    workspace.move_branch("lead", base.id)
    workspace.move_branch("champion", base.id)
    return ledger


def _write(path: Path, text: str) -> None:
    path.write_text(text + "\n", encoding="utf-8")


def _drive(manifest: Manifest, folder: RunFolder, ledger: Ledger, choice: ClusterChoice, view: View) -> RunStatus:
    from orgruntime.backends.native_output import native_output_to

    try:
        ledger.take_over()
        with native_output_to(folder.logs / "ray.log"):
            asyncio.run(_driven(manifest, folder, ledger, choice, view))
        status = run_status(manifest, ledger, folder)
    except (ExecutorError, WorkspaceError, LedgerError) as error:
        said = str(error).rstrip(".")
        raise UserError(f"{said}. The run can be resumed with `orgrun resume {folder.id}`.", FINDINGS) from error
    finally:
        ledger.close()
    write_report(folder)
    return status


async def _driven(manifest: Manifest, folder: RunFolder, ledger: Ledger, choice: ClusterChoice, view: View) -> None:
    def heard(event: RunEvent) -> None:
        if event.event is EventKind.CHAMPION:
            export_certificates(ledger, folder)
        view.event(event)

    lab = build_lab(manifest, numbers_of(manifest), folder, ledger, choice, heard)
    supervisor = Supervisor(lab)
    shown: asyncio.Task[None] | None = None
    with _signals(supervisor.ask_stop) as listen_again:
        try:
            where = "a local Ray for this run" if choice.address is None else f"Ray at {choice.address}"
            lab.tell(EventKind.STARTED, f"{folder.id}: starting {where}", run=folder.id, seed=lab.seed)
            shown = asyncio.create_task(_show(lab, folder, view))
            await _open_cluster(lab, folder, choice)
            listen_again()
            with _quiet_collector():
                state, reason = await supervisor.run()
            if state.is_final:
                folder.forget_threads()
            export_certificates(ledger, folder)
            kind = EventKind.PAUSED if state is RunState.PAUSED else EventKind.ENDED
            lab.tell(kind, f"{state.value}: {reason}", state=state.value, reason=reason)
        finally:
            if shown is not None:
                shown.cancel()
                folder.activity_file.unlink(missing_ok=True)
            await close_lab(lab)


@contextmanager
def _quiet_collector() -> Iterator[None]:
    """What Ray and LangGraph have loaded by now stays for good: half a million objects that no collection need visit
    again. A loop that makes many small objects ran 20 to 50 % more trials a second without those visits."""
    thresholds = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()


async def _open_cluster(lab: Lab, folder: RunFolder, choice: ClusterChoice) -> None:
    """Starts or joins the cluster, settles what an earlier driver left, checks that trials can be placed."""
    executor = lab.ports.executor
    fleet = await executor.start()
    open_desks(lab)
    for lack in await open_tool_servers(lab, folder, sandbox=choice.sandbox):
        lab.tell(EventKind.NOTICE, lack)
    _point_branches(lab)
    leftover = await recovered(lab.ledger, folder)
    lab.logs.write(leftover)
    with lab.ledger.transaction() as tx:
        # Again: a first driver may have died between the ledger and its base.
        tx.set_base(lab.base.id, lab.base.tree)
        tx.set_isolation(fleet.isolation)
        for outcome in leftover:
            settle(lab, tx, outcome)
        cut_off = settle_orphans(tx)
    begin_marks(folder, embedded=choice.address is None)
    if leftover:
        lab.tell(EventKind.NOTICE, f"{len(leftover)} attempts of an earlier driver are settled", count=len(leftover))
    if cut_off:
        text = f"{cut_off} model calls of an earlier driver were cut off; each is charged at its worst case"
        lab.tell(EventKind.NOTICE, text, count=cut_off)
    if fleet.isolation != "strict":
        lab.tell(
            EventKind.NOTICE,
            "NO SANDBOX: trials run with this user's rights; install bubblewrap and run again for isolation",
            isolation=fleet.isolation,
        )
    await _placed(lab, choice.wait_s)
    fleet = executor.fleet()
    for said in settle_hardware(lab, fleet):
        lab.tell(EventKind.NOTICE, said)
    nodes = len(fleet.nodes)
    cpus, gpus = sum(node.cpus for node in fleet.nodes), sum(node.gpus for node in fleet.nodes)
    size = f"{nodes} node{'s' * (nodes != 1)}, {cpus:g} CPUs, {gpus:g} GPUs{' (simulated)' * fleet.simulated}"
    lab.tell(EventKind.STARTED, f"the cluster is ready: {size}, isolation {fleet.isolation}", nodes=nodes)


async def _placed(lab: Lab, wait_s: float) -> None:
    """Returns once a trial of every role can be placed; asks a growing cluster for the room meanwhile. Raises
    ExecutorError after the wait."""
    executor, clock = lab.ports.executor, lab.ports.clock
    until, told = clock.monotonic() + wait_s, ""
    while True:
        manifest = settled_manifest(lab.manifest, executor.fleet())
        wanted = [manifest.role(role.slug) for role in (lab.experimenter, lab.verifier)]
        homeless = next((role for role in wanted if not executor.fits(role.resources)), None)
        if homeless is None:
            break
        why = nearest_miss(homeless.resources, executor.fleet().nodes)
        if clock.monotonic() >= until:
            raise ExecutorError(
                f"no node of the cluster can hold one trial of {homeless.slug}: {why}; see `orgrun plan`, correct the "
                "role's resources, give the run a larger cluster, or wait for one that grows with `--wait 15m`"
            )
        if why != told:
            told = why
            lab.doing[CLUSTER] = f"waiting for a node that holds a trial of {homeless.slug}: {why}"
            lab.tell(EventKind.NOTICE, lab.doing[CLUSTER])
        await executor.ask_for([role.resources for role in wanted])
        await clock.sleep(1.0)
    if told:
        del lab.doing[CLUSTER]
        await executor.ask_for([])


def _point_branches(lab: Lab) -> None:
    """A driver that died between the ledger's word and git's left them apart; the ledger is right."""
    for name, row in (("lead", lab.ledger.lead()), ("champion", lab.ledger.champion())):
        if row is not None and lab.workspace.branch(name) != row.commit:
            lab.workspace.move_branch(name, row.commit)


async def _show(lab: Lab, folder: RunFolder, view: View) -> None:
    told: tuple[RoleActivity, ...] = ()
    while True:
        # What everybody waits for comes first: of many roles, only the first ones are shown to people.
        doing = sorted(lab.doing.items(), key=lambda one: (one[0] != CLUSTER, one))
        roles = tuple(RoleActivity(role=who, doing=what) for who, what in doing)
        if roles != told:
            told = roles
            tell_activity(folder, roles)
        view.status(run_status(lab.manifest, lab.ledger, folder, roles))
        await asyncio.sleep(STATUS_S)


@contextmanager
def _signals(stop: Callable[[str], None]) -> Iterator[Callable[[], None]]:
    """Ctrl-C and SIGTERM ask the run to stop cleanly; a second Ctrl-C ends the driver at once.

    Yields what is to be called once Ray is there: its start puts a handler of its own before ours that prints a stack
    and, three seconds after SIGTERM, aborts the process by an alarm.
    """
    loop = asyncio.get_running_loop()

    def interrupted() -> None:
        loop.remove_signal_handler(signal.SIGINT)
        stop("interrupted")

    def terminated() -> None:
        signal.alarm(0)
        stop("terminated")

    def listen() -> None:
        loop.add_signal_handler(signal.SIGTERM, terminated)

    loop.add_signal_handler(signal.SIGINT, interrupted)
    listen()
    try:
        yield listen
    finally:
        loop.remove_signal_handler(signal.SIGINT)
        loop.remove_signal_handler(signal.SIGTERM)
