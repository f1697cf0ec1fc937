"""How long the reader takes for a megabyte of anything, and what random bytes do to it.

    python benchmarks/reader_fuzz.py                 CPU seconds for each kind of megabyte, then 30 s of random files
    python benchmarks/reader_fuzz.py --seconds 600   for longer
    python benchmarks/reader_fuzz.py --atheris       coverage-guided, where `pip install atheris` works (10 min)

Exit code 1: something raised, or took more than 2 s.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

CORPUS = Path(__file__).parents[1] / "tests" / "corpus"
LIMIT_S = 2.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--atheris", action="store_true")
    given = parser.parse_args()
    sys.path.insert(0, str(CORPUS))
    if given.atheris:
        return guided(given.seconds)
    slow = megabytes()
    rounds, worst = mutated(given.seconds)
    print(f"{rounds} random files in {given.seconds:.0f} s, none raised; the slowest took {worst:.3f} s")
    return 1 if slow or worst > LIMIT_S else 0


def megabytes() -> bool:
    from corpus_readings import read
    from test_corpus_fuzz import MEGABYTES

    from orgruntime.compiler import compile_org

    slow = False
    with tempfile.TemporaryDirectory() as folder:
        for kind, data in MEGABYTES.items():
            start = time.process_time()
            read(data)
            role = time.process_time() - start
            (Path(folder) / "program.md").write_bytes(data)
            start = time.process_time()
            compile_org(Path(folder))
            program = time.process_time() - start
            slow = slow or max(role, program) > LIMIT_S
            print(f"{kind:24}{len(data):>9} bytes   as a role {role:6.3f} s   as a program {program:6.3f} s")
    return slow


def mutated(seconds: float, seed: int = 1) -> tuple[int, float]:
    """(files read, CPU seconds of the slowest) of pieces of the corpus, cut, doubled and sprinkled with bytes."""
    from corpus_readings import FILES, names, read

    rng = random.Random(seed)
    pool = [(FILES / name).read_bytes() for name in names()]
    worst, rounds, end = 0.0, 0, time.monotonic() + seconds
    while time.monotonic() < end:
        data = b"".join(rng.choice(pool)[: rng.randrange(4000)] for _ in range(rng.randrange(1, 4)))
        for _ in range(rng.randrange(12)):
            a, b = sorted(rng.randrange(len(data) + 1) for _ in range(2))
            new = rng.choice([b"", data[a:b] * 2, rng.randbytes(3), b"\n---\n", b": ", b"\r"])
            data = data[:a] + new + data[b if rng.random() < 0.5 else a :]
        start = time.process_time()
        read(data)
        worst = max(worst, time.process_time() - start)
        rounds += 1
    return rounds, worst


def guided(seconds: float) -> int:
    """libFuzzer over the reader. Ends the process with its own code; what raised is left in the working folder."""
    import atheris

    with atheris.instrument_imports(include=["orgruntime.orgfile", "orgruntime.compiler"]):
        from corpus_readings import FILES, read

    def one(data: bytes) -> None:
        read(data)

    folders = sorted(str(folder) for folder in FILES.iterdir() if folder.is_dir())
    with tempfile.TemporaryDirectory() as found:
        words = [sys.argv[0], f"-max_total_time={seconds:.0f}", "-timeout=2", "-max_len=8192", found, *folders]
        atheris.Setup(words, one)
        atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())
