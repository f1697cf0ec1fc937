"""The surname example: its gradients, its judge, its meter, its command line, its declared domains."""

from __future__ import annotations

import ast
import contextlib
import importlib
import json
import math
import random
import shutil
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from orgruntime.runtime.constants import Choices, Knob, Range, Value, read_knobs

pytestmark = pytest.mark.slow(50)

EXAMPLE = Path(__file__).parents[3] / "examples" / "microgpt"
SOURCE = (EXAMPLE / "train.py").read_text(encoding="utf-8")
KNOBS = {knob.name: knob for knob in read_knobs({"train.py": SOURCE}).all}


@pytest.fixture(scope="module")
def modules() -> Iterator[tuple[ModuleType, ModuleType]]:
    """(prepare, train), imported as a trial imports them and forgotten afterwards."""
    sys.path.insert(0, str(EXAMPLE))
    try:
        yield importlib.import_module("prepare"), importlib.import_module("train")
    finally:
        sys.path.remove(str(EXAMPLE))
        sys.modules.pop("prepare", None)
        sys.modules.pop("train", None)


@pytest.fixture(scope="module")
def prepare(modules: tuple[ModuleType, ModuleType]) -> ModuleType:
    return modules[0]


@pytest.fixture
def train(modules: tuple[ModuleType, ModuleType]) -> Iterator[ModuleType]:
    """train.py, with its constants put back after the test."""
    module = modules[1]
    saved = {name: getattr(module, name) for name in KNOBS}
    yield module
    for name, value in saved.items():
        setattr(module, name, value)


@pytest.fixture(scope="module")
def names(prepare: ModuleType):
    return prepare.load_names()


def trial(*arguments: str, tree: Path = EXAMPLE) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-B", "train.py", *arguments]
    return subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)


def block(output: str) -> dict[str, float]:
    closing = output.rsplit("---\n", 1)[1]
    return {name: float(value) for name, value in (line.split(":") for line in closing.splitlines())}


def changed_tree(folder: Path, old: str, new: str) -> Path:
    tree = Path(shutil.copytree(EXAMPLE, folder / "tree", ignore=shutil.ignore_patterns("__pycache__")))
    assert old in SOURCE
    (tree / "train.py").write_text(SOURCE.replace(old, new, 1), encoding="utf-8")
    return tree


@pytest.fixture(scope="module")
def plain() -> subprocess.CompletedProcess[str]:
    return trial("--seed", "1", "--budget", "0.05")


# Gradients


@pytest.mark.parametrize("activation", ["relu", "relu2", "gelu"])
@pytest.mark.parametrize("tables", [False, True])
def test_the_backward_pass_agrees_with_finite_differences(prepare, train, names, activation, tables) -> None:
    settings = {"WIDTH": 16, "DEPTH": 2, "HEADS": 2, "INIT_SCALE": 0.2, "ACTIVATION": activation}
    for name, value in {**settings, "USE_BIGRAM": tables, "USE_TRIGRAM": tables}.items():
        setattr(train, name, value)
    model = train.GPT(3, prepare.Compute(1.0), np.float64)
    batch = names.train.batch(np.arange(3))
    _, gradients = model.loss_and_gradients(batch)
    assert set(gradients) == set(model.parameters)
    rng, worst = np.random.default_rng(0), 0.0
    for name, parameter in model.parameters.items():
        used = np.argwhere(np.abs(gradients[name]) > 1e-7)
        for place in map(tuple, rng.choice(used, size=6)):
            exact = gradients[name][place]
            measured = slope_at(train, model, parameter, place, batch)
            worst = max(worst, abs(exact - measured) / (abs(exact) + abs(measured)))
    assert worst < 1e-5


def slope_at(train, model, parameter, place, batch) -> float:
    """Central difference of the loss in one number of one parameter."""
    kept, step, losses = parameter[place], 1e-5, []
    for sign in (1, -1):
        parameter[place] = kept + sign * step
        losses.append(train.cross_entropy(model.logits(batch.inputs), batch.targets)[0])
    parameter[place] = kept
    return (losses[0] - losses[1]) / (2 * step)


