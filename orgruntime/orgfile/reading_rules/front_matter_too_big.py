"""Front matter that is larger, or nested deeper, than that of any honest file."""

from __future__ import annotations

from orgruntime.diagnostics.codes import FRONT_MATTER_TOO_BIG
from orgruntime.diagnostics.diagnostic import Fault

CODE = FRONT_MATTER_TOO_BIG


def larger(most_bytes: int) -> Fault:
    return Fault(CODE, f"front matter is larger than {most_bytes // 1024} KiB", "move words below the second `---`")


def deeper(most_levels: int) -> Fault:
    message = f"front matter is nested deeper than {most_levels} levels"
    return Fault(CODE, message, "no key of ours lies deeper than 4; look for brackets that are not closed")
