"""Programs that are made to be slow, or to break a rule, are answered like any other."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from orgruntime.compiler import compile_org

SOON = 20.0
"""Seconds; what is asked for is 2 on an idle machine."""

BODY = "# Small lab"
WORKSPACE = "  editable: [train.py]"
RUN = "python train.py --seed {seed}"
LONG = "a" * 3000
BIG = 900_000

CASES = {
    "a budget of digits": (BODY, "## Budget\n\n" + "1" * BIG + "\n\n# Small lab"),
    "a budget of numbers": (BODY, "## Budget\n\nAt most " + "1h " * (BIG // 3) + "\n\n# Small lab"),
    "an appetite of numbers": (BODY, "## Risk appetite\n\nExploration " + "1 % " * (BIG // 4) + "\n\n# Small lab"),
    "an appetite of sentences": (BODY, "## Risk appetite\n\n" + "Explore. " * (BIG // 9) + "\n\n# Small lab"),
    "frozen for ever": (BODY, "frozen train.py. " * (BIG // 17) + "\n\n# Small lab"),
    "ticks": (BODY, "`" * BIG + "<!-- you must -->\n\n# Small lab"),
    "runs of ticks": (BODY, " ".join("`" * n for n in range(1200)) + "<!-- you must -->\n\n# Small lab"),
    "comments in one line": (BODY, "<!-- you must -->" * (BIG // 17) + "\n\n# Small lab"),
    "comments that are not closed": (BODY, "<!--" * (BIG // 4) + "\n\n# Small lab"),
    "fences": (BODY, "```\n" * (BIG // 4) + "<!-- you must -->\n\n# Small lab"),
    "many editable": (WORKSPACE, "  editable: [" + ", ".join(f"*{n}" for n in range(9000)) + "]"),
    "long editable": (WORKSPACE, f"  editable: [train.py, {LONG}, '{LONG}*']"),
    "patterns that backtrack": (WORKSPACE, "  editable: [train.py, '" + "*a" * 400 + "b']"),
    "a long script": (RUN, f"python {LONG}.py --seed {{seed}}"),
    "a long link": ("roles/trainer.md", f"roles/{LONG}.md"),
    "a long library link": ("roles/trainer.md", f"lib/{LONG}"),
    "a long import": ("budget:", f"imports: [lib/{LONG}, {LONG}]\nbudget:"),
    "a long source": ("source: ../lab", f"source: {LONG}"),
    "an odd source": ("source: ../lab", 'source: "a\\0b"'),
    "unknown keys": ("models: {default: search/tpe}", "\n".join(f"k{n}: 1" for n in range(6000))),
    "many models": ("models: {default: search/tpe}", "models: {" + ", ".join(f"m{n}: x" for n in range(6000)) + "}"),
    "many tools": ("models: {default: search/tpe}", "tools: [" + ", ".join(f"Raed{n}" for n in range(6000)) + "]"),
    "a long metric": ("metric: val_loss", f"metric: {LONG}"),
    "a long number": ("trials: 100", "trials: " + "9" * 40000),
    "a number with underscores": ("trials: 100", "trials: 1" + "_" * 40000 + "x"),
    "a long time": ("time_limit: 60s", "time_limit: " + "1h " * 12000),
    "a long share": ("budget:", "risk: {exploration: " + "1 " * 12000 + "}\nbudget:"),
}


@pytest.mark.parametrize("name", list(CASES))
def test_it_is_answered_soon(org: Path, name: str) -> None:
    old, new = CASES[name]
    program = org / "program.md"
    text = program.read_text()
    assert old in text
    program.write_text(text.replace(old, new, 1))
    begin = time.process_time()

    found = compile_org(org)

    assert time.process_time() - begin < SOON
    assert all(len(one.message) < 1000 for one in found.diagnostics)


def test_a_workspace_of_many_files(org: Path) -> None:
    for n in range(1500):
        (org.parent / "lab" / f"f{n}.py").write_text(f"print('m{n}:')\n")
    program = org / "program.md"
    names = ", ".join(f"g{n}.py, '*x{n}'" for n in range(200))
    program.write_text(program.read_text().replace("[train.py]", f"[{names}]").replace("val_loss", "accuracy"))
    begin = time.process_time()

    codes = [one.code for one in compile_org(org).diagnostics]

    assert time.process_time() - begin < SOON / 2
    assert codes.count("ORG407") == 400
