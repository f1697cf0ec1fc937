"""The frozen half of the experiment: data, split, meter of compute, evaluation, and what is printed as the metric.

`train.py` may be edited by anybody; this file judges it and may not. It knows nothing of models: it hands out names,
counts what their matrix products cost, and asks a `predict` function for logits.

Invariant: the metric is a function of (train.py, seed, budget, split). Time, load and thread count do not enter.

    python prepare.py        # the honest rows: what plain tables of counts reach on the validation names
"""

from __future__ import annotations

import os

# Small matrices lose on several threads (19-29 CPU seconds instead of 1.5 were seen), and several trials share a
# machine. It has to be said before numpy is loaded.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["MKL_NUM_THREADS"] = "1"

import argparse
import ast
import contextlib
import math
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple, NoReturn

import numpy as np

Array = np.ndarray
Predict = Callable[[Array], Array]
"""Letters (names, positions) of type int64 -> logits (names, positions, VOCABULARY) for the letter that follows each."""

VOCABULARY = 27  # a to z are 1 to 26; 0 begins and ends a name
BLOCK = 16  # positions: the longest name has 13 letters and one end
VALIDATION_NAMES = 2000
HOLDOUT_NAMES = 2000
QUICK_NAMES = 500  # for the progress lines
PROGRESS_MARKS = (0.1, 0.25, 0.4, 0.55, 0.7, 0.85)

FULL_BUDGET = 5e10  # operations: 2 to 3 CPU seconds on one core of 2024
OPERATIONS_PER_OUTPUT = 40.0
OPERATIONS_PER_PRODUCT = 3e5


class Names(NamedTuple):
    """Names as two tables of shape (names, BLOCK): what the model reads, and what it should say next (-1: nothing)."""

    inputs: Array
    targets: Array

    def first(self, count: int) -> Names:
        return Names(self.inputs[:count], self.targets[:count])

    def batch(self, rows: Array) -> Names:
        """The names in `rows`, cut to the longest of them, so that no compute goes into padding."""
        inputs, targets = self.inputs[rows], self.targets[rows]
        longest = int((targets >= 0).sum(axis=1).max())
        return Names(inputs[:, :longest], targets[:, :longest])


class Split(NamedTuple):
    train: Names
    val: Names
    holdout: Names


SURNAMES = Path(__file__).with_name("data") / "surnames.txt"


def load_names(path: Path = SURNAMES) -> Split:
    """The three disjoint sets of names.

    The order is by checksum of the spelling: fixed for ever, unrelated to the alphabet or to how common a name is,
    and free of any library's random generator.
    """
    raw = path.read_bytes()
    order = np.argsort([zlib.crc32(name) for name in raw.split()], kind="stable")
    names = _encode(np.frombuffer(raw, np.uint8))
    ordered = Names(names.inputs[order], names.targets[order])
    first, second = VALIDATION_NAMES, VALIDATION_NAMES + HOLDOUT_NAMES
    return Split(
        train=Names(ordered.inputs[second:], ordered.targets[second:]),
        val=ordered.first(first),
        holdout=Names(ordered.inputs[first:second], ordered.targets[first:second]),
    )


def _encode(raw: Array) -> Names:
    """Lines of lower-case letters as tables of letters; whole columns at a time."""
    ends = np.flatnonzero(raw == ord("\n"))
    starts = np.concatenate(([0], ends[:-1] + 1))
    lengths = (ends - starts)[:, None]
    column = np.arange(BLOCK)[None, :]
    letters = raw[np.minimum(starts[:, None] + column, raw.size - 1)].astype(np.int64) - (ord("a") - 1)
    targets = np.where(column < lengths, letters, np.where(column == lengths, 0, -1))
    inputs = np.zeros_like(targets)
    inputs[:, 1:] = np.where(column < lengths, letters, 0)[:, :-1]
    return Names(inputs, targets)


# ------------------------------------------------------------------------------------------------------------------
# Compute


class OutOfCompute(Exception):
    """The next matrix product does not fit the budget: training is over."""


