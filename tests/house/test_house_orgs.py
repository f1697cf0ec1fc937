"""Every org and every role of the library passes `orgrun check` without a warning, as CI runs it: without keys, so that
ORG504 (a key that is not set) is off."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ORGS = sorted(path.parent.name for path in (ROOT / "orgs").glob("*/program.md"))


def check(*paths: str) -> tuple[int, dict[str, list[dict[str, str]]]]:
    done = subprocess.run(
        [sys.executable, "-m", "orgruntime.cli.main", "check", "--json", "--severity", "ORG504=off", *paths],
        cwd=ROOT, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    return done.returncode, json.loads(done.stdout)


def test_orgs_are_shipped() -> None:
    assert {"microgpt-lab", "solo"} <= set(ORGS)


@pytest.mark.parametrize("paths", [*(f"orgs/{name}" for name in ORGS), "roles"])
def test_it_has_no_faults(paths: str) -> None:
    code, found = check(paths)

    assert [one for one in found["diagnostics"] if one["severity"] != "info"] == []
    assert code == 0


def test_a_fault_is_found(tmp_path: Path) -> None:
    (tmp_path / "program.md").write_text("---\nformat: orgruntime/1\n---\n# Nothing\n")

    code, found = check(str(tmp_path))

    assert code == 1
    assert any(one["severity"] == "error" for one in found["diagnostics"])


KEYLESS = {"microgpt-lab", "solo"}


def test_an_org_needs_no_key_or_that_of_claude() -> None:
    from orgruntime.compiler.compile import compile_org
    from orgruntime.plan.keys import needed_keys

    for name in ORGS:
        manifest = compile_org(ROOT / "orgs" / name).manifest
        assert manifest is not None
        needed = {key.env for key in needed_keys(manifest)}
        assert needed == (set() if name in KEYLESS else {"ANTHROPIC_API_KEY"})
