import dni_lesson as dni

import helpers
import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf


def model_with(rule, optimizer="sgd"):
    model = dni.mlp(depth=3, units=8, rule=rule, input_dim=6, num_classes=3)
    model.compile(optimizer, helpers.crossentropy(), run_eagerly=True)
    return model


def test_true_gradient_is_full_backprop_through_the_same_weights():
    x, y = helpers.toy_data()
    model = model_with("cdni")
    model.fit(x, y, epochs=2, verbose=0)
    (first, second) = dni.boundary_gradients(model, x, y)
    with tf.GradientTape(persistent=True) as tape:
        h1 = model.modules[0](x, training=True)
        tape.watch(h1)
        h2 = model.modules[1](h1, training=True)
        logits = model.modules[2](h2, training=True)
        loss = helpers.crossentropy()(y, logits)
    np.testing.assert_allclose(first.true, tape.gradient(loss, h1), atol=1e-6)
    np.testing.assert_allclose(second.true, tape.gradient(loss, h2), atol=1e-6)
    assert (first.boundary, second.boundary) == (1, 2)


def test_synthetic_gradient_is_what_training_sends_down():
    x, y = helpers.toy_data()
    model = model_with("cdni")
    model.fit(x, y, epochs=2, verbose=0)
    received = dni.boundary_gradients(model, x, y)[1].synthetic
    with tf.GradientTape() as tape:
        h = model.modules[1](model.modules[0](x, training=True), training=True)
        tape.watch(h)
        out = model.interfaces[1](h, labels=y, training=True)
        loss = tf.reduce_sum(out)
    np.testing.assert_allclose(received, tape.gradient(loss, h), atol=1e-7)


def test_the_cosine_of_the_update_is_that_of_the_gradients_of_all_weights():
    x, y = helpers.toy_data()
    model = model_with("cdni")
    model.fit(x, y, epochs=2, verbose=0)
    (found, _) = dni.boundary_gradients(model, x, y)
    module = model.modules[0]
    with tf.GradientTape(persistent=True) as tape:
        h = module(x, training=True)
    one, other = (
        np.concatenate([np.ravel(part) for part in parts])
        for parts in (
            tape.gradient(
                h,
                [one.value for one in module.trainable_variables],
                output_gradients=tf.constant(gradient),
            )
            for gradient in (found.true, found.synthetic)
        )
    )
    expected = one @ other / np.linalg.norm(one) / np.linalg.norm(other)
    assert found.update_cosine == pytest.approx(expected, abs=1e-4)
    assert abs(expected - dni.agreement(*found[1:3])["cosine"]) > 0.01


@pytest.mark.parametrize("sign", [1, -1])
def test_a_synthetic_gradient_that_is_true_makes_the_true_update(sign):
    x, y = helpers.toy_data()
    model = dni.DecoupledModel(
        [keras.layers.Dense(5), keras.layers.Dense(3)],
        [dni.DirectFeedback(3)],
    )
    model.build((None, x.shape[1]))
    model.compile("sgd", helpers.crossentropy(), run_eagerly=True)
    kernel = model.modules[1].kernel
    model.interfaces[0].matrix.assign(sign * keras.ops.transpose(kernel))
    (found,) = dni.boundary_gradients(model, x, y)
    assert found.update_cosine == pytest.approx(sign, abs=1e-4)


@pytest.mark.parametrize(
    "below, interface",
    [
        (keras.layers.Dense(4), dni.SyntheticGradient()),  # zero at the start
        (keras.layers.ReLU(), dni.DirectFeedback(3)),  # no weights
    ],
)
def test_an_update_that_is_none_has_no_cosine(below, interface):
    x, y = helpers.toy_data()
    model = dni.DecoupledModel([below, keras.layers.Dense(3)], [interface])
    model.build((None, x.shape[1]))
    model.compile("sgd", helpers.crossentropy(), run_eagerly=True)
    (found,) = dni.boundary_gradients(model, x, y)
    assert np.isnan(found.update_cosine)


def test_measuring_changes_nothing_in_the_model():
    x, y = helpers.toy_data()
    model = dni.DecoupledModel(
        [
            keras.Sequential(
                [
                    keras.layers.Dense(8),
                    keras.layers.BatchNormalization(),
                    keras.layers.Dropout(0.5, seed=1),
                ]
            ),
            keras.layers.Dense(3),
        ],
        [dni.SyntheticGradient(num_classes=3)],
    )
    model.build((None, 6))
    model.compile("sgd", helpers.crossentropy(), jit_compile=False)
    before = [np.array(v) for v in model.variables]
    dni.boundary_gradients(model, x, y)
    for old, new in zip(before, model.variables, strict=True):
        np.testing.assert_array_equal(old, new)


def test_a_model_without_interfaces_has_no_boundary_gradients():
    assert (
        dni.boundary_gradients(model_with("backprop"), *helpers.toy_data())
        == []
    )


@pytest.mark.parametrize(
    "synthetic, cosine, sign, ratio, error",
    [
        ([3.0, 4.0], 1.0, 1.0, 1.0, 0.0),
        ([6.0, 8.0], 1.0, 1.0, 2.0, 1.0),
        ([-3.0, -4.0], -1.0, 0.0, 1.0, 2.0),
        ([4.0, -3.0], 0.0, 0.5, 1.0, np.sqrt(2)),
        ([0.0, 0.0], np.nan, 0.0, 0.0, 1.0),
    ],
)
def test_agreement_by_hand(synthetic, cosine, sign, ratio, error):
    received = dni.agreement([3.0, 4.0], synthetic)
    expected = {
        "cosine": cosine,
        "sign_agreement": sign,
        "norm_ratio": ratio,
        "relative_error": error,
    }
    assert received == pytest.approx(expected, nan_ok=True)


