"""The one rule of editable files."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import orgruntime
from orgruntime.model.editable import is_editable


@pytest.mark.parametrize(
    ("path", "pattern", "said"),
    [
        ("train.py", "train.py", True),
        ("src/a.py", "src/*.py", True),
        ("src/a/b.py", "src/*", True),
        ("src/a.py", "src", False),
        ("Train.py", "train.py", False),
        ("a[1].py", "a[1].py", True),
    ],
)
def test_editable(path: str, pattern: str, said: bool) -> None:
    assert is_editable(path, [pattern]) is said


def test_there_is_one_place_for_the_rule() -> None:
    """A second one would let the driver accept what a node mounts as frozen, or the other way round."""
    package = Path(orgruntime.__file__).parent
    rooms = ("model", "compiler", "runtime", "backends", "api")
    paths = [path for room in rooms for path in (package / room).rglob("*.py")]
    modules = {path.relative_to(package).as_posix(): ast.parse(path.read_text()) for path in paths}
    globbing = {
        name
        for name, module in modules.items()
        for node in ast.walk(module)
        if isinstance(node, ast.Import | ast.ImportFrom) and "fnmatch" in ast.unparse(node)
    }
    # The others are the tool Glob, which finds what may be read (whether it may be changed is asked of the rule), and
    # the names of files that look like keys.
    assert globbing == {"model/editable.py", "backends/desk_paths.py", "api/packing.py"}
