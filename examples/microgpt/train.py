"""A GPT in plain numpy that learns to spell surnames. This is the one file to edit.

    python train.py --seed 1 --budget 1.0                    # trains, prints val_loss
    python train.py --seed 1 --budget 1.0 --split holdout    # the same, judged on names nobody tunes on

Everything is here: the model, its backward pass written by hand, the optimiser and the loop. Each function of the model
returns its result together with a function that takes the gradient of the loss in that result back to the gradient in its
input. Matrix products go through `compute.product`, which meters them; when the budget is spent, training is over.

After the idea of Andrej Karpathy's microgpt: the whole algorithm in one file that can be read from top to bottom.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import prepare  # before numpy, because it sets the number of threads

# isort: split
import numpy as np

# The knobs. The comment behind each declares its domain; people and search algorithms read the same line.
LEARNING_RATE = 1e-3  # 1e-4 .. 3e-2, log
SCHEDULE = "cosine"  # "constant" | "linear" | "cosine" ; how the learning rate falls to zero
BETA1 = 0.9  # 0.8 .. 0.95 ; momentum of the gradient
BETA2 = 0.95  # 0.9 .. 0.999 ; momentum of its square
WEIGHT_DECAY = 0.1  # 0.0 .. 0.3 ; on the matrices of the layers only
BATCH = 64  # 16 .. 128, log ; names a step
WIDTH = 32  # 16 | 24 | 32 | 48 ; numbers that describe one position
DEPTH = 2  # 1 | 2 | 3 ; layers
HEADS = 4  # 1 | 2 | 4 ; parts that attention works on independently
INIT_SCALE = 0.02  # 0.01 .. 0.2, log ; standard deviation of fresh weights
ACTIVATION = "gelu"  # "relu" | "relu2" | "gelu"
USE_BIGRAM = False  # False | True ; a table from the last letter straight to the logits
USE_TRIGRAM = False  # False | True ; an embedding of the last two letters, added to that of the last one
USE_EMA = False  # False | True ; judge a moving average of the weights instead of the last ones

Array = np.ndarray
Backward = Callable[[Array], Any]
"""Takes the gradient of the loss in a function's result back to the gradient in its input, and notes the weights' own."""


# ------------------------------------------------------------------------------------------------------------------
# The model


class GPT:
    """Embeddings, DEPTH layers of attention and perceptron around a residual stream, logits. No biases."""

    def __init__(self, seed: int, compute: prepare.Compute, dtype: type = np.float32) -> None:
        self.rng = np.random.default_rng(seed)
        self.dtype = dtype
        self.product = compute.product
        self.gradients: dict[str, Array] = {}
        self.parameters = self.fresh_parameters()

    def fresh_parameters(self) -> dict[str, Array]:
        letters = prepare.VOCABULARY
        shapes = {"letter": (letters, WIDTH), "position": (prepare.BLOCK, WIDTH), "head": (WIDTH, letters)}
        if USE_TRIGRAM:
            shapes["trigram"] = (letters * letters, WIDTH)
        for layer in range(DEPTH):
            shapes[f"{layer}.qkv"] = (WIDTH, 3 * WIDTH)
            shapes[f"{layer}.mix"] = (WIDTH, WIDTH)
            shapes[f"{layer}.up"] = (WIDTH, 4 * WIDTH)
            shapes[f"{layer}.down"] = (4 * WIDTH, WIDTH)
        parameters = {
            name: (INIT_SCALE * self.rng.standard_normal(shape)).astype(self.dtype) for name, shape in shapes.items()
        }
        if USE_BIGRAM:  # zeros: it adds to the logits, so it should start without an opinion
            parameters["bigram"] = np.zeros((letters, letters), self.dtype)
        return parameters

    def logits(self, inputs: Array) -> Array:
        """Letters (names, positions) -> logits (names, positions, 27) for the letter that follows each."""
        return self.forward(inputs)[0]

    def loss_and_gradients(self, names: prepare.Names) -> tuple[float, dict[str, Array]]:
        """Mean loss in nats a character over a batch, and its gradient in every parameter."""
        self.gradients = {}
        logits, backward = self.forward(names.inputs)
        loss, slope = cross_entropy(logits, names.targets)
        backward(slope)
        return loss, self.gradients

    def forward(self, inputs: Array) -> tuple[Array, Backward]:
        stream, embed_back = self.embed(inputs)
        stream, norm_back = rms_norm(stream)
        layers_back = []
        for layer in range(DEPTH):
            for block in (self.attention, self.perceptron):
                stream, block_back = self.residual(block, layer, stream)
                layers_back.append(block_back)
        logits, head_back = self.linear("head", stream)
        bigram_back = None
        if USE_BIGRAM:
            guess, bigram_back = self.lookup("bigram", inputs)
            logits = logits + guess

        def backward(slope: Array) -> None:
            if bigram_back:
                bigram_back(slope)
            slope = head_back(slope)
            for block_back in reversed(layers_back):
                slope = block_back(slope)
            embed_back(norm_back(slope))

        return logits, backward

    def embed(self, inputs: Array) -> tuple[Array, Backward]:
        """The sum of what the letter, the place and, with USE_TRIGRAM, the pair of letters contribute."""
        positions = np.broadcast_to(np.arange(inputs.shape[1]), inputs.shape)
        lookups = [self.lookup("letter", inputs), self.lookup("position", positions)]
        if USE_TRIGRAM:
            before = np.zeros_like(inputs)
            before[:, 1:] = inputs[:, :-1]
            lookups.append(self.lookup("trigram", before * prepare.VOCABULARY + inputs))

        def backward(slope: Array) -> None:
            for _, lookup_back in lookups:
                lookup_back(slope)

        return sum(rows for rows, _ in lookups), backward

    def residual(self, block: Callable[..., Any], layer: int, stream: Array) -> tuple[Array, Backward]:
        """stream + block(norm(stream)): each block only adds to what is already known."""
        normed, norm_back = rms_norm(stream)
        added, block_back = block(layer, normed)

        def backward(slope: Array) -> Array:
            return slope + norm_back(block_back(slope))

        return stream + added, backward

    def attention(self, layer: int, x: Array) -> tuple[Array, Backward]:
        """Every position looks back at itself and the ones before it, and takes a weighted mean of what they offer."""
        names, length, width = x.shape
        size = width // HEADS
        scale = self.dtype(size**-0.5)
        qkv, qkv_back = self.linear(f"{layer}.qkv", x)
        query, key, value = qkv.reshape(names, length, 3, HEADS, size).transpose(2, 0, 3, 1, 4)
        scores = self.product(query, key.transpose(0, 1, 3, 2)) * scale
        future = np.triu(np.ones((length, length), bool), 1)
        weights = softmax(np.where(future, self.dtype(-1e9), scores))
        mixed = self.product(weights, value).transpose(0, 2, 1, 3).reshape(x.shape)
        out, mix_back = self.linear(f"{layer}.mix", mixed)

        def backward(slope: Array) -> Array:
            slope = mix_back(slope).reshape(names, length, HEADS, size).transpose(0, 2, 1, 3)
            value_slope = self.product(weights.transpose(0, 1, 3, 2), slope)
            weights_slope = self.product(slope, value.transpose(0, 1, 3, 2))
            inward = (weights_slope * weights).sum(axis=-1, keepdims=True)
            scores_slope = weights * (weights_slope - inward) * scale
            query_slope = self.product(scores_slope, key)
            key_slope = self.product(scores_slope.transpose(0, 1, 3, 2), query)
            together = np.stack((query_slope, key_slope, value_slope)).transpose(1, 3, 0, 2, 4)
            return qkv_back(together.reshape(names, length, 3 * width))

        return out, backward

    def perceptron(self, layer: int, x: Array) -> tuple[Array, Backward]:
        """Each position thinks by itself, in a space four times as wide."""
        hidden, up_back = self.linear(f"{layer}.up", x)
        active, activate_back = {"relu": relu, "relu2": relu2, "gelu": gelu}[ACTIVATION](hidden)
        out, down_back = self.linear(f"{layer}.down", active)

        def backward(slope: Array) -> Array:
            return up_back(activate_back(down_back(slope)))

        return out, backward

    def linear(self, name: str, x: Array) -> tuple[Array, Backward]:
        """x @ W, for x of shape (names, positions, inputs)."""
        weight = self.parameters[name]
        flat = x.reshape(-1, x.shape[-1])

        def backward(slope: Array) -> Array:
            slope = slope.reshape(-1, slope.shape[-1])
            self.gradients[name] = self.product(flat.T, slope)
            return self.product(slope, weight.T).reshape(x.shape)

        return self.product(flat, weight).reshape(*x.shape[:-1], -1), backward

    def lookup(self, name: str, index: Array) -> tuple[Array, Backward]:
        """Rows of a table."""
        table = self.parameters[name]

        def backward(slope: Array) -> None:
            self.gradients[name] = sum_by_row(index.reshape(-1), slope.reshape(-1, slope.shape[-1]), table)

        return table[index], backward


def rms_norm(x: Array) -> tuple[Array, Backward]:
    """x divided by its root mean square over the last axis."""
    scale = 1 / np.sqrt((x * x).mean(axis=-1, keepdims=True) + x.dtype.type(1e-5))
    y = x * scale

    def backward(slope: Array) -> Array:
        return scale * (slope - y * (slope * y).mean(axis=-1, keepdims=True))

    return y, backward


def relu(x: Array) -> tuple[Array, Backward]:
    positive = x > 0
    return x * positive, lambda slope: slope * positive


def relu2(x: Array) -> tuple[Array, Backward]:
    positive = np.maximum(x, 0)
    return positive * positive, lambda slope: slope * 2 * positive


def gelu(x: Array) -> tuple[Array, Backward]:
    """x times the logistic function of 1.702 x: the cheap approximation of Hendrycks and Gimpel (2016)."""
    steep = x.dtype.type(1.702)
    gate = 1 / (1 + np.exp(-steep * x))
    return x * gate, lambda slope: slope * gate * (1 + steep * x * (1 - gate))


def softmax(x: Array) -> Array:
    exponentials = np.exp(x - x.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


def cross_entropy(logits: Array, targets: Array) -> tuple[float, Array]:
    """Mean loss over the positions that have a target, and its gradient in the logits."""
    probability = softmax(logits)
    judged = targets >= 0
    count = int(judged.sum())
    chosen = probability[judged, targets[judged]]
    slope = probability * judged[..., None]
    slope[judged, targets[judged]] -= 1
    slope /= logits.dtype.type(count)
    return float(-np.log(np.maximum(chosen, 1e-30)).mean()), slope


def sum_by_row(index: Array, rows: Array, table: Array) -> Array:
    """Zeros like `table`, with each of `rows` added at its index. Sorting first is faster than adding one by one."""
    order = np.argsort(index, kind="stable")
    index = index[order]
    starts = np.flatnonzero(np.diff(index, prepend=-1))
    total = np.zeros_like(table)
    total[index[starts]] = np.add.reduceat(rows[order], starts, axis=0)
    return total


# ------------------------------------------------------------------------------------------------------------------
# Training


class Adam:
    """Adam with decoupled weight decay (Loshchilov and Hutter, 2019)."""

    def __init__(self, parameters: dict[str, Array]) -> None:
        self.parameters = parameters
        self.mean = {name: np.zeros_like(value) for name, value in parameters.items()}
        self.square = {name: np.zeros_like(value) for name, value in parameters.items()}
        self.steps = 0

    def step(self, gradients: dict[str, Array], rate: float) -> None:
        self.steps += 1
        mean_bias = 1 - BETA1**self.steps
        square_bias = 1 - BETA2**self.steps
        for name, gradient in gradients.items():
            mean, square, parameter = self.mean[name], self.square[name], self.parameters[name]
            mean += (1 - BETA1) * (gradient - mean)
            square += (1 - BETA2) * (gradient * gradient - square)
            if "." in name:  # the matrices of the layers; tables and head are left alone
                parameter *= 1 - rate * WEIGHT_DECAY
            parameter -= (rate / mean_bias) * mean / (np.sqrt(square / square_bias) + 1e-8)


def learning_rate(done: float) -> float:
    """The rate when the share `done` of the compute is spent."""
    falling = {"constant": 1.0, "linear": 1 - done, "cosine": 0.5 + 0.5 * np.cos(np.pi * done)}
    return LEARNING_RATE * float(falling[SCHEDULE])


class Average:
    """A moving average of the weights over about the last 50 steps; without USE_EMA, the weights themselves."""

    def __init__(self, parameters: dict[str, Array]) -> None:
        self.parameters = {name: value.copy() for name, value in parameters.items()} if USE_EMA else parameters

    def follow(self, parameters: dict[str, Array], step: int) -> None:
        if not USE_EMA:
            return
        share = max(0.02, 9 / (step + 9))  # young averages forget fast, or they would remember the start
        for name, value in parameters.items():
            self.parameters[name] += share * (value - self.parameters[name])


def shuffled_batches(count: int, rng: np.random.Generator) -> Iterator[Array]:
    """Endless rows of names: every name once before any comes again."""
    while True:
        order = rng.permutation(count)
        for start in range(0, count - BATCH + 1, BATCH):
            yield order[start : start + BATCH]


def train(trial: prepare.Trial) -> tuple[GPT, int]:
    """Spends the compute. Returns the model to be judged and the number of steps taken."""
    model = GPT(trial.seed, trial.compute)
    optimizer = Adam(model.parameters)
    average = Average(model.parameters)
    judged = copy.copy(model)
    judged.parameters = average.parameters
    for rows in shuffled_batches(len(trial.names.inputs), model.rng):
        try:
            loss, gradients = model.loss_and_gradients(trial.names.batch(rows))
        except prepare.OutOfCompute:
            break
        if not loss < 100:
            prepare.fail(f"Training diverged: the loss is {loss:.3g} after {optimizer.steps} steps.")
        optimizer.step(gradients, learning_rate(trial.compute.fraction))
        average.follow(model.parameters, optimizer.steps)
        trial.progress(judged.logits)
    return judged, optimizer.steps


def main() -> None:
    trial = prepare.Trial.from_command_line(__file__)
    with np.errstate(all="ignore"):  # a diverging run says so once instead of in twenty warnings
        model, steps = train(trial)
        trial.report(model.logits, steps, params=sum(value.size for value in model.parameters.values()))


if __name__ == "__main__":
    main()
