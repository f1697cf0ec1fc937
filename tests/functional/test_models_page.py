"""What `docs/models.md` shows to people: entries for servers compile, the example of a scripted server runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from cli_cases import orgrun

PAGE = (Path(__file__).parents[2] / "docs" / "models.md").read_text(encoding="utf-8")
ENTRIES = {
    line.split("|")[1].strip(): line.split("|")[2].strip().strip("`")
    for line in PAGE.splitlines()
    if re.match(r"\| [^|]+ \| `\w+: \{model: ", line)
}


def test_there_is_an_entry_for_each_server() -> None:
    assert len(ENTRIES) == 8


@pytest.mark.parametrize("server", ENTRIES)
def test_the_entry_of_a_server_compiles(server: str, org: Path) -> None:
    assert checked(org, f"models:\n  quick: claude-haiku-5-5\n  {ENTRIES[server]}\n", ENTRIES[server].split(":")[0])


def test_the_block_of_entries_compiles(org: Path) -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert len(blocks) == 1
    assert checked(org, blocks[0], "deep")


def test_the_example_of_a_scripted_server_runs() -> None:
    examples = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert len(examples) == 1
    exec(compile(examples[0], "models.md", "exec"), {"__name__": "page"})


def checked(org: Path, models: str, served_by: str) -> bool:
    """Whether the org is without errors and warnings when a role is served by an entry."""
    program = org / "program.md"
    text = program.read_text().replace("budget: {trials: 120,", "budget: {trials: 120, usd: 20,")
    text = text.replace("| search/tpe |", f"| {served_by} |").replace("---\n\n#", f"{models}---\n\n#", 1)
    program.write_text(text)
    keys = {name: "x" for name in ("ANTHROPIC_API_KEY", *re.findall(r"key_env: (\w+)", models))}
    said = orgrun("check", org, env=keys)
    assert "error" not in said.out + said.err, said.out + said.err
    assert "warning" not in said.out + said.err, said.out + said.err
    return said.code == 0
