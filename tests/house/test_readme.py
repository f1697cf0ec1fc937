"""Every command of README.md and docs/*.md runs."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from doc_commands import ROOT, Command, commands_of, reader_folder, run_as_reader

PAGES = [path for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))) if path.is_file()]


@pytest.mark.ray
@pytest.mark.timeout(600)
@pytest.mark.parametrize("page", PAGES, ids=[path.name for path in PAGES])
def test_every_command_of_a_page_runs(page, tmp_path):
    folder = reader_folder(tmp_path)
    for command in commands_of(page.read_text(encoding="utf-8")):
        done = run_as_reader(command, folder)
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
