"""Lookbehind-SAM outer steps in PyTorch, for bench/pytorch.ts.

Two programs of the same work: `official` drives the class LookbehindSAM of the official lookbehind.py the way its example does
(2k gradients); `optimized` is written for speed with the same right to shortcuts that the TypeScript has (k + 1 gradients,
foreach updates, channels_last). Reads one program name per line, takes steps with it for one turn, answers with the time and the
processor time per step in ms.
"""

import argparse
import importlib.util
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F

# As in pytorch.ts.
TURN_SECONDS = 0.05
MOMENTUM, WEIGHT_DECAY, RATE, RHO, CLASSES = 0.9, 5e-4, 0.01, 0.05, 10


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Sequential()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(y)) + self.shortcut(x))


def resnet(width, blocks):
    layers = [nn.Conv2d(3, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
    inputs = width
    for stage, count in enumerate(blocks):
        outputs = width * 2**stage
        for block in range(count):
            layers.append(Block(inputs, outputs, 2 if stage > 0 and block == 0 else 1))
            inputs = outputs
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inputs, CLASSES))


def make(name):
    if name == "mlp":
        sizes = [64, 128, 128]
        hidden = [layer for i, o in zip(sizes, sizes[1:]) for layer in (nn.Linear(i, o), nn.ReLU())]
        return nn.Sequential(*hidden, nn.Linear(128, CLASSES)), (64,)
    if name == "convnet":
        convolutions = [
            layer for i, o in ((1, 16), (16, 32)) for layer in (nn.Conv2d(i, o, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
        ]
        return nn.Sequential(*convolutions, nn.Flatten(), nn.Linear(32 * 49, CLASSES)), (1, 28, 28)
    if name == "resnet20":
        return resnet(16, (3, 3, 3)), (3, 32, 32)
    return resnet(64, (3, 4, 6, 3)), (3, 32, 32)


def official(args, xs, ys):
    spec = importlib.util.spec_from_file_location("lookbehind", args.official)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    model, _ = make(args.model)
    base = torch.optim.SGD(model.parameters(), lr=RATE, momentum=MOMENTUM, weight_decay=WEIGHT_DECAY)
    alpha = -1 if args.alpha == "adaptive" else float(args.alpha)
    minimizer = module.LookbehindSAM(base, model, rho=RHO, k_steps=args.k, alpha=alpha)

    def step():
        for _ in range(args.k):
            F.cross_entropy(model(xs), ys).backward()
            minimizer.ascent_step()
            F.cross_entropy(model(xs), ys).backward()
            minimizer.descent_step()

    return step


def optimized(args, xs, ys):
    model, shape = make(args.model)
    if len(shape) == 3:
        model, xs = model.to(memory_format=torch.channels_last), xs.contiguous(memory_format=torch.channels_last)
    live = list(model.parameters())
    fast = [p.detach().clone() for p in live]
    slow = [p.detach().clone() for p in live]
    momentum = [torch.zeros_like(p) for p in live]
    norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]

    def gradient(updates):
        for norm in norms:
            norm.momentum = 1 - 0.9**updates
        return torch.autograd.grad(F.cross_entropy(model(xs), ys), live)

    def step():
        grads = gradient(1)
        for inner in range(args.k):
            with torch.no_grad():
                norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(grads)))
                torch._foreach_add_(live, torch._foreach_mul(grads, RHO / (norm + 1e-16)))
            grads = gradient(2 if inner < args.k - 1 else 1)
            with torch.no_grad():
                torch._foreach_mul_(momentum, MOMENTUM)
                torch._foreach_add_(momentum, grads)
                torch._foreach_add_(momentum, fast, alpha=WEIGHT_DECAY)
                torch._foreach_add_(fast, momentum, alpha=-RATE)
            if inner == 0:
                first = [f.clone() for f in fast] if args.alpha == "adaptive" else None
        with torch.no_grad():
            for i, (f, s) in enumerate(zip(fast, slow)):
                alpha = adaptive(first[i] - s, f - s) if first else float(args.alpha)
                s.lerp_(f, alpha)
            for target in (live, fast):
                torch._foreach_copy_(target, slow)

    return step


def adaptive(a, b):
    return ((F.cosine_similarity(a.flatten(), b.flatten(), dim=0) + 1) / 2).item()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--official", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--k", type=int, required=True)
    parser.add_argument("--alpha", required=True)
    parser.add_argument("--threads", type=int)
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    _, shape = make(args.model)
    xs, ys = torch.randn(args.batch, *shape), torch.randint(0, CLASSES, (args.batch,))
    steps = {"official": official(args, xs, ys), "optimized": optimized(args, xs, ys)}
    for line in sys.stdin:
        step, count = steps[line.strip()], 0
        start, processor = time.perf_counter(), time.process_time()
        while count == 0 or time.perf_counter() - start < TURN_SECONDS:
            step()
            count += 1
        costs = time.perf_counter() - start, time.process_time() - processor
        print(*(seconds * 1000 / count for seconds in costs), flush=True)


main()
