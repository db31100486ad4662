"""Epochs of Keras's `fit` and of an eager PyTorch loop, for bench/fit.ts.

Both train the models of fit.ts with Adam and count loss and accuracy, as `fit` does. A process has one of the two (TensorFlow and
PyTorch cannot be loaded together). It trains for some epochs for each line that it reads, and answers with the time and the
processor time per step in ms.
"""

import argparse
import math
import os
import sys
import time

import numpy as np

RATE = 0.001

# Name: inputs, classes, samples, batch, epochs per turn. As in fit.ts.
TASKS = {"mlp": ((2,), 2, 1000, 64, 4), "convnet": ((28, 28, 1), 10, 1024, 128, 1)}


def keras_program(name, x, y, classes, batch):
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import keras
    from keras import layers

    stack = {
        "mlp": lambda: [layers.Dense(64, activation="relu"), layers.Dense(classes, activation="softmax")],
        "convnet": lambda: [
            layers.Conv2D(16, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(classes, activation="softmax"),
        ],
    }
    model = keras.Sequential([keras.Input(x.shape[1:]), *stack[name]()])
    model.compile(optimizer=keras.optimizers.Adam(RATE), loss="categorical_crossentropy", metrics=["accuracy"])
    targets = np.eye(classes, dtype=np.float32)[y]
    return lambda epochs: model.fit(x, targets, batch_size=batch, epochs=epochs, verbose=0)


def pytorch_program(name, x, y, classes, batch):
    import torch
    from torch import nn

    networks = {
        "mlp": lambda: nn.Sequential(nn.Linear(2, 64), nn.ReLU(), nn.Linear(64, classes)),
        "convnet": lambda: nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(32 * 49, classes),
        ),
    }
    network = networks[name]()
    optimizer = torch.optim.Adam(network.parameters(), RATE)
    inputs = torch.from_numpy(x if x.ndim == 2 else np.ascontiguousarray(x.transpose(0, 3, 1, 2)))
    labels = torch.from_numpy(y)

    def train(epochs):
        for _ in range(epochs):
            loss_sum, correct = 0.0, 0
            for chosen in torch.randperm(len(labels)).split(batch):
                xs, ys = inputs[chosen], labels[chosen]
                optimizer.zero_grad()
                logits = network(xs)
                loss = nn.functional.cross_entropy(logits, ys)
                loss.backward()
                optimizer.step()
                loss_sum += loss.item() * len(ys)
                correct += (logits.argmax(1) == ys).sum().item()

    return train


PROGRAMS = {"keras": keras_program, "pytorch": pytorch_program}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", choices=TASKS, required=True)
    parser.add_argument("--program", choices=PROGRAMS, required=True)
    args = parser.parse_args()
    inputs, classes, samples, batch, epochs = TASKS[args.model]
    random = np.random.RandomState(0)
    x = random.randn(samples, *inputs).astype(np.float32)
    y = random.randint(classes, size=samples)
    train = PROGRAMS[args.program](args.model, x, y, classes, batch)
    train(2)
    for _ in sys.stdin:
        start, processor = time.perf_counter(), time.process_time()
        train(epochs)
        steps = epochs * math.ceil(samples / batch)
        ms = [1000 * (end - begin) / steps for begin, end in ((start, time.perf_counter()), (processor, time.process_time()))]
        print(*ms, flush=True)


main()
