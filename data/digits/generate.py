"""Makes digits.bin, the 8 x 8 optical digits that ship with the project.

    python3 -m venv venv && venv/bin/pip install scikit-learn
    venv/bin/python data/digits/generate.py

Layout of the file, no header: the images, then their labels, in the order of scikit-learn's load_digits.
    uint8 [1797, 8, 8]   grey levels 0 (white) to 16 (black)
    uint8 [1797]         the digit
"""

import hashlib
import pathlib

from sklearn.datasets import load_digits

images, labels = load_digits(return_X_y=True)
assert images.shape == (1797, 64) and images.min() == 0 and images.max() == 16 and (images % 1 == 0).all()

content = images.astype("u1").tobytes() + labels.astype("u1").tobytes()
folder = pathlib.Path(__file__).parent
(folder / "digits.bin").write_bytes(content)
digest = hashlib.sha256(content).hexdigest()
(folder / "SHA256SUMS").write_text(f"{digest}  digits.bin\n")
print(len(content), "bytes, SHA-256", digest)
