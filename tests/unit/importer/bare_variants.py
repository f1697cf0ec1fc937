"""Variants of the family: what changes, which facts must still be right, and which topics must end as questions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from bare_family import PREPARE, PROGRAM, README, TEMPLATE, TRAIN, without

Files = dict[str, str]


@dataclass(frozen=True)
class Variant:
    name: str
    make: Callable[[], Files]
    facts: Mapping[str, str] = field(default_factory=dict)
    asked: frozenset[str] = frozenset()
    """Exactly these topics are questions."""


def asks(*topics: str) -> frozenset[str]:
    return frozenset(topics)


RIGHT = {
    "run": "uv run train.py",
    "metric": "val_bpb",
    "printed": "val_bpb: NUMBER",
    "direction": "minimize",
    "editable": "train.py",
    "frozen": "prepare.py",
    "time_budget": "5m",
}


def changed(file: str, *pairs: tuple[str, str], also: Mapping[str, str] | None = None) -> Callable[[], Files]:
    """The template with texts of one file replaced; each must be there."""

    def make() -> Files:
        text = TEMPLATE[file]
        for old, new in pairs:
            assert old in text, old
            text = text.replace(old, new)
        return {**TEMPLATE, file: text, **(also or {})}

    return make


def program(*pairs: tuple[str, str], also: Mapping[str, str] | None = None) -> Callable[[], Files]:
    return changed("program.md", *pairs, also=also)


def dropped(*parts: str, also: Mapping[str, str] | None = None) -> Callable[[], Files]:
    """The template without the program's lines that hold one of the parts, and without its README."""
    return lambda: {**TEMPLATE, "README.md": "", "program.md": without(PROGRAM, *parts), **(also or {})}


GOAL = (
    "**The goal is simple: get the lowest val_bpb.** Since the time budget is fixed, training time is not your worry."
)
KEEP = "7. If val_bpb improved (lower), keep the commit and go on from there."
TIMEOUT = "If a run goes past\n10 minutes, kill it and treat it as a failure."
EDIT = (
    "- Modify `train.py`: it is the only file that you edit. Architecture, optimizer, batch size: all of it is fair "
    "game."
)
FREEZE = "- Modify `prepare.py`. It is read-only: it holds the evaluation, the data loading and the constants."
BUDGET = (
    "The training script runs for a **fixed time budget of 5 minutes** of wall clock\n"
    "(start-up and compilation are not counted)."
)
PRINT = 'print(f"val_bpb:          {val_bpb:.6f}")'


def of_accuracy() -> Files:
    words = PROGRAM.replace("val_bpb", "val_acc").replace("lowest", "highest").replace("(lower)", "(higher)")
    readme = README.replace("val_bpb", "val_acc").replace("lower", "higher")
    return {**TEMPLATE, "program.md": words, "README.md": readme, "train.py": TRAIN.replace("val_bpb", "val_acc")}


def of_another_hand() -> Files:
    """The same facts in other words."""
    return {
        "program.md": """\
# Ranker lab

You may edit `ranker.py`. The files `judge.py` and `data.py` are frozen; hands off.

We care about one number, `ndcg`: higher is better. Each run takes exactly 90 seconds. A run that needs
longer than 3 minutes is killed.

    python ranker.py > out.log 2>&1

Then look for it with `grep ndcg out.log`.
""",
        "ranker.py": 'import judge\nprint("ndcg =", judge.score())\n',
        "judge.py": "def score():\n    return 0.5\n",
        "data.py": "",
    }


