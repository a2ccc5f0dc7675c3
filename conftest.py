"""At the root, because it serves both tests/ and notebooks/."""

import os

pytest_plugins = ["nbval_mends"]

# Laws hold to the last digits, and a GPU adds up in another order each time.
# Set here, it holds for TensorFlow in this process and in all that it starts.
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"

# With several workers, a long file that comes last is waited for.
LONGEST_FIRST = (
    "tests/test_browser_panels.py",
    "tests/test_workers_fit.py",
    "tests/test_workers_cluster.py",
    "notebooks/08_beyond_the_mlp.ipynb",
    "tests/test_experiments_arms.py",
    "notebooks/04_watching_gradients.ipynb",
    "tests/test_synthetic_inputs.py",
    "tests/test_experiments_running.py",
    "notebooks/09_through_time.ipynb",
    "tests/test_workers_advising.py",
    "tests/test_browser_playground.py",
    "notebooks/06_really_asynchronous.ipynb",
    "tests/test_convolutional.py",
    "notebooks/03_decoupled_layer.ipynb",
    "tests/test_workers_team.py",
    "tests/test_stochastic.py",
    "tests/test_other_models.py",
    "tests/test_model.py",
    "tests/test_panels_race.py",
    "notebooks/05_is_it_faster.ipynb",
    "tests/test_through_time.py",
    "tests/test_recurrence.py",
    "tests/test_keras_arguments.py",
    "tests/test_experiments_racing.py",
    "tests/test_monitors.py",
    "notebooks/07_who_wins.ipynb",
    "notebooks/00_start_here.ipynb",
    "notebooks/solutions/10_playground.ipynb",
    "tests/test_setup_files.py",
)


def pytest_collection_modifyitems(items):
    """Begins with the files that take longest."""

    def place(item):
        found = enumerate(map(item.path.match, LONGEST_FIRST))
        return next((i for i, it_is in found if it_is), len(LONGEST_FIRST))

    items.sort(key=place)