class Compute:
    """The meter. Every matrix product of training goes through `product`, which charges it before it is done.

    The unit is one floating-point operation. To the 2·m·k·n of a product come a charge for each number it
    makes (the additions, exponentials and copies around it) and one for each call, fitted to CPU seconds of this
    program, so that thin layers and tiny batches are not cheaper on paper than they are on a machine.
    """

    def __init__(self, budget: float) -> None:
        self.limit = budget * FULL_BUDGET
        self.spent = 0.0
        self._metered = True

    def product(self, left: Array, right: Array) -> Array:
        """left @ right. Raises OutOfCompute, and charges nothing, when it would pass the limit."""
        if self._metered:
            outputs = left.size // left.shape[-1] * right.shape[-1]
            cost = outputs * (2.0 * left.shape[-1] + OPERATIONS_PER_OUTPUT) + OPERATIONS_PER_PRODUCT
            if self.spent + cost > self.limit:
                raise OutOfCompute
            self.spent += cost
        return left @ right

    @property
    def fraction(self) -> float:
        """The share of the budget that is spent, from 0 to 1: what a schedule should follow."""
        return self.spent / self.limit

    @contextlib.contextmanager
    def unmetered(self) -> Iterator[None]:
        """For evaluation, which costs the experiment nothing."""
        self._metered = False
        try:
            yield
        finally:
            self._metered = True


# ------------------------------------------------------------------------------------------------------------------
# Evaluation


class UnfairModel(Exception):
    """The model cannot be judged: one sentence."""


def evaluate(predict: Predict, names: Names) -> float:
    """Mean loss in nats a character, the end of a name included. Lower is better; log(27) = 3.296 knows nothing.

    The model gets letters and gives logits; the logarithms are taken here. Raises UnfairModel.
    """
    total, count = 0.0, 0
    for start in range(0, len(names.inputs), 500):
        inputs, targets = names.inputs[start : start + 500], names.targets[start : start + 500]
        log_probability = _log_softmax(_checked(predict(inputs), inputs))
        judged = targets >= 0
        total -= float(log_probability[judged, targets[judged]].sum())
        count += int(judged.sum())
    return total / count


def check_causal(predict: Predict, names: Names) -> None:
    """Raises UnfairModel when a prediction changes with letters that come later: the model would have read the answer."""
    inputs = names.first(64).inputs
    for cut in (2, 4, 7):
        changed = inputs.copy()
        changed[:, cut:] = (changed[:, cut:] * 7 + 11) % VOCABULARY
        gap = np.abs(predict(inputs)[:, :cut] - predict(changed)[:, :cut]).max()
        if not gap < 1e-3:
            raise UnfairModel("the prediction of a letter depends on letters that come after it")


def _checked(logits: Array, inputs: Array) -> Array:
    if logits.shape != (*inputs.shape, VOCABULARY):
        raise UnfairModel(f"logits have shape {logits.shape}, expected {(*inputs.shape, VOCABULARY)}")
    if not np.isfinite(logits).all():
        raise UnfairModel("logits are not finite")
    return logits.astype(np.float64)


def _log_softmax(logits: Array) -> Array:
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


# ------------------------------------------------------------------------------------------------------------------
# One trial


class Trial:
    """One run of train.py: what it may use (names, seed, compute) and what it has to report."""

    def __init__(self, seed: int, budget: float, split: str = "val") -> None:
        split_names = load_names()
        self.seed = seed
        self.names = split_names.train
        self.compute = Compute(budget)
        self._split = split
        self._val = split_names.val
        self._judged_on = split_names.holdout if split == "holdout" else split_names.val
        self._marks = list(PROGRESS_MARKS)

    @classmethod
    def from_command_line(cls, script: str) -> Trial:
        """Reads --seed, --budget, --split, and refuses a script that does what `find_foul` finds."""
        parser = argparse.ArgumentParser(description="Train a tiny GPT on surnames and print its loss.")
        parser.add_argument("--seed", type=_whole, required=True, help="luck: weights and order of the names")
        parser.add_argument("--budget", type=_fraction, required=True, help="share of the full compute, in (0, 1]")
        parser.add_argument("--split", choices=("val", "holdout"), default="val", help="names to be judged on")
        options = parser.parse_args()
        complaint = find_foul(Path(script).read_text(encoding="utf-8"))
        if complaint:
            fail(complaint)
        return cls(options.seed, options.budget, options.split)

    def progress(self, predict: Predict) -> None:
        """Prints a quick estimate when the compute has passed the next mark. Always on the validation names."""
        if not self._marks or self.compute.fraction < self._marks[0]:
            return
        while self._marks and self.compute.fraction >= self._marks[0]:
            mark = self._marks.pop(0)
        with self.compute.unmetered():
            loss = _judge(predict, self._val.first(QUICK_NAMES))
        print(f"progress {mark:g} val_loss {loss:.4f}", flush=True)

    def report(self, predict: Predict, steps: int, params: int) -> None:
        """Prints the closing block. With --split holdout, val_loss is the loss on the held-out names."""
        with self.compute.unmetered():
            loss = _judge(predict, self._judged_on, causal=True)
            train_loss = _judge(predict, self.names.first(VALIDATION_NAMES))
        print(f"# judged on the {self._split} names")
        print("---")
        print(f"val_loss:         {loss:.6f}")
        print(f"train_loss:       {train_loss:.6f}")
        print(f"steps:            {steps}")
        print(f"params:           {params}", flush=True)


