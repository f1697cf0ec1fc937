"""The package as `pip install` leaves it, far from its repository: the command, and the shared library of roles."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

PROGRAM = """\
---
format: orgruntime/1
objective: {metric: loss, direction: minimize}
workspace:
  source: ws
  editable: [train.py]
  run: python train.py --seed {seed}
  time_limit: 20s
budget: {trials: 60}
models: {default: search/random}
imports: [lib/referee, lib/trainer]
---

# Far away

Make loss small.

## Roles

| role | kind | count |
|---|---|---|
| [Seeker](roles/seeker.md) | agent | 1 |
| [Trainer](roles/trainer.md) | experiment | |
| [Referee](roles/referee.md) | verifier | |

## Workflow

1. [Seeker](roles/seeker.md) → [Trainer](roles/trainer.md): `proposal`
2. [Trainer](roles/trainer.md) → [Referee](roles/referee.md): `result`, when promising
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    said = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert said.returncode == 0, said.stdout + said.stderr
    (found,) = folder.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` of an environment that holds the wheel; what it depends on is lent by this one."""
    place = tmp_path_factory.mktemp("venv")
    venv.create(place, with_pip=False, symlinks=True)
    said = subprocess.run(
        [sys.executable, "-m", "pip", "--python", str(place / "bin" / "python"), "install", "--quiet", "--no-index",
         "--no-deps", str(wheel)],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert said.returncode == 0, said.stderr
    (own,) = place.glob("lib/python*/site-packages")
    # A folder that is added by a .pth file has its own .pth files ignored: an editable install here stays here.
    (own / "lent.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return place / "bin"


@pytest.fixture
def org(tmp_path: Path) -> Path:
    for path, text in {
        "program.md": PROGRAM,
        "roles/seeker.md": "---\nname: Seeker\n---\n\nYou propose settings.\n",
        "ws/train.py": "A = 0.5  # 0.0 .. 1.0\nprint('loss:', A)\n",
    }.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
    return tmp_path


def said_by(program: Path, *words: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return subprocess.run(
        [str(program), *map(str, words)],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_wheel_holds_the_library_once(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    shipped = {f"orgruntime/roles/{path.name}" for path in (ROOT / "roles").glob("*.md")}
    assert shipped
    assert {name for name in names if "roles/" in name and "compiler" not in name} == shipped
    assert {name.partition("/")[0] for name in names} == {"orgruntime", f"{wheel.name.split('-py3')[0]}.dist-info"}


def test_an_org_elsewhere_imports_roles_from_the_installed_library(installed: Path, org: Path) -> None:
    where = said_by(installed / "python", "-c", "import orgruntime; print(orgruntime.__file__)", cwd=org)
    assert where.stdout.startswith(str(installed.parent)), where.stdout + where.stderr
    said = said_by(installed / "orgrun", "check", org, cwd=org)
    assert said.returncode == 0, said.stdout + said.stderr


def test_a_role_that_the_library_lacks_is_named_with_a_near_one(installed: Path, org: Path) -> None:
    (org / "program.md").write_text(PROGRAM.replace("lib/referee", "lib/refere"))
    said = said_by(installed / "orgrun", "check", org, cwd=org)
    assert said.returncode == 1
    assert "lib/referee" in said.stdout + said.stderr


def test_the_tree_that_is_tested_finds_the_library_too(org: Path) -> None:
    """As from an editable install: the repository's own `roles/`."""
    code = "from orgruntime.cli.main import main; main()"
    said = subprocess.run(
        [sys.executable, "-c", code, "check", str(org)], env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=org, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert said.returncode == 0, said.stdout + said.stderr