def test_rows_of_a_table_that_were_not_read_get_no_gradient(prepare, train, names) -> None:
    train.USE_TRIGRAM = True
    model = train.GPT(3, prepare.Compute(1.0))
    _, gradients = model.loss_and_gradients(names.train.batch(np.arange(2)))
    assert 1 < np.count_nonzero(np.abs(gradients["trigram"]).sum(axis=1)) < 40


# Data


def test_the_three_sets_are_disjoint_and_complete(names) -> None:
    spelt = [{bytes(row) for row in part.inputs.astype(np.uint8)} for part in names]
    assert [len(part) for part in spelt] == [84799, 2000, 2000]
    assert len(set.union(*spelt)) == 88799


def test_the_split_is_frozen(names) -> None:
    """A moved name would make certificates of different versions incomparable in silence."""
    sums = [zlib.crc32(part.inputs.astype(np.uint8).tobytes()) for part in (names.val, names.holdout)]
    assert sums == [3391667452, 2938293722]


def test_a_name_is_read_letter_by_letter_and_ends(tmp_path: Path, prepare: ModuleType) -> None:
    (tmp_path / "two.txt").write_text("abz\nthirteenchars\n", encoding="ascii")
    both = prepare.load_names(tmp_path / "two.txt").val
    short = both.inputs[both.inputs[:, 1] == 1][0], both.targets[both.inputs[:, 1] == 1][0]
    assert short[0].tolist() == [0, 1, 2, 26] + [0] * 12
    assert short[1].tolist() == [1, 2, 26, 0] + [-1] * 12
    assert sorted((both.targets >= 0).sum(axis=1)) == [4, 14]


def test_loading_is_quick(prepare: ModuleType) -> None:
    before = time.process_time()
    prepare.load_names()
    assert time.process_time() - before < 3.0  # 0.06 s measured


# The judge


def test_knowing_nothing_costs_log_27(prepare, names) -> None:
    def same_for_all(inputs: np.ndarray) -> np.ndarray:
        return np.full((*inputs.shape, 27), 5.0)

    assert prepare.evaluate(same_for_all, names.val) == pytest.approx(math.log(27))


def test_the_loss_is_the_mean_over_characters_ends_included(prepare) -> None:
    names = prepare.Names(np.array([[0, 1], [0, 2]]), np.array([[1, 0], [2, -1]]))
    probability = np.full((2, 2, 27), 1e-9)
    probability[0, 0, 1], probability[0, 1, 0], probability[1, 0, 2] = 0.5, 0.25, 0.125
    probability[..., 26] = 1 - probability[..., :26].sum(axis=-1)
    loss = prepare.evaluate(lambda inputs: np.log(probability) + 7.0, names)
    assert loss == pytest.approx(math.log(2 * 4 * 8) / 3, rel=1e-6)


def test_the_tables_of_counts_reach_what_the_readme_says(prepare, names) -> None:
    tables = prepare.count_tables(names.train)
    losses = [prepare.evaluate(prepare.table_predictor(table), names.val) for table in tables]
    assert losses == pytest.approx([2.9596, 2.5644, 2.3287, 2.2030], abs=1e-4)
    assert all(table.sum(axis=1) == pytest.approx(1.0) for table in tables)


def test_a_model_that_looks_ahead_is_refused(prepare, names) -> None:
    def peeking(inputs: np.ndarray) -> np.ndarray:
        ahead = np.roll(inputs, -1, axis=1)
        return 9.0 * np.eye(27)[ahead]

    with pytest.raises(prepare.UnfairModel, match="letters that come after"):
        prepare.check_causal(peeking, names.val)


def test_the_gpt_does_not_look_ahead(prepare, train, names) -> None:
    train.USE_BIGRAM = train.USE_TRIGRAM = True
    train.INIT_SCALE = 0.2
    prepare.check_causal(train.GPT(1, prepare.Compute(1.0)).logits, names.val)


