"""For every test: what a test starts keeps its bytecode, as an installed package has it, and no example has a deadline.
Files that take long come first, so that several workers end at about the same time.

Where the environment forbids bytecode, each of several hundred processes would compile the package anew. Hypothesis
gives an example 200 ms, which a busy machine passes now and then; 60 examples a property, where it does not say more,
are drawn anew in every run.
"""

from __future__ import annotations

import gc
import os
import sys
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# The two checks that are left out fail by the clock and by chance. In CI the examples are the same at every run: a new
# one is found where somebody looks at it.
settings.register_profile(
    "steady", deadline=None, max_examples=60, derandomize="CI" in os.environ,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)  # fmt: skip
settings.load_profile("steady")

os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# What tests accept is no word of the person who runs them.
_ACCEPTED = tempfile.TemporaryDirectory(prefix="orgrun-trust-", ignore_cleanup_errors=True)
os.environ["ORGRUN_TRUST"] = f"{_ACCEPTED.name}/trust.json"


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collecting only builds up, in every process of the tests: Python's collector would walk it again and again."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The files with a slow test, the slowest first, then those that start a Ray, then the others; within a file
    nothing moves."""
    seconds: dict[Path, int] = {}
    for item in items:
        slow, ray = (item.get_closest_marker(name) for name in ("slow", "ray"))
        seconds[item.path] = max(slow.args[0] if slow else 1 if ray else 0, seconds.get(item.path, 0))
    items.sort(key=lambda item: -seconds[item.path])
