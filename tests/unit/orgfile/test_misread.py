"""The slip behind a refusal of YAML: it lies in the text, the remedy mends it, and looking for it takes no time."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orgruntime.diagnostics.diagnostic import Diagnostic, Findings
from orgruntime.orgfile.misread import slip
from orgruntime.orgfile.source import Source
from orgruntime.orgfile.tree import MAX_BYTES, compose

SOUND = """format: orgruntime/1
objective:
  metric: val_loss
  direction: minimize
workspace:
  source: lab
  editable: [train.py]
  run: python train.py --seed {seed}
budget: {trials: 100}
"""


def refusal(text: str) -> Diagnostic | None:
    findings = Findings()
    compose(Source("f", text), 0, len(text), findings)
    return next(iter(findings), None)


@pytest.mark.parametrize("line", range(len(SOUND.split("\n")) - 1))
@pytest.mark.parametrize(("old", "new"), [(": ", ":"), (": ", " "), (": ", ': "'), (": ", ": '")])
def test_writing_what_the_remedy_says_mends_the_slip(line: int, old: str, new: str) -> None:
    lines = SOUND.split("\n")
    right = lines[line]
    lines[line] = right.replace(old, new, 1)
    found = refusal("\n".join(lines))
    written = re.fullmatch(r"write `(.*)`", found.help) if found else None
    if found is None or written is None:
        return
    assert found.span.line == line + 1, "the slip's own line is marked"
    lines[line] = right[: len(right) - len(right.lstrip())] + written[1]
    assert refusal("\n".join(lines)) is None


PROBLEMS = (
    "found character '\\t' that cannot start any token",
    "mapping values are not allowed here",
    "expected <block end>, but found '<block mapping start>'",
    "could not find expected ':'",
    "found unexpected end of stream",
    "expected ',' or ']', but got ':'",
)


@given(st.text(alphabet="ab:-= \t\n\"'[]{}#|", max_size=80), st.integers(0, 80), st.sampled_from(PROBLEMS))
def test_a_slip_lies_in_the_text(text: str, at: int, problem: str) -> None:
    found = slip(text, min(at, max(0, len(text) - 1)), problem)
    assert found is None or 0 <= found.start <= found.end <= max(len(text), 1)


@pytest.mark.parametrize("unit", ["a: ", " ", "a:b\n", "a:  \n ", "a b ", "- ", '"', "a: [\n", "a= "])
def test_the_largest_front_matter_is_looked_through_at_once(unit: str) -> None:
    text = "x" + unit * (MAX_BYTES // len(unit) - 1) + "x"
    started = time.process_time()
    for problem in PROBLEMS:
        slip(text, len(text) - 1, problem)
    assert time.process_time() - started < 5
