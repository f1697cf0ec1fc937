"""compile_org: deterministic, complete, and never a traceback for what a file holds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orgruntime.compiler import compile_org, library_root
from orgruntime.diagnostics.diagnostic import Severity
from orgruntime.diagnostics.render import as_json, concise, full
from orgruntime.model.manifest import Manifest

ROOT = Path(__file__).parents[3]


def codes(path: Path) -> list[str]:
    return [found.code for found in compile_org(path).diagnostics]


@pytest.mark.parametrize("name", ["microgpt-lab", "solo"])
def test_shipped_orgs_compile_without_a_fault(name: str) -> None:
    result = compile_org(ROOT / "orgs" / name)
    assert [found for found in result.diagnostics if found.severity is not Severity.INFO] == []
    assert result.manifest is not None


def test_the_manifest_is_the_same_from_anywhere(org: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    absolute = compile_org(org).manifest
    monkeypatch.chdir(org)
    here, program = compile_org(Path(".")).manifest, compile_org(Path("program.md")).manifest
    assert absolute is not None
    assert absolute == here == program
    assert absolute == absolute.sealed()
    assert Manifest.model_validate_json(absolute.model_dump_json()) == absolute


def test_every_word_of_the_org_is_in_the_hash(org: Path) -> None:
    first = compile_org(org).manifest
    role = org / "roles" / "trainer.md"
    role.write_text(role.read_text() + "\nMore.\n")
    second = compile_org(org).manifest
    assert first is not None
    assert second is not None
    assert first.hash != second.hash


def test_all_faults_at_once_and_a_broken_role_still_exists(org: Path) -> None:
    (org / "roles" / "trainer.md").write_bytes(b"---\nname: \xff\n---\n")
    (org / "roles" / "referee.md").write_text("---\nname: Referee\norg: {kind: judge}\n---\n\nWords.\n")
    program = org / "program.md"
    program.write_text(program.read_text().replace("trials: 100", "trials: none").replace("minimize", "down"))
    result = compile_org(org)
    assert [found.code for found in result.diagnostics] == ["ORG117", "ORG117", "ORG117", "ORG103"]
    assert result.manifest is None


def test_a_broken_role_gives_no_second_fault_at_its_links(org: Path) -> None:
    (org / "roles" / "trainer.md").write_text("---\nname: Trainer\n\nno end")
    assert codes(org) == ["ORG106"]


def test_rows_with_too_few_cells_are_rows(org: Path) -> None:
    program = org / "program.md"
    program.write_text(
        program.read_text().replace("| role | kind |\n|---|---|", "| role | kind | count |\n|---|---|---|")
    )
    assert codes(org) == []


def test_the_missing_cell_of_a_row_is_named_where_the_others_make_sense_with_it(org: Path) -> None:
    program = org / "program.md"
    text = program.read_text().replace(
        "| role | kind |\n|---|---|", "| role | kind | count | model |\n|---|---|---|---|"
    )
    row = "(roles/researcher.md) | agent |"
    for cells, column in ((" agent | search/tpe |", "count"), (" 2 | search/tpe |", "kind"), (" agnt | x |", None)):
        program.write_text(text.replace(row, f"(roles/researcher.md) |{cells}"))
        said = [found.message for found in compile_org(org).diagnostics if found.code == "ORG123"]
        assert [column for one in said if f"the cell `{column}` is missing" in one] == [column] * len(said)
        assert bool(said) is (column is not None)


def test_rows_with_too_many_cells_are_told(org: Path) -> None:
    program = org / "program.md"
    program.write_text(
        program.read_text().replace("(roles/trainer.md) | experiment |", "(roles/trainer.md) | experiment | x |")
    )
    assert codes(org) == ["ORG123"]


def test_the_library_is_the_nearest_roles_folder_of_the_repository(org: Path) -> None:
    shared = org.parent / "roles"
    shared.mkdir()
    (shared / "critic.md").write_text("---\nname: Critic\n---\n\nYou look for holes.\n")
    (shared / "referee.md").write_text("---\nname: Shared referee\n---\n\nYou certify.\n")
    assert library_root(org) == shared
    program = org / "program.md"
    text = (
        program.read_text()
        .replace("budget:", "imports: [lib/critic]\nbudget:")
        .replace("trials: 100", "trials: 100, usd: 5")
    )
    text = text.replace("default: search/tpe", "default: claude-opus-5-5").replace(
        "roles/referee.md", "../roles/referee.md"
    )
    program.write_text(text + "3. [Critic](lib/critic.md) → [Researcher](roles/researcher.md): `idea`\n")
    result = compile_org(org)
    assert [found.code for found in result.diagnostics] == ["ORG211"]
    assert result.manifest is not None
    assert [(role.slug, role.source) for role in result.manifest.roles] == [
        ("researcher", "roles/researcher.md"),
        ("trainer", "roles/trainer.md"),
        ("referee", "../roles/referee.md"),
        ("critic", "../roles/critic.md"),
    ]
    assert result.manifest.role(result.manifest.roles[2].slug).name == "Shared referee"
    assert result.manifest.graph.entries == ("critic",)


def test_two_files_of_one_slug_are_told(org: Path) -> None:
    shared = org.parent / "roles"
    shared.mkdir()
    (shared / "trainer.md").write_text("---\nname: T\n---\n\nYou measure.\n")
    program = org / "program.md"
    program.write_text(program.read_text().replace("→ [Trainer](roles/", "→ [Trainer](../roles/"))
    assert codes(org) == ["ORG201"]


def test_links_cannot_leave_the_role_folders(org: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.md").write_text("secret words")
    (org / "roles" / "referee.md").unlink()
    (org / "roles" / "referee.md").symlink_to(tmp_path / "secret.md")
    result = compile_org(org)
    assert {found.code for found in result.diagnostics} == {"ORG129", "ORG214"}
    assert "secret words" not in json.dumps(as_json([], result.diagnostics)) + str(result.files)


def test_editable_links_cannot_leave_the_workspace(org: Path, tmp_path: Path) -> None:
    (tmp_path / "judge.py").write_text("")
    (org.parent / "lab" / "train.py").unlink()
    (org.parent / "lab" / "train.py").symlink_to(tmp_path / "judge.py")
    assert codes(org) == ["ORG503"]


def test_odd_paths_are_findings(org: Path, tmp_path: Path) -> None:
    for path in (
        tmp_path / "absent",
        tmp_path / "repo" / "lab" / "train.py",
        tmp_path,
        Path("a\x00b"),
        Path("x" * 5000),
    ):
        assert codes(path) == ["ORG101"], path
    (org / "program.md").unlink()
    (org / "program.md").symlink_to("nowhere")
    assert codes(org) == ["ORG102"]


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser reads every file")
def test_a_file_without_permission_is_a_finding(org: Path) -> None:
    (org / "program.md").chmod(0)
    assert codes(org) == ["ORG102"]


def test_a_huge_workflow_is_no_problem(org: Path) -> None:
    lines = ['models: {default: {model: qwen3, base_url: "http://localhost:1"}}']
    names = [f"r{i}" for i in range(300)]
    for name in names:
        (org / "roles" / f"{name}.md").write_text("---\nname: x\n---\n\nWords.\n")
    program = org / "program.md"
    text = program.read_text().replace("models: {default: search/tpe}", lines[0])
    pairs = zip(names, [*names[1:], names[0]], strict=True)
    text += "".join(f"3. [x](roles/{a}.md) → [x](roles/{b}.md): `note`\n" for a, b in pairs)
    program.write_text(text + "4. [x](roles/researcher.md) → [x](roles/r0.md): `note`\n")
    assert codes(org) == ["ORG205"]


def test_check_needs_none_of_the_heavy_packages() -> None:
    script = (
        "import sys; from pathlib import Path; from orgruntime.compiler import compile_org;"
        f"compile_org(Path({str(ROOT / 'orgs' / 'solo')!r}));"
        "print([m for m in ('ray', 'langgraph', 'anthropic', 'optuna', 'numpy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


MARKS = [
    "---\n",
    "budget: ",
    "{",
    "}",
    "[",
    "]",
    "|",
    "`",
    "1. ",
    "→",
    ": ",
    ",",
    "'",
    '"',
    "\\",
    "\n",
    "\t",
    "\r",
    "\x00",
]
WORDS = [
    "## Workflow\n",
    "## Roles\n",
    "## Payloads\n",
    " when ",
    " every 20 trials",
    " at most 3 times",
    "×99999999999",
]
ODDS = [
    "&a ",
    "*a ",
    "<<: ",
    "!!x ",
    "\u202e",
    "1e999",
    "nan",
    "search/",
    "[A](roles/researcher.md)",
    "[A](../../../x.md)",
]
PIECES = st.sampled_from(MARKS + WORDS + ODDS)


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    st.lists(st.tuples(st.integers(0, 1200), st.integers(0, 40), PIECES), min_size=1, max_size=6),
    st.binary(max_size=40),
)
def test_no_text_raises(org: Path, program_text: str, changes: list[tuple[int, int, str]], role: bytes) -> None:
    text = program_text
    for at, cut, piece in changes:
        text = text[:at] + piece + text[at + cut :]
    (org / "program.md").write_text(text, newline="")
    (org / "roles" / "researcher.md").write_bytes(b"---\n" + role)
    result = compile_org(org)
    assert (result.manifest is None) == any(found.severity is Severity.ERROR for found in result.diagnostics)
    assert "\x1b" not in concise(result.diagnostics) + full(result.diagnostics, result.texts)
    for found in result.diagnostics:
        lines = result.texts.get(found.span.file, "\n" * 99).split("\n")
        assert 1 <= found.span.line <= len(lines)
        assert found.span.column >= 1