def _judge(predict: Predict, names: Names, *, causal: bool = False) -> float:
    """The loss; a model that cannot be judged ends the trial as a crash."""
    try:
        if causal:
            check_causal(predict, names)
        return evaluate(predict, names)
    except UnfairModel as error:
        fail(f"The model cannot be judged: {error}.")


def fail(sentence: str) -> NoReturn:
    """Ends the trial as a crash: one sentence, no metric, exit code 1."""
    print(sentence, file=sys.stderr, flush=True)
    raise SystemExit(1)


_PRODUCTS = {"matmul", "dot", "vdot", "vecdot", "inner", "einsum", "tensordot", "convolve", "correlate", "linalg"}
_JUDGE_ONLY = {"unmetered", "spent", "limit", "load_names", "FULL_BUDGET", "SURNAMES", "_judged_on", "_val"}


def find_foul(source: str) -> str:
    """A complaint about a line of the source that computes beside the meter or reaches for the judge's things, or ''.

    It catches mistakes and temptations; it is no defence against somebody who means to hide."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.MatMult):
            name = "@"
        else:
            name = getattr(node, "attr", "") or getattr(node, "id", "")
        line = getattr(node, "lineno", 0)
        if name == "@" or name in _PRODUCTS:
            return f"train.py line {line}: `{name}` computes beside the meter; use compute.product instead."
        if name in _JUDGE_ONLY:
            return f"train.py line {line}: `{name}` belongs to the judge; train.py may not use it."
    return ""


def _whole(text: str) -> int:
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"must not be negative, got {text}")
    return value


def _fraction(text: str) -> float:
    value = float(text)
    if not (math.isfinite(value) and 0 < value <= 1):
        raise argparse.ArgumentTypeError(f"must be in (0, 1], got {text}")
    return value


# ------------------------------------------------------------------------------------------------------------------
# The honest rows


TABLES = ("letter", "bigram", "trigram", "4-gram")


def count_tables(names: Names, longest: int = 3) -> list[Array]:
    """Probabilities of the next letter given the last 0, 1, ... `longest` letters, each backed off to the one before.

    Witten-Bell smoothing: a context that was followed by t different letters in n places gives t / (n + t) of its
    belief to the shorter context. Table i has 27^i rows; a context that reaches before the name is read as boundary.
    """
    belief = np.full((1, VOCABULARY), 1.0 / VOCABULARY)
    tables = []
    for length in range(longest + 1):
        context = _contexts(names.inputs, length)
        judged = names.targets >= 0
        cells = context[judged] * VOCABULARY + names.targets[judged]
        counts = np.bincount(cells, minlength=VOCABULARY ** (length + 1)).reshape(-1, VOCABULARY)
        kinds = (counts > 0).sum(axis=1, keepdims=True)
        shorter = np.tile(belief, (len(counts) // len(belief), 1))
        belief = (counts + (kinds + 1e-9) * shorter) / (counts.sum(axis=1, keepdims=True) + kinds + 1e-9)
        tables.append(belief)
    return tables


def table_predictor(table: Array) -> Predict:
    """The table as a model that `evaluate` can judge."""
    length = round(math.log(len(table), VOCABULARY))
    logits = np.log(table)
    return lambda inputs: logits[_contexts(inputs, length)]


def _contexts(inputs: Array, length: int) -> Array:
    """The last `length` letters at each position as one number, the latest in the lowest place."""
    number = np.zeros_like(inputs)
    for back in range(length):
        shifted = np.zeros_like(inputs)
        shifted[:, back:] = inputs[:, : inputs.shape[1] - back]
        number += shifted * VOCABULARY**back
    return number


def main() -> None:
    names = load_names()
    print(
        f"{len(names.train.inputs)} names to train on, {len(names.val.inputs)} to validate, {len(names.holdout.inputs)} held out"
    )
    print("tables of counts, nats a character:    val  holdout")
    for label, table in zip(TABLES, count_tables(names.train), strict=True):
        predict = table_predictor(table)
        print(f"  {label:<32}{evaluate(predict, names.val):>8.4f} {evaluate(predict, names.holdout):>8.4f}")


if __name__ == "__main__":
    main()
