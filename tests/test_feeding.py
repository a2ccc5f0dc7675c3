import dni_lesson as dni
from dni_lesson.feeding import batches

import helpers
import keras
import numpy as np
import pytest

X = np.arange(10, dtype="float32")[:, None]


def order(data):
    """The examples in the order in which one epoch brings them."""
    return np.concatenate([batch[0] for batch in data]).ravel().tolist()


def compiled():
    model = dni.mlp(depth=2, units=4, input_dim=6, num_classes=3)
    model.compile("sgd", helpers.crossentropy(), run_eagerly=True)
    return model


def test_each_epoch_brings_every_example_once_in_an_order_of_its_own():
    keras.utils.set_random_seed(0)
    data = batches(X, batch_size=4, shuffle=True)
    epochs = [order(data) for _ in range(3)]
    assert all(sorted(epoch) == X.ravel().tolist() for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 3


def test_the_order_follows_the_random_seed():
    orders = []
    for seed in (1, 1, 2):
        keras.utils.set_random_seed(seed)
        data = batches(X, shuffle=True)
        orders.append([order(data), order(data)])
    assert orders[0] == orders[1] != orders[2]


def test_without_shuffling_the_order_is_kept():
    data = batches(X, -X, batch_size=4)
    assert [len(x) for x, _ in data] == [4, 4, 2]
    assert len(data) == 3
    assert order(data) == X.ravel().tolist()
    assert all(np.array_equal(x, -y) for x, y in data)


def test_the_tuner_that_holds_up_the_end_of_an_epoch_is_off():
    assert batches(X).options().autotune.enabled is False


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"batch_size": 0}, "`batch_size`. Expected an integer >= 1"),
        ({"sample_weight": np.ones(9)}, "`sample_weight`. Expected one .*: 10"),
        ({"validation_split": 1.0}, "`validation_split`. Expected a number"),
    ],
)
def test_fit_refuses_bad_settings_by_name(arguments, message):
    x, y = helpers.toy_data(10)
    with pytest.raises(ValueError, match=message):
        compiled().fit(x, y, verbose=0, **arguments)


def test_validation_split_holds_out_the_last_examples():
    x, y = helpers.toy_data(10)
    split, given = compiled(), compiled()
    keras.utils.set_random_seed(0)
    one = split.fit(x, y, validation_split=0.3, verbose=0)
    keras.utils.set_random_seed(0)
    held_out = (x[7:], y[7:])
    two = given.fit(x[:7], y[:7], validation_data=held_out, verbose=0)
    assert one.history["val_loss"] == two.history["val_loss"]


def test_evaluate_weighs_examples():
    x, y = helpers.toy_data(10)
    model = compiled()
    first = np.arange(10) < 5
    weighed = model.evaluate(
        x, y, batch_size=10, sample_weight=2.0 * first, verbose=0
    )
    alone = model.evaluate(x[first], y[first], verbose=0)
    assert weighed == pytest.approx(alone, rel=1e-5)
