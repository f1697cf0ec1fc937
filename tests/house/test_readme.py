"""Every command of README.md and docs/*.md runs."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parent))

from doc_commands import ROOT, Command, commands_of, reader_folder, run_as_reader
from warm import write_command

AFRESH = ("editors.md",)
"""Pages whose commands are started as they are installed; the others need not import what all of them do."""
PAGES = [path for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))) if path.is_file()]


@pytest.mark.ray
@pytest.mark.timeout(600)
@pytest.mark.parametrize("page", PAGES, ids=[path.name for path in PAGES])
def test_every_command_of_a_page_runs(page, tmp_path, tmp_path_factory):
    folder = reader_folder(tmp_path)
    warmed = None if page.name in AFRESH else write_command(tmp_path_factory.mktemp("bin")).parent
    for command in commands_of(page.read_text(encoding="utf-8")):
        done = run_as_reader(command, folder, bin_first=warmed)
        assert done.returncode == 0, f"{page.name}:{command.line}: {command.text}\n{done.stdout}{done.stderr}"


def test_commands_are_found_and_those_with_needs_are_not():
    page = """\
Words.

```sh
$ orgrun check lab
orgrun run lab --address auto   # needs: a cluster

# a remark
orgrun plan lab \\
  --json
```

```python
not a command
```

```sh
# needs: docker
docker run x
```
"""
    assert commands_of(page) == [Command(4, "orgrun check lab"), Command(8, "orgrun plan lab --json")]


def test_a_command_that_fails_is_seen(tmp_path):
    assert run_as_reader(Command(1, "orgrun check nowhere"), tmp_path).returncode == 1
    assert run_as_reader(Command(1, "false | true"), tmp_path).returncode == 1
