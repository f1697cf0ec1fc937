"""What a folder is."""

from __future__ import annotations

from pathlib import Path

import pytest

from orgruntime.importer.kinds import Kind, kind_of, role_folders

ROLE = "---\nname: reviewer\n---\n\nRead it.\n"


def put(folder: Path, files: dict[str, str | bytes]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder


@pytest.mark.parametrize(
    ("files", "kind"),
    [
        ({"program.md": "---\nformat: orgruntime/1\n---\n# A\n"}, Kind.ORG),
        ({"program.md": b"\xef\xbb\xbf---\r\nformat: orgruntime/1\r\n---\r\n"}, Kind.ORG),
        ({"program.md": "# autoresearch\n\n---\n\nGo on.\n"}, Kind.BARE),
        ({"program.md": ""}, Kind.BARE),
        ({"program.md": "---\nname: lab\ndescription: a loop\ntools: Bash\n---\n# A\n"}, Kind.BARE),
        ({"program.md": "---\n---\n# A\n"}, Kind.BARE),
        ({"program.md": "---\n\nA line above, and prose.\n"}, Kind.BARE),
        ({"program.md": "---\nname: lab\nobjective: {metric: loss}\n---\n# A\n"}, Kind.ORG),
        ({"program.md": "---\nbudget: {trials: 5}\n---\n# A\n"}, Kind.ORG),
        ({"program.md": "--- not a fence\n"}, Kind.BARE),
        ({"COMPANY.md": "---\nname: Lab\n---\n", "agents/ceo/AGENTS.md": ROLE}, Kind.COMPANY),
        ({"plugins/db/agents/reviewer.md": ROLE, "README.md": "Words.\n"}, Kind.AGENTS),
        ({".claude/agents/reviewer.md": ROLE, "README.md": "# A\n"}, Kind.AGENTS),
        ({".github/agents/reviewer.agent.md": ROLE}, Kind.AGENTS),
        ({"reviewer.md": ROLE}, Kind.AGENTS),
        ({"README.md": "# A\n"}, Kind.UNKNOWN),
        ({"train.py": "print(1)\n"}, Kind.UNKNOWN),
    ],
)
def test_a_folder_is_of_one_kind(tmp_path: Path, files: dict[str, str | bytes], kind: Kind) -> None:
    assert kind_of(put(tmp_path, files)) is kind


def test_a_file_speaks_for_its_folder(tmp_path: Path) -> None:
    put(tmp_path, {"program.md": "# A\n", "program_2.md": "# B\n", "notes.md": "# C\n"})
    assert kind_of(tmp_path / "program.md") is Kind.BARE
    assert kind_of(tmp_path / "program_2.md") is Kind.BARE
    assert kind_of(tmp_path / "notes.md") is Kind.UNKNOWN


def test_the_known_folders_come_before_the_folder_itself(tmp_path: Path) -> None:
    put(tmp_path, {".claude/agents/a.md": ROLE, ".github/agents/b.agent.md": ROLE, "c.md": ROLE})
    assert role_folders(tmp_path) == (tmp_path / ".claude/agents", tmp_path / ".github/agents")


def test_a_role_of_deepagents_is_known_by_its_place(tmp_path: Path) -> None:
    project = put(tmp_path, {"subagents/scout/AGENTS.md": "# Scout\n\nYou look.\n", "AGENTS.md": "# Memory\n"})
    assert kind_of(project) is Kind.AGENTS
    (project / "subagents").rename(project / "docs")
    assert kind_of(project) is Kind.UNKNOWN
