"""Makes the *.safetensors files of this folder: narrow networks in PyTorch, with their loss and gradients.

    python -m venv venv && venv/bin/pip install torch safetensors
    venv/bin/python test/golden/models/make.py

For each network NAME.state.safetensors is its state dictionary as PyTorch saves it, and NAME.check.safetensors has

    inputs              [n, channels, height, width]
    labels              [n], int64
    logits.eval         outputs in evaluation mode, with the running statistics of the state
    logits.train        outputs in training mode, and from that one pass:
    loss                mean cross-entropy
    gradient.NAME       its gradient for each parameter
    after.NAME          running means and variances afterwards

Weights and inputs are float32 numbers; everything is computed from them in float64 and rounded to float32 at the end. To keep it small,
the weights of ResNet-50 are float16 numbers, and its check has gradients and statistics of the first block of stages 1, 2 and 4 only.

The networks are written after their papers, with the module names of the usual PyTorch code: ResNet as in kuangliu/pytorch-cifar,
Wide ResNet as in xternalz/WideResNet-pytorch, ViT as in timm. The ViT is built of PyTorch's own nn.TransformerEncoderLayer.
"""

import re
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F

FOLDER = Path(__file__).parent


def conv(inputs, outputs, size, stride=1):
    return nn.Conv2d(inputs, outputs, size, stride, padding=size // 2, bias=False)


class Residual(nn.Module):
    """A residual block: convolutions (size, outputs, stride), each followed by BatchNorm, and a shortcut."""

    def __init__(self, inputs, layers):
        super().__init__()
        channels = inputs
        for i, (size, outputs, stride) in enumerate(layers, 1):
            setattr(self, f"conv{i}", conv(channels, outputs, size, stride))
            setattr(self, f"bn{i}", nn.BatchNorm2d(outputs))
            channels = outputs
        self.count = len(layers)
        stride = max(stride for _, _, stride in layers)
        changes = stride != 1 or channels != inputs
        self.shortcut = nn.Sequential(conv(inputs, channels, 1, stride), nn.BatchNorm2d(channels)) if changes else nn.Sequential()

    def forward(self, x):
        h = x
        for i in range(1, self.count + 1):
            h = getattr(self, f"bn{i}")(getattr(self, f"conv{i}")(h))
            if i < self.count:
                h = F.relu(h)
        return F.relu(h + self.shortcut(x))


class ResNet(nn.Module):
    """He et al. 2016, with one 3 x 3 convolution as stem. Bottleneck blocks put out four times their width."""

    def __init__(self, width, blocks, bottleneck, classes):
        super().__init__()
        self.conv1 = conv(3, width, 3)
        self.bn1 = nn.BatchNorm2d(width)
        channels = width
        self.stages = len(blocks)
        for stage, count in enumerate(blocks, 1):
            filters = width * 2 ** (stage - 1)
            modules = []
            for block in range(count):
                stride = 2 if stage > 1 and block == 0 else 1
                if bottleneck:
                    layers = [(1, filters, 1), (3, filters, stride), (1, 4 * filters, 1)]
                else:
                    layers = [(3, filters, stride), (3, filters, 1)]
                modules.append(Residual(channels, layers))
                channels = layers[-1][1]
            setattr(self, f"layer{stage}", nn.Sequential(*modules))
        self.linear = nn.Linear(channels, classes)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        for stage in range(1, self.stages + 1):
            x = getattr(self, f"layer{stage}")(x)
        return self.linear(x.mean((2, 3)))


class WideBlock(nn.Module):
    """BatchNorm and ReLU before each convolution. Where the shape changes, the shortcut starts after the first ReLU."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.bn1 = nn.BatchNorm2d(inputs)
        self.conv1 = conv(inputs, outputs, 3, stride)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.conv2 = conv(outputs, outputs, 3)
        self.convShortcut = conv(inputs, outputs, 1, stride) if inputs != outputs else None

    def forward(self, x):
        h = F.relu(self.bn1(x))
        shortcut = x if self.convShortcut is None else self.convShortcut(h)
        return shortcut + self.conv2(F.relu(self.bn2(self.conv1(h))))


class WideStage(nn.Module):
    def __init__(self, blocks):
        super().__init__()
        self.layer = nn.Sequential(*blocks)

    def forward(self, x):
        return self.layer(x)


class WideResNet(nn.Module):
    """Zagoruyko and Komodakis 2016. `width` is 16 in the paper."""

    def __init__(self, depth, widen, width, classes):
        super().__init__()
        self.conv1 = conv(3, width, 3)
        channels = width
        for stage in (1, 2, 3):
            outputs = width * widen * 2 ** (stage - 1)
            blocks = []
            for block in range((depth - 4) // 6):
                blocks.append(WideBlock(channels, outputs, 2 if stage > 1 and block == 0 else 1))
                channels = outputs
            setattr(self, f"block{stage}", WideStage(blocks))
        self.bn1 = nn.BatchNorm2d(channels)
        self.fc = nn.Linear(channels, classes)

    def forward(self, x):
        x = self.block3(self.block2(self.block1(self.conv1(x))))
        return self.fc(F.relu(self.bn1(x)).mean((2, 3)))


class ViT(nn.Module):
    """Dosovitskiy et al. 2021, of PyTorch's encoder layers in pre-norm order."""

    def __init__(self, side, patch, width, depth, heads, hidden, classes):
        super().__init__()
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + (side // patch) ** 2, width))
        self.patches = nn.Conv2d(3, width, patch, patch)
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(
                width, heads, hidden, dropout=0, activation="gelu", layer_norm_eps=1e-6, batch_first=True, norm_first=True
            )
            for _ in range(depth)
        )
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.head = nn.Linear(width, classes)

    def forward(self, x):
        tokens = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls_token.expand(len(x), -1, -1), tokens], 1) + self.pos_embed
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x)[:, 0])


