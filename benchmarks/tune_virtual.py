"""The comparison of `against_tune.py` on a virtual clock: both policies, exactly, without the machine's share.

    python benchmarks/tune_virtual.py                       # 20 seeds, worlds typical and null
    python benchmarks/tune_virtual.py --worlds typical --models search/tpe --reduction 4

The org runs under the real supervisor, ledger, desks and species, with make-believe trials and an event loop
whose time jumps from one timer to the next. On Tune's side eight slots ask Optuna and obey Tune's own ASHA bracket.
Proposals, processes and decisions take no time, so GPU-seconds are those of the policies alone; wall time and overhead
are for `against_tune.py` to measure.
"""

from __future__ import annotations

import argparse
import asyncio
import heapq
import math
import selectors
import sys
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, TypeVar, TypeVarTuple

from against_tune import GPUS, Told, from_ledger, from_results, make_org, table
from tune_world import FRACTIONS, HEADROOM, KNOBS, World, read_constants

from orgruntime.api.orgs import load_org
from orgruntime.backends.search_model import SPECIES
from orgruntime.ledger.store import Ledger
from orgruntime.model.ids import AttemptId, CommitId
from orgruntime.model.step import StepReply, StepRequest
from orgruntime.model.trial import Ending, TrialOutcome, TrialSpec
from orgruntime.runtime.lab import Ports
from orgruntime.runtime.supervisor import Supervisor
from orgruntime.testing.inline_engine import InlineEngine
from orgruntime.testing.inline_executor import InlineExecutor
from orgruntime.testing.lab import Heard, lab_in
from orgruntime.testing.memory_workspace import MemoryWorkspace
from orgruntime.testing.scripted_desks import ScriptedDesks

_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")
EPOCH_S = 1_700_000_000.0


class _Jumping(selectors.DefaultSelector):
    """Where the loop would wait for a timer, time moves on instead; for threads it really waits."""

    now = 0.0
    threads = 0

    def select(self, timeout: float | None = None) -> Any:
        found = super().select(0)
        if found or timeout == 0:
            return found
        if self.threads or timeout is None:
            return super().select(0.05)
        self.now += timeout
        return found


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now

    def run_in_executor(self, executor: Executor | None, func: Callable[[*_Ts], _T], *args: *_Ts) -> asyncio.Future[_T]:
        self._jumping.threads += 1
        future = super().run_in_executor(executor, func, *args)
        future.add_done_callback(self._back)
        return future

    def _back(self, _: object) -> None:
        self._jumping.threads -= 1


@dataclass
class LoopClock:
    """Implements `ports.Clock` on a loop's own time."""

    loop: asyncio.AbstractEventLoop

    def now(self) -> float:
        return EPOCH_S + self.loop.time()

    def monotonic(self) -> float:
        return self.loop.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class VirtualExecutor(InlineExecutor):
    """Eight GPUs whose trials are plays of the world."""

    def __init__(self, world: World, workspace: MemoryWorkspace, clock: LoopClock) -> None:
        super().__init__(self._play_world, cpus=float(GPUS), gpus=GPUS)
        self._world, self._workspace, self._clock = world, workspace, clock
        self._said: dict[AttemptId, list[str]] = {}
        self._began: dict[AttemptId, float] = {}

    async def _play_world(self, spec: TrialSpec) -> TrialOutcome:
        x = read_constants(self._workspace.read(self._workspace.get(spec.commit).id, "train.py").decode())
        seed = int(spec.argv[spec.argv.index("-v") + 1].removeprefix("seed="))
        began = self._began[spec.attempt] = self._clock.monotonic()
        said = self._said[spec.attempt] = []
        before, loss = 0.0, math.nan
        for f, loss in zip(FRACTIONS, self._world.curve(x, seed), strict=True):
            await asyncio.sleep((f - before) * self._world.seconds)
            before = f
            said.append(f"progress {f:g} loss {loss:.6f}\n")
            self.tell(spec.attempt, (f, loss))
        output = "".join((*said, f"---\nloss: {loss:.6f}\n"))
        wall_s = self._clock.monotonic() - began
        return TrialOutcome(attempt=spec.attempt, ending=Ending.EXITED, exit_code=0, wall_s=wall_s, output=output)

    async def cancel(self, attempts: Sequence[AttemptId]) -> None:
        for attempt in attempts:
            if attempt in self._running:
                self._tasks[attempt].cancel()
                wall_s = self._clock.monotonic() - self._began.get(attempt, self._clock.monotonic())
                output = "".join(self._said.get(attempt, ()))
                self._finish(TrialOutcome(attempt=attempt, ending=Ending.CANCELLED, wall_s=wall_s, output=output))


