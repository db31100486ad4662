"""Makes mnist1d.bin, the MNIST-1D signals that ship with the project.

    python3 -m venv venv && venv/bin/pip install mnist1d==0.0.2.post1
    venv/bin/python data/mnist1d/generate.py

Layout of the file, little-endian, no header: the inputs of all sets, then their labels.
    float32 [13000, 40]   train 4000, test 1000, selection 4000, freshTest 4000
    uint8   [13000]       the digit, in the same order
"""

import hashlib
import pathlib

import numpy as np
from mnist1d.data import get_dataset_args, make_dataset


def generate(seed, num_samples, train_split):
    args = get_dataset_args()
    args.seed, args.num_samples, args.train_split = seed, num_samples, train_split
    return make_dataset(args)


published = generate(seed=42, num_samples=5000, train_split=0.8)
selection = generate(seed=43, num_samples=4000, train_split=1)
fresh = generate(seed=44, num_samples=4000, train_split=1)

inputs = np.concatenate([published["x"], published["x_test"], selection["x"], fresh["x"]])
labels = np.concatenate([published["y"], published["y_test"], selection["y"], fresh["y"]])
assert inputs.shape == (13000, 40) and labels.shape == (13000,)

content = inputs.astype("<f4").tobytes() + labels.astype("u1").tobytes()
folder = pathlib.Path(__file__).parent
(folder / "mnist1d.bin").write_bytes(content)
digest = hashlib.sha256(content).hexdigest()
(folder / "SHA256SUMS").write_text(f"{digest}  mnist1d.bin\n")
print(len(content), "bytes, SHA-256", digest)
