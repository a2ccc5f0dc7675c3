import dni_lesson as dni

import helpers
import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers import crossentropy, double_precision
from keras import ops

__all__ = ["double_precision"]

EPISODES, TIME, UNITS, CLASSES = 5, 7, 4, 3
RNG = np.random.default_rng(0)
X = RNG.normal(size=(EPISODES, TIME, 2))
Y = RNG.integers(0, CLASSES, (EPISODES, TIME))
MASK = RNG.integers(0, 2, (EPISODES, TIME)).astype("float64")


def rnn(window, interface=None, cell=None, **kwargs):
    """A built model with the same cell and readout each time."""
    keras.utils.set_random_seed(0)
    cell = cell or keras.layers.LSTMCell(UNITS)
    readout = keras.layers.Dense(CLASSES)
    model = dni.TruncatedRNN(cell, readout, window, interface, **kwargs)
    model.build((None, TIME, 2))
    return model


def compiled(model, optimizer=None, **kwargs):
    kwargs = {"run_eagerly": True, "jit_compile": False} | kwargs
    optimizer = optimizer or keras.optimizers.SGD(0.0)
    model.compile(optimizer, crossentropy(), **kwargs)
    return model


def random_predictor():
    return dni.SyntheticGradient(
        keras.layers.Dense(
            2 * UNITS,
            kernel_initializer=keras.initializers.RandomNormal(seed=1),
            bias_initializer=keras.initializers.RandomNormal(seed=2),
        )
    )


