"""What is found in real bare programs: one line a folder, and how many are read whole.

    python benchmarks/bare_programs.py FOLDER…        each with a program.md

Runs nothing of the folders. A topic is `value`, or `?` where a person would be asked.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from orgruntime.importer.bare import BareError, read_bare
from orgruntime.importer.bare_facts import Topic

NEEDED = (Topic.RUN, Topic.METRIC, Topic.DIRECTION, Topic.EDITABLE, Topic.FROZEN, Topic.TIME_BUDGET, Topic.KILL_AFTER)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path)
    whole, seen, slowest = 0, 0, 0.0
    for folder in parser.parse_args().folders:
        started = time.perf_counter()
        try:
            found = read_bare(folder).findings
        except BareError as error:
            print(f"{folder.name}: refused: {error}")
            continue
        slowest = max(slowest, time.perf_counter() - started)
        seen += 1
        whole += not found.questions
        told = " | ".join(f"{topic.value} {found.value(topic) or '?'}" for topic in NEEDED)
        print(f"{'whole' if not found.questions else 'asks '}  {folder.name}: {told}")
    print(f"{whole} of {seen} read whole, the others with questions; the slowest took {slowest:.2f} s")


if __name__ == "__main__":
    main()
