"""Claim: a hundred desks that think at once against a slow server hardly wait for each other, on two cores.

    python benchmarks/desks_overlap.py                   # 100 desks, 2 s a call, 4 calls a step
    python benchmarks/desks_overlap.py --desks 20 --delay 1

A run of `orgrun run` with real desks on a local Ray, over real HTTP. Every step reads, lists, reads again and
declines; a desk has taken five steps when it is passed over. Ideal are so many calls one after the other at each desk,
with nothing in between and all desks at once. Measured is from the first request that the server sees to its last
answer. The server shares the cores, and its CPU time is stated. Printed too: CPU milliseconds a call by kind of
process, the driver's memory at its highest, how many requests waited at once, and how many cores other work on the
machine took meanwhile: what is above the ideal is of use only where that is near 0.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from orgruntime.runtime.agent_step import FAILURES
from orgruntime.testing.messages_script import Asked, Says, uses
from orgruntime.testing.messages_server import MessagesServer

PROGRAM = """\
---
format: orgruntime/1
objective: {{metric: loss, direction: minimize}}
workspace:
  source: ../ws
  editable: [train.py]
  run: sh noop.sh {{seed}} {{budget}}
  time_limit: 20s
risk: {{preset: balanced, dry_spell: 100%}}
budget: {{trials: 60}}
models:
  thinker: {{model: scripted, base_url: "{url}", context: 400000, max_output: 2000}}
tools: [Read, Grep]
---

# A hundred desks

They look at one file and have no idea.

## Roles

| role | kind | count | model |
|---|---|---|---|
| [Thinker](roles/thinker.md) | agent | {desks} | thinker |
"""
ACTS = (
    ("Read", {"file_path": "train.py"}),
    ("Glob", {"pattern": "*.py"}),
    ("Read", {"file_path": "noop.sh"}),
)


class Slow:
    """The script, and what it saw."""

    def __init__(self, delay_s: float, calls: int) -> None:
        self._delay_s, self._calls = delay_s, calls
        self.first_s = self.last_s = 0.0
        self.calls = self.open = self.most = 0

    def __call__(self, asked: Asked) -> Says:
        now = time.monotonic()
        self.first_s, self.last_s = self.first_s or now, now
        self.calls += 1
        self.open += 1
        self.most = max(self.most, self.open)
        threading.Timer(self._delay_s, self._close).start()
        if asked.turn >= self._calls - 1:
            return uses("decline", {"reason": "I have no idea."}, delay_s=self._delay_s)
        name, given = ACTS[asked.turn % len(ACTS)]
        return uses(name, given, id=f"use{asked.turn}", delay_s=self._delay_s)

    def _close(self) -> None:
        self.open -= 1


class Watch:
    """CPU time of the driver and of what is below it, and the driver's memory."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self.cpu_s: dict[str, float] = {}
        self.peak_mb = 0.0

    def look(self) -> None:
        try:
            status = Path(f"/proc/{self._pid}/status").read_text()
        except OSError:
            return
        found = [int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM")]
        self.peak_mb = max([self.peak_mb, *found])
        for kind, seconds in self._cpu().items():
            # What has ended is counted as it was last seen.
            self.cpu_s[kind] = max(seconds, self.cpu_s.get(kind, 0.0))

    def _cpu(self) -> dict[str, float]:
        parents, used = dict[int, int](), dict[int, tuple[str, float]]()
        for name in filter(str.isdigit, os.listdir("/proc")):
            try:
                fields = Path(f"/proc/{name}/stat").read_bytes().rpartition(b")")[2].split()
                command = Path(f"/proc/{name}/cmdline").read_bytes()
            except OSError:
                continue
            parents[int(name)] = int(fields[1])
            kind = "offices" if command.startswith(b"ray::OfficeActor") else "others"
            used[int(name)] = (kind, sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK"))
        below = {self._pid}
        while found := {pid for pid, parent in parents.items() if parent in below and pid not in below}:
            below |= found
        spent = {"driver": used[self._pid][1]} if self._pid in used else {}
        for pid in below - {self._pid}:
            kind, seconds = used[pid]
            spent[kind] = spent.get(kind, 0.0) + seconds
        return spent


def busy_s() -> float:
    """CPU seconds of the whole machine so far."""
    fields = [int(field) for field in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / os.sysconf("SC_CLK_TCK")


def make_org(place: Path, url: str, desks: int) -> Path:
    org = place / "org"
    (org / "roles").mkdir(parents=True)
    (place / "ws").mkdir()
    (place / "ws" / "train.py").write_text("".join(f"A{n} = {n % 7}\n" for n in range(60)))
    (place / "ws" / "noop.sh").write_text("echo ---\necho 'loss: 1.0'\n")
    (org / "program.md").write_text(PROGRAM.format(url=url, desks=desks))
    (org / "roles" / "thinker.md").write_text("---\nname: Thinker\n---\n\nLook, think, and decline.\n")
    return org


def measured(desks: int, delay_s: float, calls: int, profile: str) -> str:
    slow = Slow(delay_s, calls)
    with tempfile.TemporaryDirectory() as folder, MessagesServer(slow) as server:
        org = make_org(Path(folder), server.url, desks)
        words = [sys.executable, *(("-m", "cProfile", "-o", profile) if profile else ()), "-m", "orgruntime.cli.main"]
        words += ["run", str(org), "--seed", "1", "--run-id", "r1", "--runs", folder + "/runs", "--cpus", "2"]
        with open(Path(folder) / "log", "w") as log:
            driver = subprocess.Popen(words, stdout=log, stderr=log)
        watch = Watch(driver.pid)
        before, mine, server_s = dict[str, float](), 0.0, 0.0
        busy = last_busy = 0.0
        while driver.poll() is None:
            time.sleep(0.5)
            # What the report takes afterwards is not thinking.
            if not slow.calls or time.monotonic() < slow.last_s + delay_s + 0.5:
                watch.look()
                server_s, last_busy = time.process_time(), busy_s()
            if not before and slow.calls:
                before, mine, busy = dict(watch.cpu_s), time.process_time(), busy_s()
        if driver.returncode or not slow.calls:
            raise SystemExit((Path(folder) / "log").read_text()[-3000:])
    wall, ideal = slow.last_s + delay_s - slow.first_s, FAILURES * calls * delay_s
    cpu = {kind: seconds - before.get(kind, 0.0) for kind, seconds in watch.cpu_s.items()} | {"server": server_s - mine}
    others = (last_busy - busy - sum(cpu.values())) / wall
    return "\n".join(
        [
            f"{desks} desks, {slow.calls} calls of {delay_s:g} s, at most {slow.most} at once",
            f"wall {wall:.1f} s, ideal {ideal:.1f} s: {wall / ideal:.2f} times",
            "CPU ms a call: " + ", ".join(f"{kind} {1000 * s / slow.calls:.1f}" for kind, s in sorted(cpu.items())),
            f"driver: {watch.peak_mb:.0f} MB at its highest",
            f"other work on this machine: {max(0.0, others):.1f} of {os.cpu_count()} cores",
        ]
    )


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--desks", type=int, default=100)
    options.add_argument("--delay", type=float, default=2.0)
    options.add_argument("--calls", type=int, default=4)
    options.add_argument("--profile", default="", help="file for the driver's profile (cProfile)")
    given = options.parse_args()
    print(measured(given.desks, given.delay, given.calls, given.profile))


if __name__ == "__main__":
    main()
