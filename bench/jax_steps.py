"""Lookbehind-SAM outer steps in JAX, for bench/jax.ts.

`jitted` is one outer step with k + 1 gradients as one jitted function, channels last, as one writes it in JAX. Reads one program name
per line, takes steps with it for one turn, answers with the time and the processor time per step in ms.
"""

import argparse
import sys
import time

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

# As in stepServer.ts.
TURN_SECONDS = 0.05
MOMENTUM, WEIGHT_DECAY, RATE, RHO, CLASSES = 0.9, 5e-4, 0.01, 0.05, 10
STAGES = (16, 32, 64)


def conv(x, w, stride=1):
    half = (w.shape[0] - 1) // 2
    padding = [(half, half)] * 2
    return lax.conv_general_dilated(x, w, (stride, stride), padding, dimension_numbers=("NHWC", "HWIO", "NHWC"))


def batch_norm(x, p):
    mean, variance = x.mean((0, 1, 2)), x.var((0, 1, 2))
    return (x - mean) * lax.rsqrt(variance + 1e-5) * p["gamma"] + p["beta"], (mean, variance)


def pool(x):
    return lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")


class Parameters:
    """Draws parameters, scaled by their fan-in."""

    def __init__(self):
        self.random = np.random.RandomState(0)

    def weights(self, *shape):
        return jnp.asarray(self.random.randn(*shape) * np.sqrt(2 / np.prod(shape[:-1])), jnp.float32)

    def dense(self, inputs, outputs):
        return {"w": self.weights(inputs, outputs), "b": jnp.zeros(outputs)}

    def normalized(self, size, inputs, outputs):
        return {"w": self.weights(size, size, inputs, outputs), "gamma": jnp.ones(outputs), "beta": jnp.zeros(outputs)}


def mlp():
    draw = Parameters()
    params = [draw.dense(i, o) for i, o in ((64, 128), (128, 128), (128, CLASSES))]

    def forward(params, x):
        for p in params[:-1]:
            x = jax.nn.relu(x @ p["w"] + p["b"])
        return x @ params[-1]["w"] + params[-1]["b"], []

    return params, forward, (64,)


def convnet():
    draw = Parameters()
    convolutions = [{"w": draw.weights(3, 3, i, o), "b": jnp.zeros(o)} for i, o in ((1, 16), (16, 32))]

    def forward(params, x):
        for p in params["conv"]:
            x = pool(jax.nn.relu(conv(x, p["w"]) + p["b"]))
        return x.reshape(x.shape[0], -1) @ params["linear"]["w"] + params["linear"]["b"], []

    return {"conv": convolutions, "linear": draw.dense(32 * 49, CLASSES)}, forward, (28, 28, 1)


def resnet20():
    draw = Parameters()
    strides, blocks, inputs = [], [], 3
    stem = draw.normalized(3, inputs, STAGES[0])
    inputs = STAGES[0]
    for stage, outputs in enumerate(STAGES):
        for block in range(3):
            stride = 2 if stage > 0 and block == 0 else 1
            p = {"1": draw.normalized(3, inputs, outputs), "2": draw.normalized(3, outputs, outputs)}
            if stride > 1:
                p["shortcut"] = draw.normalized(1, inputs, outputs)
            strides.append(stride)
            blocks.append(p)
            inputs = outputs

    def forward(params, x):
        statistics = []

        def normalized(x, p, stride=1):
            y, moments = batch_norm(conv(x, p["w"], stride), p)
            statistics.append(moments)
            return y

        x = jax.nn.relu(normalized(x, params["stem"]))
        for p, stride in zip(params["blocks"], strides):
            shortcut = normalized(x, p["shortcut"], stride) if "shortcut" in p else x
            y = jax.nn.relu(normalized(x, p["1"], stride))
            x = jax.nn.relu(normalized(y, p["2"]) + shortcut)
        return x.mean((1, 2)) @ params["linear"]["w"] + params["linear"]["b"], statistics

    return {"stem": stem, "blocks": blocks, "linear": draw.dense(inputs, CLASSES)}, forward, (32, 32, 3)


MODELS = {"mlp": mlp, "convnet": convnet, "resnet20": resnet20}


def outer_step(forward, k, alpha):
    def loss(params, xs, ys):
        logits, statistics = forward(params, xs)
        return -jnp.take_along_axis(jax.nn.log_softmax(logits), ys[:, None], 1).mean(), statistics

    gradient = jax.value_and_grad(loss, has_aux=True)

    def move(moving, moments, updates):
        keep = 0.9**updates
        return jax.tree.map(lambda a, b: keep * a + (1 - keep) * b, moving, moments)

    def step(slow, momentum, moving, xs, ys):
        fast = live = slow
        (first, moments), g = gradient(live, xs, ys)
        moving = move(moving, moments, 1)
        for inner in range(k):
            norm = jnp.sqrt(sum(jnp.vdot(one, one) for one in jax.tree.leaves(g)))
            live = jax.tree.map(lambda w, d: w + d * (RHO / (norm + 1e-16)), live, g)
            (_, moments), g = gradient(live, xs, ys)
            moving = move(moving, moments, 2 if inner < k - 1 else 1)
            momentum = jax.tree.map(lambda m, d, w: MOMENTUM * m + d + WEIGHT_DECAY * w, momentum, g, fast)
            fast = jax.tree.map(lambda w, m: w - RATE * m, fast, momentum)
        slow = jax.tree.map(lambda s, f: s + alpha * (f - s), slow, fast)
        return slow, momentum, moving, first

    return jax.jit(step, donate_argnums=(0, 1, 2))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True)
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--k", type=int, required=True)
    parser.add_argument("--alpha", type=float, required=True)
    parser.add_argument("--threads", type=int, help="accepted for symmetry; XLA takes all cores")
    args = parser.parse_args()
    params, forward, shape = MODELS[args.model]()
    random = np.random.RandomState(0)
    xs = jnp.asarray(random.randn(args.batch, *shape), jnp.float32)
    ys = jnp.asarray(random.randint(0, CLASSES, args.batch))
    moving = jax.tree.map(jnp.zeros_like, forward(params, xs)[1])
    step = outer_step(forward, args.k, args.alpha)
    state = [params, jax.tree.map(jnp.zeros_like, params), moving]
    for line in sys.stdin:
        if line.strip() != "jitted":
            raise SystemExit(f"There is no program {line.strip()!r}.")
        count = 0
        start, processor = time.perf_counter(), time.process_time()
        while count == 0 or time.perf_counter() - start < TURN_SECONDS:
            *state, loss = step(*state, xs, ys)
            loss.block_until_ready()
            count += 1
        costs = time.perf_counter() - start, time.process_time() - processor
        print(*(seconds * 1000 / count for seconds in costs), flush=True)


main()