FAMILY = (
    Variant(
        "template", lambda: dict(TEMPLATE), RIGHT | {"kill_after": "10m", "setup": "uv run prepare.py", "gpus": "1"}
    ),
    Variant(
        "maximise", of_accuracy, RIGHT | {"metric": "val_acc", "printed": "val_acc: NUMBER", "direction": "maximize"}
    ),
    Variant(
        "other words",
        of_another_hand,
        {
            "run": "python ranker.py",
            "metric": "ndcg",
            "printed": "ndcg: NUMBER",
            "direction": "maximize",
            "editable": "ranker.py",
            "frozen": "judge.py, data.py",
            "time_budget": "90s",
            "kill_after": "3m",
            "log": "out.log",
        },
    ),
    Variant(
        "plain python",
        program(("uv run ", "python ")),
        RIGHT | {"run": "python train.py", "setup": "python prepare.py"},
    ),
    Variant("other log", program(("run.log", "logs/train.out")), RIGHT | {"log": "logs/train.out"}),
    Variant("tee", program(("train.py > run.log 2>&1", "train.py 2>&1 | tee run.log")), RIGHT | {"log": "run.log"}),
    Variant("no backticks", program(("`uv run train.py > run.log 2>&1`", "uv run train.py > run.log 2>&1")), RIGHT),
    Variant("a GPU is chosen", program(("`uv run train.py > ", "`CUDA_VISIBLE_DEVICES=1 uv run train.py > ")), RIGHT),
    Variant(
        "a limit in the command",
        program(("`uv run train.py > ", "`timeout 900 uv run train.py > "), (TIMEOUT, "")),
        RIGHT | {"kill_after": "15m"},
    ),
    Variant("no time of killing", program((TIMEOUT, "")), RIGHT),
    Variant("no grep", dropped("grep", also={"README.md": README}), RIGHT),
    Variant("printed by format", changed("train.py", (PRINT, 'print("val_bpb: {:.6f}".format(val_bpb))')), RIGHT),
    Variant("printed by percent", changed("train.py", (PRINT, 'print("val_bpb = %.6f" % val_bpb)')), RIGHT),
    Variant("printed with a comma", changed("train.py", (PRINT, 'print("val_bpb:", val_bpb)')), RIGHT),
    Variant(
        "printed in a loop",
        changed(
            "train.py", (PRINT, 'for name, value in {"val_bpb": val_bpb}.items():\n        print(f"{name}: {value}")')
        ),
        RIGHT,
    ),
    Variant(
        "printed by the judge",
        changed(
            "train.py",
            (PRINT, "report(val_bpb)"),
            ("import TIME_BUDGET,", "import TIME_BUDGET, report,"),
            also={"prepare.py": PREPARE + '\n\ndef report(x):\n    print(f"val_bpb: {x}")\n'},
        ),
        RIGHT,
    ),
    Variant(
        "two editable files",
        program((EDIT, "- Modify `train.py` and `model/net.py`."), also={"model/net.py": ""}),
        RIGHT | {"editable": "train.py, model/net.py"},
    ),
    Variant(
        "a folder is editable",
        program((EDIT, "- Edit `train.py` and anything in `model/`."), also={"model/net.py": ""}),
        RIGHT | {"editable": "train.py, model/*"},
    ),
    Variant("time in the code alone", program((BUDGET, ""), ("should take about 5 minutes", "should be short")), RIGHT),
    Variant(
        "a compound time",
        program((TIMEOUT, "If a run exceeds 1 hour and 10 minutes, kill it.")),
        RIGHT | {"kill_after": "70m"},
    ),
    Variant(
        "a part of the judge is fixed",
        program((FREEZE, FREEZE + "\n- Change the `evaluate_bpb` function in `prepare.py`.")),
        RIGHT,
    ),
    Variant("time in words", program(("of 5 minutes", "of five minutes")), RIGHT),
    Variant("carriage returns", lambda: {**TEMPLATE, "program.md": PROGRAM.replace("\n", "\r\n")}, RIGHT),
    Variant("no README", lambda: {name: text for name, text in TEMPLATE.items() if name != "README.md"}, RIGHT),
    Variant("direction in the README", program(("the lowest val_bpb", "a better val_bpb"), ("(lower)", "")), RIGHT),
)