@pytest.mark.parametrize("logits", [np.zeros((2, 16, 26)), np.full((2, 16, 27), np.nan)])
def test_logits_of_a_wrong_shape_or_not_finite_are_refused(prepare, names, logits) -> None:
    with pytest.raises(prepare.UnfairModel):
        prepare.evaluate(lambda inputs: logits, names.val.first(2))


# The meter


def test_products_are_charged_until_the_budget_is_spent(prepare) -> None:
    compute = prepare.Compute(1e-4)
    left, right = np.ones((4, 10, 8)), np.ones((8, 5))
    assert compute.product(left, right).shape == (4, 10, 5)
    once = compute.spent
    assert once == 4 * 10 * 5 * (2 * 8 + prepare.OPERATIONS_PER_OUTPUT) + prepare.OPERATIONS_PER_PRODUCT

    def many() -> None:
        for _ in range(1000):
            compute.product(left, right)

    with pytest.raises(prepare.OutOfCompute):
        many()
    assert compute.limit - once < compute.spent <= compute.limit


def test_evaluation_costs_nothing_and_the_meter_comes_back(prepare) -> None:
    compute = prepare.Compute(1.0)
    with contextlib.suppress(KeyError), compute.unmetered():
        compute.product(np.ones((2, 2)), np.ones((2, 2)))
        raise KeyError
    assert compute.spent == 0.0
    compute.product(np.ones((2, 2)), np.ones((2, 2)))
    assert compute.spent > 0.0


def test_training_spends_nearly_all_and_never_more(prepare, train) -> None:
    run = prepare.Trial(seed=1, budget=0.05)
    train.train(run)
    assert 0.85 * run.compute.limit < run.compute.spent <= run.compute.limit


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("y = x @ w", "@"),
        ("x @= w", "@"),
        ("y = np.einsum('ij,jk', x, w)", "einsum"),
        ("y = x.dot(w)", "dot"),
        ("compute.spent = 0", "spent"),
        ("names = prepare.load_names()", "load_names"),
    ],
)
def test_work_beside_the_meter_is_found(prepare, line: str, name: str) -> None:
    assert f"line 2: `{name}`" in prepare.find_foul("x = 1\n" + line)


def test_train_py_plays_fair_and_pins_its_threads(prepare) -> None:
    assert prepare.find_foul(SOURCE) == ""
    imports = [n.names[0].name for n in ast.parse(SOURCE).body if isinstance(n, ast.Import)]
    assert imports.index("prepare") < imports.index("numpy")


# The command


def test_a_trial_is_a_function_of_code_seed_and_budget(plain) -> None:
    again, other = (trial("--seed", seed, "--budget", "0.05").stdout for seed in ("1", "2"))
    assert plain.stdout == again
    assert plain.stdout != other


def test_the_output_is_progress_and_a_block(plain) -> None:
    done = plain
    assert done.returncode == 0
    assert done.stderr == ""
    marks = [line.split() for line in done.stdout.splitlines() if line.startswith("progress")]
    assert 4 <= len(marks) <= 8
    assert all(word == "val_loss" and float(loss) < 3.5 for _, _, word, loss in marks)
    fractions = [float(fraction) for _, fraction, _, _ in marks]
    assert fractions == sorted(fractions)
    assert list(block(done.stdout)) == ["val_loss", "train_loss", "steps", "params"]


def test_the_held_out_names_give_the_same_metric_another_value(plain) -> None:
    val = block(plain.stdout)
    done = trial("--seed", "1", "--budget", "0.05", "--split", "holdout")
    held_out = block(done.stdout)
    assert val["val_loss"] != held_out["val_loss"]
    assert val["train_loss"] == held_out["train_loss"]
    assert "# judged on the holdout names" in done.stdout


@pytest.mark.parametrize(
    ("seed", "budget"),
    [("1", "0"), ("1", "1.1"), ("1", "-1"), ("1", "nan"), ("1", "much"), ("-1", "0.1"), ("x", "0.1")],
)
def test_arguments_outside_their_range_are_misuse(seed: str, budget: str) -> None:
    done = trial(f"--seed={seed}", f"--budget={budget}")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_a_run_that_diverges_prints_no_metric(tmp_path: Path) -> None:
    tree = changed_tree(tmp_path, "LEARNING_RATE = 1e-3", "LEARNING_RATE = 1e4")
    done = trial("--seed", "1", "--budget", "0.05", tree=tree)
    assert done.returncode == 1
    assert "---" not in done.stdout
    assert len(done.stderr.splitlines()) == 1
    assert "diverged" in done.stderr


