"""At the root, because it serves both tests/ and notebooks/."""

import os

pytest_plugins = ["nbval_mends"]

# Laws hold to the last digits, and a GPU adds up in another order each time.
# Set here, it holds for TensorFlow in this process and in all that it starts.
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"

# With several workers, a long file that comes last is waited for.
LONGEST_FIRST = (
    "tests/test_browser_panels.py",
    "notebooks/04_watching_gradients.ipynb",
    "tests/test_workers_fit.py",
    "notebooks/06_really_asynchronous.ipynb",
    "tests/test_experiments_arms.py",
    "tests/test_browser_playground.py",
    "tests/test_workers_team.py",
    "notebooks/03_decoupled_layer.ipynb",
    "notebooks/05_is_it_faster.ipynb",
    "tests/test_workers_cluster.py",
    "tests/test_experiments_running.py",
    "tests/test_other_models.py",
    "tests/test_panels_race.py",
    "tests/test_keras_arguments.py",
    "notebooks/00_start_here.ipynb",
    "notebooks/02_predicting_a_gradient.ipynb",
    "tests/test_model.py",
    "notebooks/solutions/10_playground.ipynb",
    "notebooks/10_playground.ipynb",
    "tests/test_setup_files.py",
)


def pytest_collection_modifyitems(items):
    """Begins with the files that take longest."""

    def place(item):
        found = enumerate(map(item.path.match, LONGEST_FIRST))
        return next((i for i, it_is in found if it_is), len(LONGEST_FIRST))

    items.sort(key=place)
