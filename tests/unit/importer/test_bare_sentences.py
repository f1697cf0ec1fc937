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
    ("Edit train.py and nothing but train.py.", "train.py", None),
    ("Edit not only train.py but also model.py.", "train.py, model.py", None),
    ("Edit train.py without touching prepare.py.", "train.py", "prepare.py"),
    ("Edit train.py and keep prepare.py as it is.", "train.py", "prepare.py"),
    ("Edit train.py, leaving prepare.py alone.", "train.py", "prepare.py"),
    ("Edit train.py. No changes to prepare.py.", "train.py", "prepare.py"),
    ("Avoid editing prepare.py; modify train.py.", "train.py", "prepare.py"),
    ("Editing eval.py is cheating; train.py is yours.", "train.py", "eval.py"),
    ("Read `prepare.py`, then edit `train.py`.", "train.py", None),
    ("Edit `train.py` and the model in `model.py`.", "train.py, model.py", None),
    ("`train.py` may be edited, and `model.py`.", "train.py, model.py", None),
    ("Modify `train.py`, `model.py` and anything in `src/`.", "train.py, model.py, src/*", None),
    ("Edit train.py with the data from prepare.py.", ASKED, None),
    ("Edit train.py, which imports prepare.py.", ASKED, None),
    ("Change train.py so that it beats the score in eval.py.", ASKED, None),
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


GOALS = [
    # words, metric, direction
    ("The metric is negative loss (higher is better).", "loss", ASKED),
    ("Maximize minus `loss`.", "loss", ASKED),
    ("Maximize 1 - acc.", "acc", ASKED),
    (
        "Earlier people went for the lowest loss. This is not our goal: we look at acc now, the more the better.",
        ASKED,
        ASKED,
    ),
    ("The lowest loss is not our goal.", ASKED, ASKED),
    ("We used to minimize loss.", ASKED, ASKED),
    ("The old goal was the highest acc.", ASKED, ASKED),
    ("Last year we wanted the lowest loss.", ASKED, ASKED),
    ("Others minimize loss.", ASKED, ASKED),
    ("The lowest loss is not what we want.", ASKED, ASKED),
    ("Ignore the lowest loss.", ASKED, ASKED),
    ("The goal is the lowest loss. It is not the goal to be fast.", "loss", "minimize"),
    ("Get the lowest loss. Speed is not the goal.", "loss", "minimize"),
    ("Get the lowest loss; negative numbers are a bug.", "loss", "minimize"),
    ("Keep a change if the loss is lower than earlier.", "loss", "minimize"),
    ("The script is used to minimize `loss`.", "loss", "minimize"),
    ("Goal - loss, lower is better.", "loss", "minimize"),
    ("Lowest `loss`.", "loss", "minimize"),
    ("The lower the loss, the better.", "loss", "minimize"),
    ("We maximize `acc`. Grep `acc:` in the log.", "acc", "maximize"),
]
RUN = "Edit `train.py`. Run `python train.py`."


def test_a_negative_and_a_goal_of_before_are_asked_about(tmp_path: Path) -> None:
    put(tmp_path, LAB)
    for words, metric, direction in GOALS:
        findings = found(tmp_path, f"{RUN} A run takes 5 minutes. {words}")
        assert (said(findings, Topic.METRIC), said(findings, Topic.DIRECTION)) == (metric, direction), words


def test_a_metric_is_read_where_no_code_can_be(tmp_path: Path) -> None:
    put(tmp_path, LAB)
    greps = found(tmp_path, "Run `python go.py --x <n>`; we maximize `f1`. Grep `f1=` then.")
    assert [greps.value(topic) for topic in (Topic.METRIC, Topic.PRINTED, Topic.DIRECTION)] == [
        "f1",
        "f1: NUMBER",
        "maximize",
    ]
    lowest = found(tmp_path, "Lowest `loss`.")
    assert (lowest.value(Topic.METRIC), lowest.value(Topic.DIRECTION)) == ("loss", "minimize")
    assert any("No code was read" in one.text for one in lowest.questions)
    labels = found(tmp_path, "Metric: loss\nDirection: lower is better\nEditable: train.py")
    assert (labels.value(Topic.METRIC), labels.value(Topic.DIRECTION)) == ("loss", "minimize")
    silent = found(tmp_path, f"{RUN} Look at it.")
    (text,) = [one.text for one in silent.questions if one.topic is Topic.METRIC]
    assert text == "which number counts: `loss` or `acc`? It is printed, and no sentence speaks of it"


TIMES = [
    # words, time budget, killed after
    ("A run takes 5 minutes. If it has not finished in a quarter of an hour, kill it.", "5m", "15m"),
    ("A run takes 5 minutes. If a run takes longer than half an hour, kill it.", "5m", "30m"),
    ("Each run takes half an hour.", "30m", None),
    ("Each run: max 20 min", "20m", "20m"),
    ("A run takes at most 10 minutes.", "10m", "10m"),
    ("A run takes 5 seconds at most. One that runs after 15 seconds is killed.", "5s", "15s"),
    ("Each run takes 5 minutes, maximum 10 minutes.", "5m", "10m"),
    ("A run must not take more than 20 min.", "20m", "20m"),
    ("Each run may take up to 20 minutes.", "20m", "20m"),
    ("The time limit of a run is 20 minutes.", "20m", "20m"),
    ("A run takes 5 to 20 minutes.", ASKED, None),
    ("A run takes between 5 and 20 minutes.", ASKED, None),
    ("A smoke run takes 1 minute, a real one 20 minutes.", ASKED, None),
    ("Training runs for 5 minutes, evaluation for 1 minute.", ASKED, None),
    ("Each experiment takes 5 minutes, so you can do 100 in 8 hours.", "5m", None),
    ("Each run takes 5 minutes. The whole night has at most 8 hours.", "5m", None),
]


def test_times_of_a_run(tmp_path: Path) -> None:
    put(tmp_path, LAB)
    for words, budget, kill in TIMES:
        findings = found(tmp_path, f"{RUN} Get the lowest loss. {words}")
        assert (said(findings, Topic.TIME_BUDGET), said(findings, Topic.KILL_AFTER)) == (budget, kill), words


def test_what_people_ran_is_no_set_up(tmp_path: Path) -> None:
    put(tmp_path, LAB)
    assert found(tmp_path, f"{RUN} First run `python prepare.py`.").value(Topic.SETUP) == "python prepare.py"
    for words in (
        "For an ablation, people ran `python prepare.py --quick`.",
        "Do not run `python prepare.py`.",
        "The data was made with `python prepare.py`.",
        "`python prepare.py --quick` is for debugging only.",
    ):
        findings = found(tmp_path, f"{RUN} {words}")
        assert findings.value(Topic.SETUP) is None
        assert any("not taken for a set-up" in remark for remark in findings.remarks)


def test_a_line_with_a_label_is_a_sentence_of_its_own(tmp_path: Path) -> None:
    put(tmp_path, {"solver.py": "", "params.json": "", "eval.py": "", "run.sh": ""})
    for mark in ("", "**"):
        lines = ("Editable files: solver.py, params.json", "Do not edit: eval.py", "Command: ./run.sh")
        findings = found(tmp_path, "\n".join(f"{mark}{line.replace(':', f'{mark}:')}" for line in lines))
        assert said(findings, Topic.EDITABLE) == "solver.py, params.json"
        assert findings.value(Topic.FROZEN) == "eval.py"
        assert findings.value(Topic.RUN) == "./run.sh"