def received(model, x=X, y=Y, sample_weight=None):
    """Returns the gradients of an episode, summed over its windows.

    An optimizer that gathers them all changes no weight in between.
    """
    updates = -(-TIME // model.window)
    gather = {"gradient_accumulation_steps": updates} if updates > 1 else {}
    compiled(model, keras.optimizers.SGD(1.0, **gather))
    variables = model.trainable_variables
    before = [one.numpy() for one in variables]
    model.train_on_batch(x, y, sample_weight)
    return {
        id(one): updates * (old - one.numpy())
        for one, old in zip(variables, before, strict=True)
    }


def of_network(model, gradients):
    """Returns the gradients of the cell and the readout, in this order."""
    parts = (model.cell, model.readout)
    return [
        gradients[id(one)] for part in parts for one in part.trainable_variables
    ]


def unrolled(model, sample_weight=None, is_cut=False):
    """Runs the episode by hand, window by window.

    Returns:
        The gradients of cell and readout; the states at the start of each
        window, `(windows, episodes, 2 * units)`; the gradients there.
    """
    run = keras.layers.RNN(model.cell, return_sequences=True, return_state=True)
    vector, starts, loss = tf.zeros((EPISODES, 2 * UNITS), "float64"), [], 0.0
    variables = [
        *model.cell.trainable_variables,
        *model.readout.trainable_variables,
    ]
    with tf.GradientTape(persistent=True) as tape:
        for begin in range(0, TIME, model.window):
            here = slice(begin, begin + model.window)
            vector = tf.stop_gradient(vector) if is_cut else 1.0 * vector
            tape.watch(vector)
            starts.append(vector)
            h, *state = run(
                tf.constant(X[:, here]),
                initial_state=tf.split(vector, 2, axis=1),
            )
            weight = None if sample_weight is None else sample_weight[:, here]
            loss += h.shape[1] * crossentropy()(
                Y[:, here], model.readout(h), weight
            )
            vector = tf.concat(state, axis=1)
    return (
        [one.numpy() for one in tape.gradient(loss, variables)],
        tf.stack(starts),
        tf.stack(tape.gradient(loss, starts)),
    )


def assert_close(ones, others, **kwargs):
    for one, other in zip(ones, others, strict=True):
        np.testing.assert_allclose(one, other, **{"atol": 1e-12} | kwargs)


@pytest.mark.parametrize("window", [TIME, TIME + 2])
@pytest.mark.parametrize("interface", [None, random_predictor])
@pytest.mark.parametrize("weight", [None, MASK])
def test_a_window_as_long_as_the_episode_is_full_backprop_through_time(
    window, interface, weight, double_precision
):
    model = rnn(window, interface and interface())
    plain = keras.layers.RNN(model.cell, return_sequences=True)
    parts = [model.cell, model.readout]
    variables = [one for part in parts for one in part.trainable_variables]
    with tf.GradientTape() as tape:
        out = model.readout(plain(tf.constant(X)))
        loss = TIME * crossentropy()(Y, out, weight)
    expected = tape.gradient(loss, variables)
    found = of_network(model, received(model, sample_weight=weight))
    assert_close(found, expected)


@pytest.mark.parametrize("window", [1, 3, 5])
@pytest.mark.parametrize("weight", [None, MASK])
def test_without_an_interface_no_gradient_crosses_a_cut(
    window, weight, double_precision
):
    model = rnn(window)
    expected, _, _ = unrolled(model, weight, is_cut=True)
    found = of_network(model, received(model, sample_weight=weight))
    assert_close(found, expected)


@pytest.mark.parametrize(
    "interface, discount",
    [
        (lambda: dni.SyntheticGradient(dni.ZeroPredictor()), 1.0),
        (dni.SyntheticGradient, 1.0),  # Zero at the start.
        (random_predictor, 0.0),
    ],
)
def test_predictions_that_are_zero_or_count_for_nothing_change_nothing(
    interface, discount, double_precision
):
    model, plain = rnn(3, interface(), discount=discount), rnn(3)
    found, expected = (of_network(one, received(one)) for one in (model, plain))
    assert_close(found, expected)


class Oracle(dni.Interface):
    """Knows the state at each cut and the true gradient there."""

    def __init__(self, states, gradients):
        super().__init__()
        self.known, self.errors = (states, gradients), []
        # Without anything to learn no error would be asked for.
        self.offset = self.add_weight(shape=(), initializer="zeros")

    def synthetic_gradient(
        self, inputs, labels=None, gradient_scale=None, training=False
    ):
        states, gradients = self.known
        distance = ops.sum((states - inputs) ** 2, axis=(1, 2))
        return gradients[int(ops.argmin(distance))] + self.offset

    def error(self, g_hat, g, gradient_scale):
        self.errors.append((g_hat - g).numpy())
        return g_hat - g


@pytest.mark.parametrize("window", [1, 3, 6])
def test_an_oracle_makes_truncated_equal_full_backprop_through_time(
    window, double_precision
):
    full, states, truth = unrolled(rnn(window))
    oracle = Oracle(states, truth)
    model = rnn(window, oracle)
    assert_close(of_network(model, received(model)), full)
    # What arrives is bootstrapped, and yet the truth.
    assert len(oracle.errors) == len(states)
    assert_close(oracle.errors, np.zeros_like(oracle.errors))


@pytest.mark.parametrize("discount", [1.0, 0.3])
def test_predictor_gradient_equals_finite_differences_of_its_loss(
    discount, double_precision
):
    """Half the squared error to the loss of the window and what follows it."""
    model = rnn(3, random_predictor(), discount=discount)
    predictor = model.interface.predictor
    _, states, _ = unrolled(model)
    targets = []
    for k, vector in enumerate(states):
        here = slice(3 * k, 3 * k + 3)
        with tf.GradientTape() as tape:
            tape.watch(vector)
            h, *state = model.windowed(
                tf.constant(X[:, here]),
                initial_state=tf.split(vector, 2, axis=1),
            )
            loss = h.shape[1] * crossentropy()(Y[:, here], model.readout(h))
            if k + 1 < len(states):
                end = tf.concat(state, axis=1)
                g_hat = tf.stop_gradient(predictor(end)) / EPISODES
                loss += discount * tf.reduce_sum(g_hat * end)
        # From the mean over the batch to units of each example's loss.
        targets.append(EPISODES * tape.gradient(loss, vector))

    def half_squared_error():
        error = predictor(states).numpy() - np.array(targets)
        return 0.5 * np.sum(error**2) / EPISODES

    expected = [
        helpers.finite_differences(one, half_squared_error)
        for one in predictor.trainable_variables
    ]
    gradients = received(model)
    found = [gradients[id(one)] for one in predictor.trainable_variables]
    assert_close(found, expected, atol=1e-8)


def test_no_state_leaks_from_one_example_into_another(double_precision):
    others = X.copy()
    others[0] = 100 * RNG.normal(size=(TIME, 2))
    weight = np.array([0.0, 1.0, 2.0, 1.0, 0.5])
    models = [rnn(3, random_predictor()) for _ in range(2)]
    found, expected = (
        list(received(model, x, sample_weight=weight).values())
        for model, x in zip(models, (X, others), strict=True)
    )
    assert_close(found, expected)


def test_no_state_leaks_from_one_episode_into_another(double_precision):
    model = compiled(rnn(3, random_predictor()))
    alone = model.train_on_batch(X, Y)
    model.reset_metrics()
    model.train_on_batch(50 * X[::-1], Y)
    model.reset_metrics()
    np.testing.assert_allclose(model.train_on_batch(X, Y), alone, rtol=1e-12)


@pytest.mark.parametrize("weight", [None, MASK, MASK[:, 0]])
def test_the_loss_is_a_sum_over_steps_and_a_mean_over_episodes(
    weight, double_precision
):
    model = compiled(rnn(3, random_predictor()))
    w = np.ones_like(MASK) if weight is None else weight
    w = w.reshape(EPISODES, -1)
    each = keras.losses.sparse_categorical_crossentropy(
        Y, model.predict(X, verbose=0), from_logits=True
    )
    expected = np.sum(w * each.numpy()) / EPISODES
    history = model.fit(X, Y, EPISODES, verbose=0, sample_weight=weight)
    evaluated = model.evaluate(X, Y, verbose=0, sample_weight=weight)
    np.testing.assert_allclose(history.history["loss"], expected)
    np.testing.assert_allclose(evaluated, expected)


def test_metrics_see_each_step_with_its_label():
    cost = keras.metrics.SparseCategoricalCrossentropy(from_logits=True)
    model = compiled(rnn(3), weighted_metrics=[cost])
    history = model.fit(X, Y, 5, verbose=0, sample_weight=MASK).history
    evaluated = model.evaluate(X, Y, verbose=0, sample_weight=MASK)
    found = [values[0] for values in history.values()]
    np.testing.assert_allclose(found, evaluated, rtol=1e-5)


def test_each_window_is_an_update(double_precision):
    model = compiled(rnn(3))
    model.fit(X, Y, 2, epochs=2, verbose=0)
    assert int(model.optimizer.iterations) == 2 * 3 * 3


@pytest.mark.parametrize("jit_compile", [False, True])
def test_compiled_and_eager_training_agree(jit_compile, double_precision):
    results = []
    for kwargs in ({}, {"run_eagerly": False, "jit_compile": jit_compile}):
        model = rnn(3, random_predictor())
        compiled(model, keras.optimizers.Adam(0.01), **kwargs)
        model.fit(X, Y, EPISODES, epochs=3, verbose=0, shuffle=False)
        results.append(helpers.weights(model))
    assert_close(*results, atol=1e-7)


@pytest.mark.parametrize("method", ["fit", "train_on_batch"])
def test_episodes_of_other_lengths_may_follow(method, double_precision):
    results = []
    for run_eagerly in (True, False):
        model = rnn(3, random_predictor())
        compiled(model, keras.optimizers.SGD(0.1), run_eagerly=run_eagerly)
        for steps in (7, 5, 3, 2, 6, 7):
            x, y = X[:, :steps], Y[:, :steps]
            if method == "fit":
                model.fit(x, y, EPISODES, verbose=0, shuffle=False)
            else:
                model.train_on_batch(x, y)
        results.append(helpers.weights(model))
    assert_close(*results)


@pytest.mark.parametrize(
    "cell",
    [
        lambda: keras.layers.GRUCell(3),
        lambda: keras.layers.SimpleRNNCell(3),
        lambda: keras.layers.StackedRNNCells(
            [keras.layers.LSTMCell(3), keras.layers.GRUCell(2)]
        ),
        lambda: keras.layers.StackedRNNCells(
            [keras.layers.LSTMCell(3), keras.layers.LSTMCell(2)]
        ),
    ],
)
def test_any_cell_trains_and_comes_back_from_a_file(cell, tmp_path):
    model = rnn(3, dni.SyntheticGradient(), cell(), discount=0.5)
    compiled(model, "adam")
    model.fit(X, Y, verbose=0)
    assert np.any(model.interface.predictor.get_weights()[0])
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    assert (loaded.window, loaded.discount) == (3, 0.5)
    compiled(loaded, loaded.optimizer)
    ends = []
    for one in (model, loaded):
        one.fit(X, Y, EPISODES, verbose=0)
        ends.append(one.predict_on_batch(X))
    np.testing.assert_allclose(*ends, rtol=1e-4, atol=1e-6)


def test_a_frozen_recurrence_stays_as_it_is():
    model = rnn(3)
    model.cell.trainable = False
    before = [model.cell.get_weights(), model.readout.get_weights()]
    compiled(model, "adam").fit(X, Y, verbose=0)
    assert all(map(np.array_equal, before[0], model.cell.get_weights()))
    assert not np.array_equal(before[1][0], model.readout.get_weights()[0])


def test_half_precision_gives_the_gradients_of_single_precision():
    found = []
    for policy in ("float32", "mixed_float16"):
        keras.config.set_dtype_policy(policy)
        try:
            model = rnn(3, random_predictor())
            before = helpers.weights(model)
            compiled(model, keras.optimizers.SGD(0.1))
            model.fit(X, Y, EPISODES, verbose=0)
            after = helpers.weights(model)
        finally:
            keras.config.set_dtype_policy("float32")
        found.append([one - two for one, two in zip(before, after)])
    assert_close(*found, atol=3e-4)
    assert max(np.abs(one).max() for one in found[0]) > 0.01


@pytest.mark.parametrize(
    "name, value",
    [
        ("cell", keras.layers.Dense(2)),
        ("cell", "gru"),
        ("cell", keras.layers.GRU(2)),
        ("readout", None),
        ("window", 0),
        ("window", 2.5),
        ("interface", keras.layers.Dense(2)),
        ("interface", dni.SyntheticGradient(num_classes=3)),
        ("interface", dni.DirectFeedback(3)),
        ("discount", -0.1),
        ("discount", 1.5),
        ("discount", np.nan),
    ],
)
def test_a_wrong_argument_is_named(name, value):
    arguments = {
        "cell": keras.layers.GRUCell(2),
        "readout": keras.layers.Dense(2),
        "window": 3,
    }
    with pytest.raises(ValueError, match=f"`{name}`.*Expected.*Received"):
        dni.TruncatedRNN(**arguments | {name: value})


@pytest.mark.parametrize(
    "loss",
    [
        keras.losses.MeanSquaredError(reduction="sum"),
        keras.losses.MeanSquaredError(reduction="mean_with_sample_weight"),
        keras.losses.SparseCategoricalCrossentropy(ignore_class=0),
    ],
)
def test_a_loss_that_is_no_mean_over_steps_is_refused(loss):
    with pytest.raises(ValueError, match="`loss`.*Expected a mean"):
        rnn(3).compile("sgd", loss)


@pytest.mark.parametrize(
    "name, data",
    [
        ("x", (X[:, 0], Y)),
        ("x", (X[:, :, :1], Y)),
        ("x", (np.full_like(X, np.nan), Y)),
        ("y", (X, Y[:, :-1])),
        ("y", (X, Y[:, 0])),
        ("y", (X, Y + CLASSES)),
        ("sample_weight", (X, Y, MASK[:, :-1])),
        ("sample_weight", (X, Y, MASK[:3])),
    ],
)
@pytest.mark.parametrize("method", ["fit", "evaluate"])
def test_data_that_do_not_fit_are_named_before_training(name, data, method):
    model = compiled(rnn(3), "adam", metrics=["accuracy"])
    x, y, *weight = data
    kwargs = {"sample_weight": weight[0]} if weight else {}
    with pytest.raises(ValueError, match=f"`{name}`"):
        getattr(model, method)(x, y, verbose=0, **kwargs)
    assert int(model.optimizer.iterations) == 0


def test_workers_do_not_take_whole_episodes_for_windows():
    with pytest.raises(ValueError, match="`model`.*window by window"):
        dni.fit_async(compiled(rnn(3)), X, Y)


def test_windows_are_not_lost_inside_another_model():
    with pytest.raises(ValueError, match="`modules`.*way of its own"):
        dni.DecoupledModel([rnn(3), keras.layers.Dense(2)], [None])