def test_a_run_that_computes_beside_the_meter_does_not_start(tmp_path: Path) -> None:
    tree = changed_tree(tmp_path, "self.product(flat, weight)", "(flat @ weight)")
    done = trial("--seed", "1", "--budget", "0.05", tree=tree)
    assert done.returncode == 1
    assert done.stdout == ""
    assert "beside the meter" in done.stderr


# The knobs


def test_every_constant_declares_a_domain_that_can_be_read() -> None:
    knobs = read_knobs({"train.py": SOURCE})
    assert knobs.reasons == ()
    assert len(knobs.searchable) == 14
    comments = [line for line in SOURCE.splitlines() if line.split(" = ")[0] in KNOBS]
    assert all("  # " in line for line in comments)


def ends(knob: Knob) -> tuple[Value, Value]:
    match knob.domain:
        case Choices(values):
            return values[0], values[-1]
        case Range(lo, hi):
            return lo, hi
    raise AssertionError(knob.name)


def drawn(knob: Knob, rng: random.Random) -> Value:
    match knob.domain:
        case Choices(values):
            return rng.choice(values)
        case Range(lo, hi, integer=True):
            return rng.randint(int(lo), int(hi))
        case Range(lo, hi):
            return rng.uniform(lo, hi)
    raise AssertionError(knob.name)


RUN_ALL = """
import json, sys
import prepare, train
for settings in json.load(sys.stdin):
    vars(train).update(settings)
    run = prepare.Trial(seed=1, budget=0.05)
    model, steps = train.train(run)
    with run.compute.unmetered():
        loss = prepare.evaluate(model.logits, run.names.first(50))
    print(json.dumps(["ran", steps, loss]))
"""


def test_settings_from_the_domains_run() -> None:
    """In one process of their own, so that numpy is loaded with one thread, as in a trial."""
    rng = random.Random(1)
    cases = [{name: ends(knob)[side] for name, knob in KNOBS.items()} for side in (0, 1)]
    cases += [{name: drawn(knob, rng) for name, knob in KNOBS.items()} for _ in range(8)]
    command = [sys.executable, "-B", "-W", "ignore", "-c", RUN_ALL]
    done = subprocess.run(command, cwd=EXAMPLE, input=json.dumps(cases), capture_output=True, text=True, check=False)
    assert done.stderr == ""
    ran = [json.loads(line)[1:] for line in done.stdout.splitlines() if line.startswith('["ran"')]
    assert len(ran) == len(cases)
    assert all(steps >= 1 and loss < 20 for steps, loss in ran)


# The other commands of the README


def test_prepare_prints_the_honest_rows() -> None:
    done = subprocess.run([sys.executable, "-B", "prepare.py"], cwd=EXAMPLE, capture_output=True, text=True, check=True)
    rows = {line.split()[0]: line.split()[1:] for line in done.stdout.splitlines()[2:]}
    assert rows == {
        "letter": ["2.9596", "2.9553"],
        "bigram": ["2.5644", "2.5721"],
        "trigram": ["2.3287", "2.3269"],
        "4-gram": ["2.2030", "2.2008"],
    }


def test_compare_measures_a_row_as_an_experiment_would() -> None:
    command = [sys.executable, "-B", "compare.py", "default", "--seeds", "1"]
    done = subprocess.run(command, cwd=EXAMPLE, capture_output=True, text=True, check=True)
    row = done.stdout.splitlines()[1].split()
    assert row[0] == "default"
    assert 2.46 < float(row[1]) < 2.51
    assert 2.46 < float(row[2]) < 2.51


def test_compare_names_the_rows_it_has() -> None:
    command = [sys.executable, "-B", "compare.py", "defualt"]
    done = subprocess.run(command, cwd=EXAMPLE, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "choose from default, microgpt" in done.stderr
