"""Words that look like a fact and are none, a sentence at a time: each is read as it is meant, or asked."""

from __future__ import annotations

from pathlib import Path

from bare_family import put

from orgruntime.importer.bare import read_bare
from orgruntime.importer.bare_facts import Findings, Topic

LAB = {
    "train.py": 'print("loss:", 1.0)\nprint("acc:", 0.5)\n', "model.py": "", "eval.py": "", "prepare.py": "",
    "src/eval.py": "", "src/net.py": "",
}  # fmt: skip
ASKED = "?"


def found(folder: Path, words: str) -> Findings:
    return read_bare(put(folder, {"program.md": f"{words}\n"})).findings


def said(findings: Findings, topic: Topic) -> str | None:
    """The fact, `?` for a question, None for neither."""
    asked = any(one.topic is topic for one in findings.questions)
    return ASKED if asked else findings.value(topic)


FILES = [
    # words, editable, frozen
    ("Modify train.py and model.py, except eval.py and prepare.py.", "train.py, model.py", "eval.py, prepare.py"),
    ("You may edit train.py (prepare.py is out of bounds).", "train.py", "prepare.py"),
    ("You may edit train.py (prepare.py is off limits).", "train.py", "prepare.py"),
    ("You may edit train.py, prepare.py is off limits.", "train.py", "prepare.py"),
    ("Edit train.py (not prepare.py).", "train.py", "prepare.py"),
    ("Edit train.py, not prepare.py or eval.py.", "train.py", "prepare.py, eval.py"),
    ("Edit train.py but not prepare.py.", "train.py", "prepare.py"),
    ("Edit train.py but prepare.py is read-only.", "train.py", "prepare.py"),
    ("Edit train.py instead of prepare.py.", "train.py", "prepare.py"),
    ("Edit train.py rather than editing prepare.py.", "train.py", "prepare.py"),
    ("Apart from prepare.py, you can edit train.py.", "train.py", "prepare.py"),
    ("Edit train.py and model.py, excluding prepare.py.", "train.py, model.py", "prepare.py"),
    ("`prepare.py` (read-only) and `train.py` (editable).", "train.py", "prepare.py"),
    ("Edit `train.py` (its loss lives in `prepare.py`, which is frozen).", "train.py", "prepare.py"),
    ("Edit the model (`train.py`).", "train.py", None),
    ("Edit train.py (and model.py).", "train.py, model.py", None),
    ("Not only train.py but also model.py is editable.", "train.py, model.py", None),
    ("Do not edit anything except train.py.", "train.py", None),
    ("Change nothing other than train.py.", "train.py", None),
    ("Everything other than `train.py` is frozen.", "train.py", None),
    ("Do not modify the harness (`prepare.py`, `eval.py`).", ASKED, "prepare.py, eval.py"),
    ("Edit everything except eval.py.", ASKED, "eval.py"),
    ("Edit train.py (see model.py).", ASKED, None),
    ("Besides prepare.py you may edit train.py.", ASKED, None),
    ("Edit train.py, not the harness in prepare.py.", ASKED, None),
    ("Edit train.py except the evaluation function.", ASKED, None),
    ("Edit anything in `src/` except `src/eval.py`.", ASKED, "src/eval.py"),
    ("Edit anything in src/ but src/eval.py.", ASKED, "src/eval.py"),
]


def test_what_stands_behind_except_or_in_a_bracket_is_not_taken_along(tmp_path: Path) -> None:
    put(tmp_path, LAB)
    for words, editable, frozen in FILES:
        findings = found(tmp_path, words)
        assert (said(findings, Topic.EDITABLE), findings.value(Topic.FROZEN)) == (editable, frozen), words
