"""Commands: nothing passes that a shell would read differently from a plain split."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest

from orgruntime.compiler.command import Target, target_of
from orgruntime.compiler.facts import Facts
from orgruntime.compiler.rules import no_seed, shell_syntax, unknown_placeholder
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.diagnostics.span import Span
from orgruntime.orgfile.tree import ScalarNode


def check(text: str) -> list[tuple[str, int]]:
    findings = Findings()
    node = ScalarNode(Span("p.md", 1, 1, 1, 1 + len(text)), text, inner=0)
    facts = cast(Facts, SimpleNamespace(commands=lambda: iter([("run", node)])))
    for rule in (no_seed, shell_syntax, unknown_placeholder):
        rule.check(facts, findings)
    return [(found.code, found.span.column) for found in findings.sorted()]


@pytest.mark.parametrize(
    "text",
    [
        "python train.py --seed {seed} --budget {budget}",
        "python -c 'import x; print(1 | 2 > 3 && $HOME)' {seed}",
        'python -c "a; b | c" {seed}',
        "./run.sh {seed} a=b cost\\$5 \\;",
        "python -c \"print({'a': 1})\" {seed}",
        "run {seed} 100$",
        "run {seed}\n",
    ],
)
def test_plain_commands(text: str) -> None:
    assert check(text) == []


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("run {seed} | tee log", 12),
        ("run {seed} && x", 12),
        ("run {seed}; x", 11),
        ("run {seed} > log", 12),
        ("run {seed} 2>&1", 13),
        ("run {seed} $HOME", 12),
        ('run {seed} "$HOME"', 13),
        ("run {seed} $(date)", 12),
        ("run {seed} `date`", 12),
        ("run {seed} ${X}", 12),
        ("run {seed} & ", 12),
    ],
)
def test_shell_signs_are_told_where_they_are(text: str, column: int) -> None:
    assert ("ORG408", column) in check(text)


def test_variables_quotes_and_placeholders() -> None:
    assert check("X=1 run {seed}") == [("ORG408", 1)]
    assert check("run {seed} 'open") == [("ORG408", 1)]
    assert check("run {seed} {gpu}") == [("ORG409", 12)]
    assert check("run") == [("ORG410", 1)]


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("python train.py --seed {seed}", Target("train.py")),
        ("python3.12 -u -W ignore -X dev ./train.py", Target("./train.py")),
        ("python -m pkg.train --x", Target("pkg.train", module=True)),
        ("python -um pkg", Target("pkg", module=True)),
        ("python -c 'import train'", None),
        ("bash -eu -o pipefail run.sh", Target("run.sh")),
        ("bash -c run.sh", None),
        ("bash -euo pipefail run.sh", Target("run.sh")),
        ("uv run train.py", Target("train.py")),
        ("uv run --with numpy --frozen python -u train.py", Target("train.py")),
        ("uv run -m pkg.train", Target("pkg.train", module=True)),
        ("poetry run python train.py", Target("train.py")),
        ("conda run -n lab python train.py", Target("train.py")),
        ("uv run torchrun --standalone --nproc_per_node 2 train2.py --seed 1", Target("train2.py")),
        ("torchrun -m pkg.train", Target("pkg.train", module=True)),
        ("accelerate launch --num_processes 2 train.py", Target("train.py")),
        ("./setup.sh", Target("./setup.sh")),
        ("/opt/tools/setup.sh", None),
        ("setup.sh", None),
        ("make data", None),
        ("uv sync", None),
        ("python", None),
        ("python train.p --seed {seed}", Target("train.p")),
        ("python {seed}", None),
        ("", None),
        ("python 'open", None),
    ],
)
def test_what_a_command_runs(text: str, target: Target | None) -> None:
    assert target_of(text) == target