UNKNOWN_METRIC = asks("metric", "direction")

OTHERS = (
    Variant("no direction", dropped("the lowest", "(lower)"), {"metric": "val_bpb"}, asks("direction")),
    Variant("both directions", program((KEEP, f"{KEEP}\n8. Higher val_bpb is better.")), {}, asks("direction")),
    Variant(
        "the README contradicts", changed("README.md", ("lower is better", "higher is better")), {}, asks("direction")
    ),
    Variant(
        "a direction that is denied",
        program(
            (GOAL, "Your job is not to minimize `val_bpb` but to understand it."),
            ("(lower)", ""),
            also={"README.md": ""},
        ),
        {},
        asks("direction"),
    ),
    Variant("kept when higher, reset when higher", program(("(lower)", "(higher)")), {}, asks("direction")),
    Variant(
        "two metrics",
        program(
            (GOAL, "The goal: the lowest val_bpb and the highest tok_per_sec."),
            also={
                "train.py": TRAIN.replace('    print(f"depth', '    print(f"tok_per_sec: {steps}")\n    print(f"depth')
            },
        ),
        {"run": "uv run train.py"},
        UNKNOWN_METRIC,
    ),
    Variant("no script", lambda: {k: v for k, v in TEMPLATE.items() if k != "train.py"}, {}, asks("run", "editable")),
    Variant(
        "a notebook",
        lambda: {
            **{k: v for k, v in TEMPLATE.items() if k != "train.py"},
            "train.ipynb": "{}",
            "program.md": PROGRAM.replace("uv run train.py", "jupyter nbconvert --execute train.ipynb").replace(
                "train.py", "train.ipynb"
            ),
        },
        {"editable": "train.ipynb"},
        asks("run"),
    ),
    Variant(
        "printed with a unit",
        changed("train.py", (PRINT, 'print(f"val_bpb: {val_bpb:.6f} bits")')),
        {},
        asks("printed"),
    ),
    Variant(
        "printed among other words",
        changed("train.py", (PRINT, 'print(f"done, val_bpb: {val_bpb}")')),
        {},
        asks("printed"),
    ),
    Variant(
        "written to a file",
        changed("train.py", (PRINT, 'json.dump({"val_bpb": val_bpb}, open("out.json", "w"))')),
        {},
        asks("printed"),
    ),
    Variant(
        "written line by line",
        changed("train.py", (PRINT, 'open("o", "w").write(f"val_bpb: {val_bpb}")')),
        {},
        asks("printed"),
    ),
    Variant(
        "printed over and over",
        changed("train.py", (PRINT, 'print(f"val_bpb: {val_bpb}", end="\\r")')),
        {},
        asks("printed"),
    ),
    Variant("code that does not parse", changed("train.py", ("def main():", "def main(:")), {}, asks("printed")),
    Variant(
        "two commands",
        program(("4. Read the result", "   Or: `uv run train.py --fast > run.log`\n4. Read the result")),
        {},
        asks("run"),
    ),
    Variant("a placeholder", program(("train.py > run.log", "train.py --tag <tag> > run.log")), {}, asks("run")),
    Variant(
        "a chain", program(("`uv run train.py > run", "`uv run train.py && uv run judge.py > run")), {}, asks("run")
    ),
    Variant("another folder", program(("`uv run train.py > run", "`cd lab && uv run train.py > run")), {}, asks("run")),
    Variant("another machine", program(("`uv run train.py > run", "`ssh box uv run train.py > run")), {}, asks("run")),
    Variant(
        "no command",
        lambda: {
            **TEMPLATE,
            "program.md": PROGRAM.replace("`uv run train.py`", "it").replace("`uv run train.py > run.log 2>&1`", "it"),
        },
        {"metric": "val_bpb"},
        asks("run"),
    ),
    Variant(
        "nothing may change",
        program((EDIT, "- Think."), ("2. Change `train.py` with an idea", "2. Have an idea"), also={"README.md": ""}),
        {"frozen": "prepare.py"},
        asks("editable"),
    ),
    Variant(
        "all but one",
        program(
            (EDIT, "- Edit everything except `prepare.py`."),
            ("2. Change `train.py` with", "2. Have"),
            also={"README.md": ""},
        ),
        {},
        asks("editable"),
    ),
    Variant(
        "a part of a file",
        program((EDIT, "- Edit only the optimizer class in `train.py`."), also={"README.md": ""}),
        {},
        asks("editable"),
    ),
    Variant(
        "below a marker",
        program((EDIT, "- Edit `train.py` below the marker line."), also={"README.md": ""}),
        {},
        asks("editable"),
    ),
    Variant(
        "above a marker it is fixed",
        program((FREEZE, FREEZE + "\n- Modify anything above the marker in `train.py`.")),
        {"frozen": "prepare.py"},
        asks("editable"),
    ),
    Variant(
        "a file that is not there",
        program((EDIT, "- Modify `model.py`."), also={"README.md": ""}),
        {},
        asks("editable"),
    ),
    Variant(
        "allowed and forbidden",
        program((FREEZE, FREEZE + "\n- Never change `train.py`.")),
        {"frozen": "prepare.py"},
        asks("editable"),
    ),
    Variant(
        "words against code",
        changed("prepare.py", ("TIME_BUDGET = 300", "TIME_BUDGET = 10 * 60")),
        {},
        asks("time_budget"),
    ),
    Variant("two budgets", program((BUDGET, BUDGET + " Each trial lasts 20 minutes.")), {}, asks("time_budget")),
    Variant("killed too early", program((TIMEOUT, "If a run exceeds 3 minutes, kill it.")), {}, asks("kill_after")),
    Variant(
        "killed twice", program((TIMEOUT, TIMEOUT + " If a run exceeds 20 minutes, kill it.")), {}, asks("kill_after")
    ),
    Variant(
        "no time at all",
        program(
            (BUDGET, ""),
            ("should take about 5 minutes", "should be short"),
            (TIMEOUT, ""),
            also={"prepare.py": PREPARE.replace("TIME_BUDGET = 300", "STEPS = 300")},
        ),
        {},
        asks("time_budget"),
    ),
    Variant(
        "a night is no run",
        program(
            (BUDGET, "The whole session runs for 8 hours overnight."),
            ("should take about 5 minutes", "should be short"),
            (TIMEOUT, ""),
            also={"prepare.py": PREPARE.replace("TIME_BUDGET = 300", "STEPS = 300")},
        ),
        {},
        asks("time_budget"),
    ),
    Variant(
        "millions are no minutes",
        program(
            (BUDGET, "The model has about 10M parameters, trained in each run."),
            ("should take about 5 minutes", "should be short"),
            (TIMEOUT, ""),
            also={"prepare.py": PREPARE.replace("TIME_BUDGET = 300", "STEPS = 300")},
        ),
        {},
        asks("time_budget"),
    ),
    Variant(
        "a diary",
        lambda: {"program.md": "# Diary\n\nTuesday: read about optimizers. The loss went down a bit.\n"},
        {},
        asks("run", "editable", "time_budget") | UNKNOWN_METRIC,
    ),
    Variant(
        "flags and no files",
        lambda: {
            "program.md": "# Tune\n\nRun `python bench.py --threads <n> > run.log`, get the highest `tok_s`.\n",
            "bench.py": 'print("tok_s:", 1.0)\n',
        },
        {"metric": "tok_s", "direction": "maximize"},
        asks("run", "editable", "time_budget", "printed"),
    ),
    Variant(
        "another language",
        lambda: {"program.md": "# 程序\n\n运行 `python main.py`。\n", "main.py": "print(1)\n"},
        {},
        asks("run", "editable", "time_budget") | UNKNOWN_METRIC,
    ),
)
