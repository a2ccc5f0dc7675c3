"""Random examples of the size of MNIST, the same for every arm."""

import numpy as np


def arrays(examples):
    """Returns inputs `(examples, 784)` and labels `(examples,)`."""
    rng = np.random.default_rng(0)
    x = rng.random((examples, 784), dtype="float32")
    return x, rng.integers(10, size=examples)