def test_agreement_with_a_true_gradient_of_zero_is_not_a_number():
    assert all(np.isnan(v) for v in dni.agreement([0.0], [1.0]).values())


def test_many_models_are_measured_without_a_warning(caplog):
    x, y = helpers.toy_data(8)
    for seed in range(6):
        model = dni.mlp(2, 4, input_dim=6, num_classes=3, seed=seed)
        model.compile("sgd", helpers.crossentropy(), jit_compile=False)
        assert len(dni.boundary_gradients(model, x, y)) == 1
    assert not caplog.records


def fit(callbacks, rule="cdni", epochs=2, steps_per_execution=1, **kwargs):
    x, y = helpers.toy_data()
    model = dni.mlp(depth=3, units=8, rule=rule, input_dim=6, num_classes=3)
    model.compile(
        "adam",
        helpers.crossentropy(),
        jit_compile=False,
        steps_per_execution=steps_per_execution,
    )
    model.fit(
        x,
        y,
        batch_size=4,  # 6 steps an epoch
        epochs=epochs,
        shuffle=False,
        verbose=0,
        callbacks=callbacks,
        **kwargs,
    )
    return model


def monitor(**kwargs):
    return dni.GradientMonitor(*helpers.toy_data(16, seed=1), **kwargs)


def test_monitors_leave_the_weights_as_they_are_bit_for_bit():
    observed = fit([monitor(every=2), dni.ThroughputMonitor()])
    helpers.assert_same_weights(observed, fit([]))


def test_gradient_monitor_has_one_row_per_epoch_and_boundary():
    watch = monitor()
    fit([watch])
    frame = pd.DataFrame(watch.history)
    assert list(frame["step"]) == [6, 6, 12, 12]
    assert list(frame["boundary"]) == [1, 2, 1, 2]
    assert list(frame)[2:] == [
        "cosine",
        "sign_agreement",
        "norm_ratio",
        "relative_error",
        "update_cosine",
    ]


@pytest.mark.parametrize(
    "every, steps_per_execution, expected",
    [
        (4, 1, [4, 8, 12]),
        (4, 3, [6, 9, 12]),
        (1, 6, [6, 12]),
        (1, 4, [4, 6, 10, 12]),  # 6 steps an epoch: the last group is short
        (100, 1, []),
    ],
)
def test_gradient_monitor_measures_when_due(
    every, steps_per_execution, expected
):
    watch = monitor(every=every)
    fit([watch], steps_per_execution=steps_per_execution)
    assert watch.history["step"][::2] == expected


def test_gradient_monitor_agrees_with_boundary_gradients():
    watch = monitor()
    model = fit([watch])
    last = dni.boundary_gradients(model, watch.x_probe, watch.y_probe)[-1]
    expected = dni.agreement(last.true, last.synthetic)
    # Another graph, which may add up in another order.
    assert watch.history["cosine"][-1] == pytest.approx(
        expected["cosine"], abs=1e-4
    )


def test_a_monitor_begins_anew_with_each_fit():
    watch = monitor()
    fit([watch])
    first = watch.history
    fit([watch])
    assert watch.history is not first and watch.history.keys() == first.keys()
    for name, values in first.items():
        assert watch.history[name] == pytest.approx(values, abs=1e-4)


def test_a_monitor_of_backprop_has_an_empty_history():
    watch = monitor()
    fit([watch], rule="backprop")
    assert set(map(tuple, watch.history.values())) == {()}


@pytest.mark.parametrize("every", [0, -1, 1.5, "step", None, True])
def test_every_out_of_range_is_refused(every):
    with pytest.raises(ValueError, match="`every`. Expected"):
        monitor(every=every)


def test_a_probe_that_does_not_fit_is_refused_before_training():
    watch = dni.GradientMonitor(np.ones((4, 5), "float32"), np.zeros(4, int))
    with pytest.raises(ValueError, match="`probe`. Expected the shape"):
        fit([watch])


def test_throughput_counts_every_step_but_the_one_that_compiles():
    watch = dni.ThroughputMonitor()
    fit([watch], validation_data=helpers.toy_data(8))
    assert watch.history["epoch"] == [0, 1]
    assert watch.history["steps"] == [5, 6]
    for steps, seconds, rate in zip(
        *list(watch.history.values())[1:], strict=True
    ):
        assert seconds > 0 and rate == steps / seconds


@pytest.mark.filterwarnings("ignore:Your input ran out of data")  # Keras's
@pytest.mark.parametrize("steps_per_execution", [1, 16])
def test_steps_are_counted_where_the_length_is_not_known(steps_per_execution):
    x, y = helpers.toy_data()
    data = helpers.data_set(x, y).filter(lambda x, y: True)  # 3 batches
    model = dni.mlp(depth=3, units=8, input_dim=6, num_classes=3)
    model.compile(
        "adam",
        helpers.crossentropy(),
        jit_compile=False,
        steps_per_execution=steps_per_execution,
    )
    watch, throughput = monitor(), dni.ThroughputMonitor()
    model.fit(
        data,
        epochs=3,
        shuffle=False,
        verbose=0,
        callbacks=[watch, throughput],
    )
    assert watch.history["step"][::2] == [3, 6, 9]
    first = [2] if steps_per_execution == 1 else []
    assert throughput.history["steps"] == [*first, 3, 3]
