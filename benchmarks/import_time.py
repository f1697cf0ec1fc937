"""What `orgrun check` costs against the libraries that it cannot do without: CPU seconds of whole processes.

Run: python benchmarks/import_time.py [rounds]. Bytecode is cached in a temporary folder first, as an installed package
has it. The goal is a ratio of the medians below 3.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
FLOOR = [sys.executable, "-c", "import pydantic, mistune, yaml"]
VERBS = {
    "check": ["check", "orgs/microgpt-lab"],
    "help": ["--help"],
}


def cpu_seconds(command: list[str], env: dict[str, str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, cwd=ROOT, env=env, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main(rounds: int) -> None:
    """Rounds are interleaved, so that a busy machine slows all commands alike."""
    with tempfile.TemporaryDirectory() as cache:
        env = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
        env["PYTHONPYCACHEPREFIX"] = cache
        orgrun = [sys.executable, "-c", "from orgruntime.cli.main import main; main()"]
        commands = {"floor": FLOOR} | {name: orgrun + words for name, words in VERBS.items()}
        for command in commands.values():
            cpu_seconds(command, env)
        times: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(rounds):
            for name, command in commands.items():
                times[name].append(cpu_seconds(command, env))
    floor = statistics.median(times["floor"])
    for name, seconds in times.items():
        median = statistics.median(seconds)
        print(f"{name:6} median {median:.3f} s, least {min(seconds):.3f} s, {median / floor:.2f} × the floor")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 15)