def ours(world: World, trials: int, models: str) -> Told:
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as place:
        folder = Path(place)
        org = make_org(folder, world, trials)
        program = (org / "program.md").read_text()
        (org / "program.md").write_text(program.replace("search/tpe, search/cmaes, search/random", models))
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            workspace = runner.run(_run(folder, org, world))
        with Ledger.open_readonly(folder / "ledger.db") as ledger:
            return from_ledger(
                ledger, world, 0.0, lambda commit: read_constants(workspace.read(CommitId(commit), "train.py").decode())
            )


async def _run(folder: Path, org: Path, world: World) -> MemoryWorkspace:
    manifest = load_org(org, {}, {})[0]
    workspace = MemoryWorkspace({path.name: path.read_bytes() for path in (folder / "workspace").iterdir()})
    clock = LoopClock(asyncio.get_running_loop())
    executor = VirtualExecutor(world, workspace, clock)
    desks = ScriptedDesks(_answer)
    ports = Ports(clock, workspace, desks, executor, InlineEngine(manifest.graph))
    lab = lab_in(folder, manifest, ports, Heard(), world.seed, clock.now)
    try:
        await Supervisor(lab).run()
    finally:
        await desks.close()
        await executor.close()
        lab.ledger.close()
    return workspace


def _answer(request: StepRequest) -> StepReply:
    return SPECIES[request.species](request)


@dataclass
class _Trial:
    """Of Tune: what its bracket asks for, and its last report."""

    trial_id: str
    asked: Any
    curve: list[float]
    start: float
    config: dict[str, float]
    row: dict[str, Any] = field(default_factory=dict)


def ray_tune(world: World, trials: int, reduction: int) -> Told:
    import optuna
    from ray.tune.schedulers.async_hyperband import _Bracket

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    sampler = optuna.samplers.TPESampler(seed=world.seed, n_startup_trials=8, multivariate=True, constant_liar=True)
    study = optuna.create_study(sampler=sampler)
    study.enqueue_trial({f"X{i}": 0.5 for i in range(KNOBS)})
    bracket = _Bracket(1, 8, reduction, 0)
    queue: list[tuple[float, int, int]] = []
    every: list[_Trial] = []

    def begin(now: float) -> None:
        asked = study.ask()
        config = {f"X{i}": asked.suggest_float(f"X{i}", 0.0, 1.0) for i in range(KNOBS)}
        x = list(config.values())
        luck = Random(repr((world.seed, x))).randrange(2**31)
        heapq.heappush(queue, (now + FRACTIONS[0] * world.seconds, len(every), 0))
        every.append(_Trial(str(len(every)), asked, world.curve(x, luck), now, config))

    for _ in range(min(GPUS, trials)):
        begin(0.0)
    while queue:
        now, n, point = heapq.heappop(queue)
        one, eighths = every[n], round(8 * FRACTIONS[point])
        loss = one.curve[point]
        one.row = {"loss": loss, "start": one.start, "at": now, "eighths": eighths, "config": one.config}
        if eighths < 8 and bracket.on_result(one, eighths, -loss) == "CONTINUE":
            later = (FRACTIONS[point + 1] - FRACTIONS[point]) * world.seconds
            heapq.heappush(queue, (now + later, n, point + 1))
            continue
        study.tell(one.asked, loss)
        if len(every) < trials:
            begin(now)
    return from_results([one.row for one in every], world, 0.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--worlds", nargs="+", choices=list(HEADROOM), default=["typical", "null"])
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--trials", type=int, default=160, help="of each arm")
    parser.add_argument("--org-trials", type=int, help="of the org, where it is to have fewer")
    parser.add_argument("--reduction", type=int, default=2, help="of ASHA; 4 is its default")
    parser.add_argument("--models", default="search/tpe, search/cmaes, search/random", help="of the org's panel")
    options = parser.parse_args()
    for name in options.worlds:
        pairs = []
        for seed in range(options.seeds):
            world = World(HEADROOM[name], seed, 1.0)
            mine = ours(world, options.org_trials or options.trials, options.models)
            pairs.append((mine, ray_tune(world, options.trials, options.reduction)))
            print(".", end="", file=sys.stderr, flush=True)
        print(table(name, pairs), flush=True)


if __name__ == "__main__":
    main()
