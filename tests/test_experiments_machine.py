from dni_lesson.experiments.machine import peak_mib

import pytest

pytestmark = pytest.mark.slow


def test_a_wide_arm_needs_more_memory_by_its_weights_and_their_moments():
    small, large = (
        peak_mib("backprop", 3, units, 16, "CPU") for units in (8, 4096)
    )
    # 4096 units: 20 million weights of 4 bytes, and Adam's two moments.
    weights = 784 * 4096 + 4096 * 4096 + 4096 * 10
    assert large - small > 3 * weights * 4 / 2**20


def test_a_failure_in_the_other_process_is_told():
    with pytest.raises(RuntimeError, match="of .sgd. failed:(.|\n)*`arms`"):
        peak_mib("sgd", 3, 8, 16, "CPU")
