"""The floors of the house hold: import-linter's contracts, as CI runs them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def lint_imports(folder: Path, config: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("lint-imports")
    return subprocess.run(
        [str(program), "--no-cache", "--config", str(config)], cwd=folder, capture_output=True, text=True, timeout=240
    )


def test_imports_only_go_down() -> None:
    done = lint_imports(ROOT, ROOT / "pyproject.toml")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


def test_a_broken_contract_is_found(tmp_path: Path) -> None:
    """The check above can fail: the same contracts, with one floor's wall put where imports do cross it."""
    config = tmp_path / "pyproject.toml"
    config.write_text(
        '[tool.importlinter]\nroot_package = "orgruntime"\n[[tool.importlinter.contracts]]\nname = "wrong"\n'
        'type = "forbidden"\nsource_modules = ["orgruntime.runtime"]\nforbidden_modules = ["orgruntime.model"]\n'
    )

    assert lint_imports(ROOT, config).returncode == 1
