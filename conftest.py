"""At the root, because it serves both tests/ and notebooks/."""

import os

pytest_plugins = ["nbval_mends"]

# Laws hold to the last digits, and a GPU adds up in another order each time.
# Set here, it holds for TensorFlow in this process and in all that it starts.
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
