"""At the root, because it serves both tests/ and notebooks/."""

pytest_plugins = ["nbval_mends"]