# Names of nn.TransformerEncoderLayer, and those of timm for the same tensors.
TIMM_NAMES = {
    "patches.": "patch_embed.proj.",
    "self_attn.in_proj_": "attn.qkv.",
    "self_attn.out_proj.": "attn.proj.",
    "linear1.": "mlp.fc1.",
    "linear2.": "mlp.fc2.",
}


def saved_name(name):
    for old, new in TIMM_NAMES.items():
        name = name.replace(old, new)
    return name


def make(name, network, shape, classes, seed, small=False):
    torch.manual_seed(seed)
    network = network()
    with torch.no_grad():
        for key, tensor in network.state_dict().items():
            if key.endswith("running_var"):
                tensor.uniform_(0.5, 2)
            elif key.endswith("num_batches_tracked"):
                tensor.fill_(7)
            elif key.endswith("running_mean") or key.endswith("bias") or key in ("cls_token", "pos_embed"):
                tensor.normal_(0, 0.3)
            elif tensor.ndim == 1:
                tensor.uniform_(0.5, 1.5)
    if small:
        network.half().float()
    state = {saved_name(key): tensor.clone() for key, tensor in network.state_dict().items()}
    inputs = torch.randn(shape)
    labels = torch.arange(shape[0]) * 2 % classes

    network.double()
    network.eval()
    check = {"inputs": inputs, "labels": labels, "logits.eval": network(inputs.double())}
    network.train()
    logits = network(inputs.double())
    loss = F.cross_entropy(logits, labels)
    loss.backward()
    check |= {"logits.train": logits, "loss": loss}
    check |= {f"gradient.{saved_name(key)}": parameter.grad for key, parameter in network.named_parameters()}
    check |= {f"after.{key}": buffer for key, buffer in network.named_buffers() if not key.endswith("tracked")}
    check = {key: tensor.detach().to(tensor.dtype if tensor.dtype == torch.int64 else torch.float32) for key, tensor in check.items()}

    if small:
        state = {key: tensor.half() if tensor.is_floating_point() else tensor for key, tensor in state.items()}
        check = {key: tensor for key, tensor in check.items() if not re.search(r"\.layer\d\.[1-9]|\.layer3\.", key)}

    for part, tensors in (("state", state), ("check", check)):
        save_file({key: tensor.contiguous() for key, tensor in tensors.items()}, FOLDER / f"{name}.{part}.safetensors")


make("resnet20", lambda: ResNet(2, [3, 3, 3], False, 5), (4, 3, 12, 12), 5, seed=1)
make("resnet50", lambda: ResNet(2, [3, 4, 6, 3], True, 5), (4, 3, 12, 12), 5, seed=2, small=True)
make("wrn10", lambda: WideResNet(10, 2, 2, 5), (4, 3, 13, 12), 5, seed=3)
make("vit", lambda: ViT(12, 4, 12, 2, 3, 20, 5), (4, 3, 12, 12), 5, seed=4)
